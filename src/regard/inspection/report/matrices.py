"""What the page's script is told of matrices, and what readers are told of how they are drawn."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from regard.inspection.labels import printable, shorten, token_label
from regard.inspection.report.markup import escape
from regard.inspection.report.packing import Packing, pack

__all__ = ["Head", "Sides", "matrices", "note"]

_MAX_TOKEN = 200


class Sides(NamedTuple):
    """The tokens of rows and of columns, and what one of each is called."""

    query: Sequence[str]
    key: Sequence[str]
    row: str = "query"
    column: str = "key"

    @property
    def size(self) -> tuple[int, int]:
        """Return how many rows and columns there are."""
        return len(self.query), len(self.key)


class Head(NamedTuple):
    """One matrix, which layer and head it is of, and how widely its rows look, in nats."""

    weights: Tensor
    layer: int | None = None
    head: int | None = None
    entropy: float | None = None


def matrices(
    name: str, sides: Sides, heads: Sequence[Head], packing: Packing, mask: Tensor | None = None
) -> dict[str, object]:
    """Return what the script draws the matrices of one attention from.

    Raises:
        NoRoomError: the packing has less room than the weights need.
    """
    largest = max(head.weights.detach().max().item() for head in heads)
    return {
        "name": printable(name),
        "row": sides.row,
        "column": sides.column,
        "query": [_label(token) for token in sides.query],
        "key": [_label(token) for token in sides.key],
        "steps": packing.steps(sides.size),
        "kept": min(packing.keys, len(sides.key)),
        "largest": largest,
        "heads": [
            {"layer": head.layer, "head": head.head, "entropy": head.entropy} for head in heads
        ],
        **pack([head.weights for head in heads], mask, largest, packing),
    }


def note(text: str, sizes: Sequence[tuple[int, int]], packing: Packing) -> str:
    """Return the text as a note, with how coarsely matrices of these sizes are shown."""
    said = [text]
    down, across = max((packing.steps(size) for size in sizes), key=math.prod)
    if down * across > 1:
        said.append(
            f"To keep the page small, a cell shows the largest of up to {down} × {across} weights."
        )
    if any(columns > packing.keys for _, columns in sizes):
        said.append(_exactness(packing.keys))
    return f'<p class="note">{escape(" ".join(said))}</p>'


def _exactness(keys: int) -> str:
    if keys > 1:
        return f"The {keys} largest weights of each row are exact."
    if keys:
        return "The largest weight of each row is exact."
    return "No weight is more exact than can be seen."


def _label(token: str) -> str:
    return shorten(token_label(token), _MAX_TOKEN)
