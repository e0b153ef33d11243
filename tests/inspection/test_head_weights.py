"""The weights of all heads fit their tokens, or it is said what does not."""

import math
import re
from typing import Any

import pytest
import torch
from torch import Tensor

from regard.inspection.head_weights import HeadWeights

EVEN = torch.full((2, 3, 4), 0.25)
QUERY, KEY = ["a", "b", "c"], ["d", "e", "f", "g"]


def test_entropy_is_the_mean_over_the_queries() -> None:
    one_hot = torch.eye(4)[:3]
    halves = torch.tensor([[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]])
    given = HeadWeights("x", [torch.stack([one_hot, halves]), EVEN[:1]], QUERY, KEY)
    of_halves = (math.log(2) + math.log(4)) / 3
    assert given.entropies() == [
        pytest.approx([0, of_halves], abs=1e-6),
        pytest.approx([math.log(4)], abs=1e-6),
    ]


@pytest.mark.parametrize("scale", [0.1, 2.0])
def test_entropy_is_that_of_shares(scale: float) -> None:
    assert HeadWeights("x", [EVEN * scale], QUERY, KEY).entropies() == [
        pytest.approx([math.log(4)] * 2, abs=1e-6)
    ]


def test_who_looks_nowhere_looks_nowhere_widely() -> None:
    given = HeadWeights("x", [torch.zeros(1, 3, 4)], QUERY, KEY)
    assert given.entropies() == [[0.0]]


@pytest.mark.parametrize(
    ("layers", "mask", "error", "said"),
    [
        ([], None, ValueError, "x has nothing to draw: 0 layers, 3 query × 4 key tokens"),
        ([EVEN[0]], None, ValueError, "layer 0 of x must have shape (heads, query=3, key=4); got"),
        ([EVEN, EVEN.mT], None, ValueError, "layer 1 of x must have shape (heads, query=3, key=4)"),
        ([EVEN[:0]], None, ValueError, "layer 0 of x must have shape (heads, query=3, key=4); got"),
        (
            [EVEN.long()],
            None,
            TypeError,
            "weights must be a floating-point tensor; got torch.int64",
        ),
        ([EVEN * 5], None, ValueError, "weights must lie in 0…1; got 1.25…1.25"),
        ([EVEN.log() * torch.nan], None, ValueError, "weights must be finite; got NaN"),
        ([EVEN], torch.ones(3, 4), TypeError, "the mask must be boolean, True = may attend; got t"),
        (
            [EVEN],
            torch.ones(4, 3).bool(),
            ValueError,
            "must have shape (query=3, key=4); got (4, 3",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    layers: list[Tensor], mask: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        HeadWeights("x", layers, QUERY, KEY, mask)


@pytest.mark.parametrize(("query", "key"), [([], KEY), (QUERY, [])])
def test_without_tokens_there_is_nothing_to_draw(query: list[str], key: list[str]) -> None:
    weights = torch.zeros(2, len(query), len(key))
    with pytest.raises(ValueError, match="x has nothing to draw: 1 layers, "):
        HeadWeights("x", [weights], query, key)
