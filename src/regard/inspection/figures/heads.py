"""All heads of a model in one picture: a row for each layer, a column for each head."""

import os
from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from unicodedata import east_asian_width

import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from regard.inspection.figures.fonts import fonts_for
from regard.inspection.figures.picture_files import save_figure
from regard.inspection.figures.plots import COLOURS, draw_bar, draw_mesh
from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import printable, shorten, token_label

__all__ = ["draw", "save"]

_LEGEND = "each row: where one token looks; below each head: its mean entropy, in nats"
_MAX_LABEL = 16
# Of more tokens on a side, several make one cell.
_MAX_CELLS = 400
# More outlines than this, in all heads together, would swell the file and take seconds.
_MAX_OUTLINED = 20_000
_FAINT = "#5d6880"

# Lengths in inches.
_CELL, _LONGEST_SIDE, _LARGEST = 0.13, 3.2, 48.0
_LABELLED_FROM, _OUTLINED_FROM = 0.065, 0.1
_LEAST_PITCHES, _GAP, _MARGIN, _PAD = (0.6, 0.55), 0.14, 0.15, 0.04
_TITLE, _LEGEND_HEIGHT, _NAME, _HEAD, _ENTROPY, _LAYER = 0.24, 0.38, 0.26, 0.17, 0.15, 0.22
_BAR_GAP, _BAR_WIDTH, _BAR_HEIGHT, _BAR_LABELS = 0.05, 0.12, 1.0, 0.6

# Sizes of letters in points, and their width as a part of that.
_TITLE_SIZE, _NAME_SIZE, _HEAD_SIZE, _SMALL_SIZE, _LABEL_SIZE = 12.0, 10.0, 8.0, 7.0, 7.5
_POINT = 1 / 72
_NARROW, _WIDE = 0.62, 1.05


def draw(attentions: Sequence[HeadWeights], title: str = "") -> Figure:
    """Return a grid for each attention: query tokens down, key tokens across, one colour scale.

    Below each head stands its mean entropy in nats: 0 where every query looks at one key alone.
    Layers and heads are counted from 0. What may not be attended stays blank. Tokens are named
    where there is room for that, up to about 40; of very many, a cell shows the largest weight of
    several.

    Raises:
        ValueError: there is no attention.
    """
    if not attentions:
        raise ValueError("there is no attention whose heads could be drawn")
    frame = _Frame(attentions)
    sheet = _Sheet(frame.size, fonts_for(_shown(attentions, title)).families)
    room = int((frame.size[0] - 2 * _MARGIN) / _width("x", _TITLE_SIZE))
    sheet.write(shorten(printable(title), room), (_MARGIN, _MARGIN), _TITLE_SIZE, va="top")
    under = (_MARGIN, _MARGIN + _TITLE)
    sheet.write(_LEGEND, under, _SMALL_SIZE, va="top", color=_FAINT)
    for attention, top in zip(attentions, frame.tops, strict=True):
        _name_heads(sheet, attention, top, frame)
        _draw_heads(sheet, attention, top + frame.above(attention), frame)
    bar = (frame.right + _BAR_GAP, frame.tops[0] + frame.above(attentions[0]))
    scale = sheet.part(bar, (_BAR_WIDTH, _BAR_HEIGHT))
    draw_bar(sheet.figure, scale, ScalarMappable(Normalize(0, 1), COLOURS))
    scale.yaxis.label.set_fontsize(_HEAD_SIZE)
    return sheet.figure


def save(attentions: Sequence[HeadWeights], path: str | os.PathLike[str], title: str = "") -> None:
    """Write the grids to a .pdf, .png or .svg file, which is then whole or not there.

    Raises:
        ValueError: there is no attention, or `path` ends in another suffix.
    """
    figure = draw(attentions, title)
    save_figure(figure, path, title=printable(title), shown=_shown(attentions, title))


class _Frame:
    """Where everything stands, in inches: square cells of one size, as large as there is room."""

    def __init__(self, attentions: Sequence[HeadWeights]) -> None:
        num_columns = max(len(weights) for each in attentions for weights in each.layers)
        num_down = sum(len(each.layers) * len(each.query) for each in attentions)
        widest = max(len(each.key) for each in attentions)
        longest = max(widest, *(len(each.query) for each in attentions))
        fitting = _LARGEST / max(num_columns * widest, num_down)
        self.cell = min(_CELL, _LONGEST_SIDE / longest, fitting)
        num_cells = sum(weights.numel() for each in attentions for weights in each.layers)
        self.outlined = self.cell >= _OUTLINED_FROM and num_cells <= _MAX_OUTLINED
        self.label_size = min(_LABEL_SIZE, 0.85 * self.cell / _POINT)
        self.left = _MARGIN + _LAYER + max(self._room(each.query) for each in attentions)
        self.pitch = max(self.cell * widest, _LEAST_PITCHES[0]) + _GAP
        self.right = self.left + num_columns * self.pitch
        heights = [
            self.above(each) + len(each.layers) * self.row_pitch(each) + _GAP for each in attentions
        ]
        *self.tops, bottom = accumulate(heights, initial=_MARGIN + _TITLE + _LEGEND_HEIGHT)
        self.size = (self.right + _BAR_GAP + _BAR_WIDTH + _BAR_LABELS, bottom)

    def panel(self, attention: HeadWeights) -> tuple[float, float]:
        """Return how wide and high the cells of each head are together."""
        return self.cell * len(attention.key), self.cell * len(attention.query)

    def column(self, head: int) -> float:
        """Return where the cells of a head begin, from the left."""
        return self.left + head * self.pitch

    def above(self, attention: HeadWeights) -> float:
        """Return how much stands above the cells of an attention: its name, heads' and keys'."""
        return _NAME + _HEAD + self._room(attention.key)

    def row_pitch(self, attention: HeadWeights) -> float:
        """Return how far below each other the layers of an attention stand."""
        return max(self.cell * len(attention.query) + _ENTROPY + _GAP, _LEAST_PITCHES[1])

    def names(self, tokens: Sequence[str]) -> list[str]:
        """Return what is written beside the cells of tokens, if anything can be read there."""
        return _names(tokens) if self.cell >= _LABELLED_FROM else []

    def _room(self, tokens: Sequence[str]) -> float:
        widths = [_width(name, self.label_size) for name in self.names(tokens)]
        return 2 * _PAD + max(widths, default=0)


class _Sheet:
    """A figure on which places are told in inches from its left and its top."""

    def __init__(self, size: tuple[float, float], fonts: Sequence[str]) -> None:
        self.figure = Figure(size)
        # The same for all heads: to make some for each takes seconds.
        self.axes = self.part((0.0, 0.0), size)
        self.axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
        self.axes.set_axis_off()
        # A token may hold dollar signs, and is no formula.
        self._text: dict[str, Any] = {"family": list(fonts), "parse_math": False}

    def part(self, place: tuple[float, float], size: tuple[float, float]) -> Axes:
        """Make axes in some part of the figure."""
        across, down = self.figure.get_size_inches()
        bottom = down - place[1] - size[1]
        return self.figure.add_axes(
            (place[0] / across, bottom / down, size[0] / across, size[1] / down)
        )

    def write(self, text: str, place: tuple[float, float], size: float, **options: Any) -> None:
        self.axes.text(*place, text, fontsize=size, **{**self._text, **options})

    def draw_cells(
        self, rows: Tensor, place: tuple[float, float], size: tuple[float, float], *, outlined: bool
    ) -> QuadMesh:
        """Draw a rectangle for every weight, the first row at the top."""
        edges = [
            torch.linspace(start, start + length, number + 1)
            for start, length, number in zip(place, size, rows.T.shape, strict=True)
        ]
        return draw_mesh(self.axes, rows, *edges, outlined=outlined)


def _name_heads(sheet: _Sheet, attention: HeadWeights, top: float, frame: _Frame) -> None:
    """Write an attention's name, and above each column which head it is and what its keys are."""
    title = printable(attention.name)
    # Not every font that a token needs is bold.
    bold = {"weight": "bold", "family": fonts_for(title).families}
    sheet.write(title, (_MARGIN, top), _NAME_SIZE, va="top", **bold)
    names, bottom = frame.names(attention.key), top + frame.above(attention) - _PAD
    for head in range(max(map(len, attention.layers))):
        left, middle = frame.column(head), frame.column(head) + frame.panel(attention)[0] / 2
        sheet.write(f"head {head}", (middle, top + _NAME), _HEAD_SIZE, ha="center", va="top")
        for number, name in enumerate(names):
            across = left + (number + 0.5) * frame.cell
            sheet.write(
                name, (across, bottom), frame.label_size, ha="center", va="bottom", rotation=90
            )


def _draw_heads(sheet: _Sheet, attention: HeadWeights, top: float, frame: _Frame) -> None:
    """Draw the heads of all layers, and write beside each row what it is."""
    size, entropies = frame.panel(attention), attention.entropies()
    for layer, weights in enumerate(attention.layers):
        row = top + layer * frame.row_pitch(attention)
        beside = (_MARGIN + _LAYER / 2, row + size[1] / 2)
        sheet.write(f"layer {layer}", beside, _HEAD_SIZE, ha="center", va="center", rotation=90)
        for number, name in enumerate(frame.names(attention.query)):
            down = row + (number + 0.5) * frame.cell
            place = (frame.left - _PAD, down)
            sheet.write(name, place, frame.label_size, ha="right", va="center_baseline")
        for head, rows in enumerate(_cells(weights, attention.mask)):
            left = frame.column(head)
            mesh = sheet.draw_cells(rows, (left, row), size, outlined=frame.outlined)
            mesh.set_label(f"{attention.name}, layer {layer}, head {head}")
            nats, under = entropies[layer][head], (left + size[0] / 2, row + size[1] + _PAD)
            sheet.write(f"{nats:.2f}", under, _SMALL_SIZE, ha="center", va="top", color=_FAINT)


def _cells(weights: Tensor, mask: Tensor | None) -> Tensor:
    """Return what is drawn of each head; no number where nothing may be attended."""
    size = [min(_MAX_CELLS, length) for length in weights.shape[1:]]
    cells: Tensor = F.adaptive_max_pool2d(weights.detach().cpu().double().clamp(0, 1), size)
    if mask is None:
        return cells
    attended = F.adaptive_max_pool2d(mask.cpu().unsqueeze(0).double(), size) > 0
    return cells.masked_fill(~attended, torch.nan)


def _names(tokens: Sequence[str]) -> list[str]:
    return [shorten(token_label(token), _MAX_LABEL) for token in tokens]


def _width(text: str, size: float) -> float:
    """Return about how wide a text is, in inches."""
    ems = sum(_WIDE if east_asian_width(each) in "FW" else _NARROW for each in text)
    return ems * size * _POINT


def _shown(attentions: Sequence[HeadWeights], title: str) -> str:
    """Return what may stand in the picture."""
    tokens = [token for each in attentions for token in (*each.query, *each.key)]
    names = [printable(each.name) for each in attentions]
    return "".join([printable(title), *names, *_names(tokens)])
