"""Kernel x score x normalizer x mask x dtype: whatever a kernel takes, it gives the reference's."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from regard.functional.masks import Window
from tests.contracts.test_kernels import TOLERANCE, assert_same_as_reference
from tests.drawing import draws
from tests.questions import PAIRS, Pair, leaf, question, takers

QUERIES, KEYS = 6, 7

SOME = draws(3)(2, QUERIES, KEYS) > -0.3
SOME[:, 0] = False

MASKS: dict[str, Tensor | Window | None] = {
    "everything": None,
    "some": SOME,
    "keys of each": SOME[:, -1:],
    "queries of each": SOME[..., :1],
    "nothing": torch.zeros(1, 1, dtype=torch.bool),
    "causal": Window(None, 0),
    "window": Window(2, 1),
    "window of one": Window(0, 0),
    "wider than the keys": Window(9, 9),
    "window and keys": Window(1, 2, SOME[:, -1:]),
    "window and some": Window(2, 0, SOME),
}


class Cell(NamedTuple):
    """One cell of the matrix."""

    pair: Pair
    mask: str
    dtype: torch.dtype
    kernel: str

    @property
    def id(self) -> str:
        """Name it."""
        return f"{self.kernel}-{self.pair.id}-{self.mask}-{self.dtype}".replace("torch.", "")


def cells() -> list[Cell]:
    """Return the cells that are not the reference's own."""
    found = []
    for pair in PAIRS:
        for dtype in TOLERANCE:
            asked = question(pair, query_len=QUERIES, key_len=KEYS, dtype=dtype)
            for name, mask in MASKS.items():
                *fast, _ = takers(asked.having(mask=mask))
                found += [Cell(pair, name, dtype, kernel) for kernel in fast]
    return found


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.id)
def test_fast_is_the_reference(cell: Cell) -> None:
    asked = question(cell.pair, query_len=QUERIES, key_len=KEYS, dtype=cell.dtype)
    bias = leaf(draws(4, cell.dtype)(QUERIES, KEYS))
    assert_same_as_reference(asked.having(mask=MASKS[cell.mask], bias=bias), cell.kernel)
