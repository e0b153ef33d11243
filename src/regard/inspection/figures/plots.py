"""Alignments as figures and picture files, drawn by matplotlib."""

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.figures.fonts import fonts_for
from regard.inspection.figures.picture_files import SUFFIXES, save_figure
from regard.inspection.labels import printable, shorten, token_label
from regard.inspection.palette import ON_LIGHT

__all__ = [
    "COLOURS",
    "SUFFIXES",
    "draw",
    "draw_bar",
    "draw_cells",
    "draw_mesh",
    "save",
    "token_labels",
]

COLOURS = ListedColormap(ON_LIGHT, name="regard")
"""From weight 0 to weight 1."""

_MAX_LABEL = 24
_MAX_TITLE = 120
_MAX_UPRIGHT = 2
_FONT_SIZE = 10
# More outlines than this would hide the colours, swell the file and take seconds.
_MAX_OUTLINED = 10_000

# Lengths in inches.
_CELL = 0.3
_LARGEST = 40.0
_LABEL_PITCH = 0.17
_CHARACTER = 0.15
_TITLE_HEIGHT = 0.4
_MARGIN = 0.15
_BAR_GAP, _BAR_WIDTH, _BAR_HEIGHTS, _BAR_LABELS = 0.2, 0.12, (1.0, 2.4), 0.6


def draw(alignment: Alignment) -> Figure:
    """Return the heat map: target tokens down, source tokens along the top, a colour bar."""
    source, target = token_labels(alignment.source), token_labels(alignment.target)
    title = shorten(printable(alignment.title), _MAX_TITLE)
    text: dict[str, Any] = {
        "family": fonts_for("".join([title, *source, *target])).families,
        "fontsize": _FONT_SIZE,
        # A token may hold dollar signs, and is no formula.
        "parse_math": False,
    }
    if why := alignment.why_empty():
        figure = Figure((6, 1))
        figure.text(0.02, 0.7, title, **text)
        figure.text(0.02, 0.3, why, **text)
        return figure
    frame = _frame(source, target)
    figure = Figure(frame.size)
    axes = figure.add_axes(frame.part(frame.left, frame.top, frame.width, frame.height))
    axes.set_title(title, loc="left", **text)
    mesh = draw_cells(axes, alignment)
    _name_columns(axes, source, frame.step, text)
    _name_rows(axes, target, frame.step, text)
    bar = (frame.left + frame.width + _BAR_GAP, frame.top, _BAR_WIDTH, frame.bar_height)
    draw_bar(figure, figure.add_axes(frame.part(*bar)), mesh)
    return figure


class _Frame(NamedTuple):
    """Where the parts of a figure stand, in inches from its left and its top."""

    size: tuple[float, float]
    left: float
    top: float
    width: float
    height: float
    bar_height: float
    step: int

    def part(
        self, left: float, top: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """Return left, bottom, width and height as fractions of the figure."""
        bottom = self.size[1] - top - height
        return (
            left / self.size[0],
            bottom / self.size[1],
            width / self.size[0],
            height / self.size[1],
        )


def _frame(source: Sequence[str], target: Sequence[str]) -> _Frame:
    """Lay out square cells of one size, with room for the longest labels around them."""
    cell = min(_CELL, _LARGEST / max(len(source), len(target)))
    width, height = cell * len(source), cell * len(target)
    bar_height = min(max(_BAR_HEIGHTS[0], height), _BAR_HEIGHTS[1])
    above = _CHARACTER * (1 + max(map(len, source)))
    left = _MARGIN + _CHARACTER * (1 + max(map(len, target)))
    top = _MARGIN + _TITLE_HEIGHT + above
    right = max(above, _BAR_GAP + _BAR_WIDTH + _BAR_LABELS) + _MARGIN
    size = (left + width + right, top + max(height, bar_height) + _MARGIN)
    step = math.ceil(_LABEL_PITCH / cell)
    return _Frame(size, left, top, width, height, bar_height, step)


def save(alignment: Alignment, path: str | os.PathLike[str]) -> None:
    """Write the heat map to a .pdf, .png or .svg file, which is then whole or not there.

    Text in an SVG stays text: what opens the file draws it with its own fonts.

    Raises:
        ValueError: `path` ends in another suffix.
    """
    tokens = map(token_label, (*alignment.source, *alignment.target))
    save_figure(draw(alignment), path, title=printable(alignment.title), shown="".join(tokens))


def token_labels(tokens: Sequence[str]) -> list[str]:
    """Return what stands beside the cells of each token."""
    return [shorten(token_label(token), _MAX_LABEL) for token in tokens]


def draw_cells(axes: Axes, alignment: Alignment) -> QuadMesh:
    """Draw a square for every weight, the first target token at the top."""
    num_rows, num_columns = alignment.weights.shape
    rows = alignment.weights.detach().cpu().double().clamp(0, 1)
    edges = torch.arange(num_columns + 1.0), torch.arange(num_rows + 1.0)
    mesh = draw_mesh(axes, rows, *edges, outlined=rows.numel() <= _MAX_OUTLINED)
    axes.set(xlim=(0, num_columns), ylim=(num_rows, 0))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return mesh


def draw_mesh(
    axes: Axes,
    weights: Float[Tensor, "rows columns"],
    across: Float[Tensor, " columns+1"],
    down: Float[Tensor, " rows+1"],
    *,
    outlined: bool,
) -> QuadMesh:
    """Draw weights in their colours between the edges of their columns and rows.

    What is not outlined is one image within a vector picture, so that many weights are drawn in
    time: its edges must be evenly spaced.
    """
    corners = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)
    look: dict[str, Any] = {"cmap": COLOURS, "norm": Normalize(0, 1), "snap": True}
    if outlined:
        look |= {"edgecolors": "white", "linewidth": 0.5}
    kind = QuadMesh if outlined else _Cells
    cells = kind(corners.numpy(), array=weights.numpy(), antialiased=False, **look)
    axes.add_collection(cells)
    return cells


class _Cells(QuadMesh):
    """Many cells: an image of one dot for each where the picture can scale it, else painted."""

    def draw(self, renderer: Any) -> None:
        if not renderer.option_scale_image():
            super().draw(renderer)
            return
        axes, corners = cast(Axes, self.axes), torch.as_tensor(self.get_coordinates())
        (left, top), (right, bottom) = corners[0, 0].tolist(), corners[-1, -1].tolist()
        look: dict[str, Any] = {"interpolation": "none", "origin": "upper"}
        image = AxesImage(axes, cmap=COLOURS, norm=Normalize(0, 1), **look)
        image.set_extent((left, right, bottom, top))
        image.set_data(self.get_array())
        image.set_transform(axes.transData)
        image.set_clip_path(axes.patch)
        image.draw(renderer)


def draw_bar(figure: Figure, axes: Axes, colours: ScalarMappable) -> None:
    """Draw what the colours mean."""
    figure.colorbar(colours, cax=axes, ticks=[0, 0.5, 1], label="weight")
    axes.tick_params(length=0, labelsize=_FONT_SIZE - 2)
    axes.spines[:].set_visible(False)


def _name_columns(axes: Axes, labels: Sequence[str], step: int, text: dict[str, Any]) -> None:
    upright = max(map(len, labels)) <= _MAX_UPRIGHT
    slant: dict[str, Any] = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
    places = [index + 0.5 for index in range(0, len(labels), step)]
    axes.xaxis.tick_top()
    axes.set_xticks(places, labels[::step], **text, **({} if upright else slant))


def _name_rows(axes: Axes, labels: Sequence[str], step: int, text: dict[str, Any]) -> None:
    axes.set_yticks([index + 0.5 for index in range(0, len(labels), step)], labels[::step], **text)
