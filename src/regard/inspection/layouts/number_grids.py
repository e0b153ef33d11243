"""Matrices as grids of numbers: shaded cells, with names beside and above them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from regard.inspection.labels import shorten, token_label
from regard.inspection.layouts.drawing import Box, Item, Paint, Words, text_width, widest
from regard.inspection.layouts.numerals import numerals
from regard.inspection.mechanism import Mechanism

__all__ = ["HEADING", "NOTE", "Grids", "NumberGrid", "baseline", "draw"]

HEADING, NOTE = 11.0, 8.5
"""Sizes of letters: of what things are called, and of what is said besides."""

_MAX_LABEL = 16
_NUMBER, _LABEL = 9.0, 9.5

# Lengths.
_CELL = (37.0, 20.0)
_NARROW_CELL, _WIDEST_FLAT = 24.0, 72.0
_ABOVE, _FLAT, _PAD = 17.0, 15.0, 5.0


Fills = list[list[Paint | None]]
"""What each cell is filled with."""


class NumberGrid(NamedTuple):
    """A matrix with what is written in and around its cells."""

    name: str
    texts: list[list[str]]
    fills: Fills
    rows: Sequence[str]
    columns: Sequence[str] = ()
    cell: float = _CELL[0]

    @property
    def size(self) -> tuple[float, float]:
        """How wide and high its cells are together."""
        return len(self.texts[0]) * self.cell, len(self.texts) * _CELL[1]

    @property
    def left(self) -> float:
        """How much stands at the left of its cells."""
        return widest(self.rows, _LABEL) + _PAD

    @property
    def right(self) -> float:
        """How much stands at the right of its cells: slanted names, and a name that is longer."""
        slanted = 0.72 * widest(self.columns, _LABEL) if self.is_slanted else 0.0
        heading = text_width(f"{self.name}   12 × 16", HEADING) - self.size[0]
        return max(slanted, heading, 0.0)

    @property
    def above(self) -> float:
        """How much stands above its cells."""
        if not self.columns:
            return _ABOVE
        slanted = 0.72 * widest(self.columns, _LABEL) + _LABEL
        return _ABOVE + (slanted if self.is_slanted else _FLAT)

    @property
    def is_slanted(self) -> bool:
        return widest(self.columns, _LABEL) > self.cell - 2


def draw(grid: NumberGrid, centre: float, top: float) -> Iterator[Item]:
    """Draw a grid whose cells begin at `top`, around a middle."""
    left = centre - grid.size[0] / 2
    heading = top - grid.above + HEADING
    yield Words(grid.name, left, heading, HEADING, anchor="start", bold=True)
    shape = f"{len(grid.texts)} × {len(grid.texts[0])}"
    after = left + 1.05 * text_width(grid.name, HEADING) + 8
    yield Words(shape, after, heading, NOTE, "quiet", "start")
    for number, name in enumerate(grid.columns):
        x = left + (number + 0.5) * grid.cell
        if grid.is_slanted:
            yield Words(name, x, top - 4, _LABEL, anchor="start", angle=45)
        else:
            yield Words(name, x, top - 5, _LABEL)
    for row, (name, texts, fills) in enumerate(zip(grid.rows, grid.texts, grid.fills, strict=True)):
        y = top + row * _CELL[1]
        yield Words(name, left - _PAD, baseline(y, _CELL[1], _LABEL), _LABEL, anchor="end")
        for column, (text, fill) in enumerate(zip(texts, fills, strict=True)):
            x = left + column * grid.cell
            yield Box(x + 0.5, y + 0.5, grid.cell - 1, _CELL[1] - 1, fill, "rule", 0.6, 2)
            yield _in_cell(text, (x + grid.cell / 2, y), fill)


def baseline(top: float, height: float, size: float) -> float:
    """Return where letters stand that are to be in the middle of so high a room."""
    return top + height / 2 + 0.36 * size


class Grids:
    """The matrices of a mechanism as grids, with the names of its tokens."""

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._queries, self._keys = (
            [shorten(token_label(token), _MAX_LABEL) for token in tokens]
            for tokens in (mechanism.queries, mechanism.keys)
        )

    def of_queries(self, name: str, vectors: Tensor) -> NumberGrid:
        """Return a vector for each query."""
        fills = _by_sign(vectors, torch.ones_like(vectors, dtype=torch.bool))
        return NumberGrid(name, numerals(vectors), fills, self._queries)

    def of_keys(self, name: str, vectors: Tensor) -> NumberGrid:
        """Return a vector for each key."""
        return self.of_queries(name, vectors)._replace(rows=self._keys)

    def scores(self, name: str, scores: Tensor) -> NumberGrid:
        """Return a number for each query and key, without shade where it may not be attended."""
        return self._of_pairs(name, numerals(scores), _by_sign(scores, self._allowed()))

    def bias(self, bias: Tensor) -> NumberGrid:
        """Return what is added to the scores."""
        everywhere = torch.ones_like(bias, dtype=torch.bool)
        return self._of_pairs("bias", numerals(bias), _by_sign(bias, everywhere))

    def weights(self) -> NumberGrid:
        """Return the weights, without shade where nothing may be attended."""
        weights = self._mechanism.weights
        shares = weights.detach().cpu().double().clamp(0, 1).tolist()
        fills = [
            [Paint("weight", share) if may else None for share, may in zip(*row, strict=True)]
            for row in zip(shares, self._allowed().tolist(), strict=True)
        ]
        return self._of_pairs("weights", numerals(weights), fills)

    def mask(self, mask: Tensor) -> NumberGrid:
        """Return who may attend whom."""
        allowed = mask.tolist()
        marks = [["✓" if may else "×" for may in row] for row in allowed]
        fills = [[Paint("raised") if may else None for may in row] for row in allowed]
        needed = widest(self._keys, _LABEL) + 4
        cell = max(_NARROW_CELL, needed) if needed <= _CELL[0] else _NARROW_CELL
        return NumberGrid("mask", marks, fills, self._queries, self._keys, cell)

    def _allowed(self) -> Tensor:
        mask, weights = self._mechanism.mask, self._mechanism.weights
        return torch.ones_like(weights, dtype=torch.bool) if mask is None else mask

    def _of_pairs(self, name: str, texts: list[list[str]], fills: Fills) -> NumberGrid:
        # Cells are as wide as the names above them, unless those are to be slanted.
        needed = widest(self._keys, _LABEL) + 4
        cell = max(_CELL[0], needed) if needed <= _WIDEST_FLAT else _CELL[0]
        return NumberGrid(name, texts, fills, self._queries, self._keys, cell)


def _in_cell(text: str, place: tuple[float, float], fill: Paint | None) -> Words:
    down = baseline(place[1], _CELL[1], _NUMBER)
    on = fill.strength if fill is not None and fill.role == "weight" else None
    return Words(text, place[0], down, _NUMBER, "text" if fill else "quiet", on=on)


def _by_sign(matrix: Tensor, shown: Tensor) -> Fills:
    """Shade what is shown, above 0 or below, by its share of the largest that is."""
    numbers = matrix.detach().cpu().double().where(shown.cpu(), 0)
    shares = (numbers / (float(numbers.abs().max()) or 1.0)).tolist()
    return [
        [
            Paint("above" if share > 0 else "below", abs(share)) if is_shown else None
            for share, is_shown in zip(*row, strict=True)
        ]
        for row in zip(shares, shown.tolist(), strict=True)
    ]
