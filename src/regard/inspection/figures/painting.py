"""Drawings as figures and picture files, painted by matplotlib."""

import os
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path

from regard.inspection.figures.fonts import fonts_for
from regard.inspection.figures.picture_files import save_figure
from regard.inspection.labels import printable, shorten
from regard.inspection.layouts.drawing import (
    STRONGEST,
    Box,
    Drawing,
    Item,
    Line,
    Paint,
    Shape,
    Words,
    text_width,
)
from regard.inspection.palette import ON_LIGHT, ink, percent

__all__ = ["COLOURS", "figure_of", "save"]

COLOURS = {
    "page": "#ffffff",
    "raised": "#f1f3f6",
    "rule": "#c9cfd8",
    "text": "#1b1f24",
    "quiet": "#5d6880",
    "best": "#d55e00",
    "above": "#0072b2",
    "below": "#e69f00",
}
"""What each role is painted in on paper; told apart by eyes that see no red or green."""

_MAX_TITLE = 120
_DASHES = (0, (2.5, 2))
_POINT = 1 / 72
_MARGIN, _TITLE_SIZE, _TITLE_HEIGHT = 10.0, 13.0, 30.0


def figure_of(drawing: Drawing, title: str = "") -> Figure:
    """Return the drawing as a figure, under a title if one is given."""
    title = shorten(printable(title), _MAX_TITLE)
    above = _MARGIN + (_TITLE_HEIGHT if title else 0)
    width = max(drawing.width, text_width(title, _TITLE_SIZE)) + 2 * _MARGIN
    height = drawing.height + above + _MARGIN
    figure = Figure((width * _POINT, height * _POINT))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-_MARGIN, width - _MARGIN), ylim=(height - above, -above))
    axes.set_axis_off()
    fonts = fonts_for(title + drawing.shown).families
    heading = Words(title, 0, _TITLE_SIZE - _TITLE_HEIGHT, _TITLE_SIZE, anchor="start")
    painter = _Painter(axes, fonts)
    for item in (*drawing.items, *([heading] if title else [])):
        painter.paint(item)
    return figure


def save(drawing: Drawing, path: str | os.PathLike[str], title: str = "") -> None:
    """Write the drawing to a .pdf, .png or .svg file, which is then whole or not there.

    Raises:
        ValueError: `path` ends in another suffix.
    """
    save_figure(figure_of(drawing, title), path, title=printable(title), shown=drawing.shown)


class _Painter:
    """Paints items on axes, each over those before it."""

    def __init__(self, axes: Axes, fonts: Sequence[str]) -> None:
        self._axes, self._fonts, self._order = axes, list(fonts), 0

    def paint(self, item: Item) -> None:
        self._order += 1
        match item:
            case Words():
                self._write(item)
            case Box():
                self._add(self._box(item))
            case Line():
                self._add(self._line(item))
            case Shape():
                points, colour = list(item.points), COLOURS[item.role]
                self._add(Polygon(points, color=colour, lw=0, zorder=self._order))

    def _add(self, patch: Patch) -> None:
        # As a patch, each would be measured for limits of the axes, which are set.
        self._axes.add_artist(patch)

    def _write(self, item: Words) -> None:
        self._axes.text(
            item.x,
            item.y,
            item.text,
            fontsize=item.size,
            color=COLOURS[item.role] if item.on is None else ink(ON_LIGHT[percent(item.on)]),
            family=self._fonts,
            fontweight="bold" if item.bold else "normal",
            ha={"start": "left", "middle": "center", "end": "right"}[item.anchor],
            va="baseline",
            rotation=item.angle,
            rotation_mode="anchor",
            zorder=self._order,
            # A token may hold dollar signs, and is no formula.
            parse_math=False,
        )

    def _box(self, item: Box) -> Patch:
        look: dict[str, Any] = {
            "facecolor": _colour(item.fill),
            "edgecolor": COLOURS[item.outline] if item.outline else "none",
            "linewidth": item.thickness if item.outline else 0,
            "linestyle": _DASHES if item.dashed else "-",
            "zorder": self._order,
        }
        size = (item.x, item.y), item.width, item.height
        if not item.radius:
            return Rectangle(*size, **look)
        return FancyBboxPatch(*size, f"round,pad=0,rounding_size={item.radius}", **look)

    def _line(self, item: Line) -> Patch:
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4] if item.curved else None
        return PathPatch(
            Path(list(item.points), codes),
            facecolor="none",
            edgecolor=COLOURS[item.role],
            linewidth=item.thickness,
            linestyle=_DASHES if item.dashed else "-",
            zorder=self._order,
        )


def _colour(paint: Paint | None) -> Any:
    if paint is None:
        return "none"
    if paint.role == "weight":
        return ON_LIGHT[percent(paint.strength)]
    if paint.role in ("above", "below"):
        return to_rgba(COLOURS[paint.role], STRONGEST * paint.strength)
    return COLOURS[paint.role]
