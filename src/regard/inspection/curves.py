"""How trainings went: what they logged, over their steps, as a picture."""

import math
import os
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from regard.inspection.fonts import fonts_for
from regard.inspection.labels import printable, shorten
from regard.inspection.learning import Learning, Points
from regard.inspection.picture_files import save_figure

__all__ = ["draw", "save"]

_FIGURES_BESIDE = 3
_MAX_NAME = 60
_FAINT, _GUIDE = "#7a8599", "#d9dde5"
# Told apart by eyes that see no red or green (Okabe & Ito 2008), and by their strokes in print.
_COLOURS = ("#002c5f", "#d55e00", "#009e73", "#cc79a7", "#0072b2", "#e69f00", "#56b4e9", "#000000")
_STROKES = ("-", "--", "-.", ":")
_SYMBOLS = {"concatenation": r"$\kappa$", "addition": r"$\alpha$"}

# Lengths in inches.
_PANEL = (3.6, 2.5)
_SHARES = (2.0, 1.6)
_LEGEND_ROW, _TITLE = 0.3, 0.35


def draw(learnings: Sequence[Learning]) -> Figure:
    """Return a panel for every figure, with a line for every training; below, shares of branches.

    Raises:
        ValueError: there is nothing to draw.
    """
    titles = list(dict.fromkeys(title for each in learnings for title in each.figures))
    if not titles:
        raise ValueError("there are no curves to draw")
    weighed = [each for each in learnings if each.shares]
    num_rows = math.ceil(len(titles) / _FIGURES_BESIDE)
    heights = [num_rows * _PANEL[1] + _LEGEND_ROW * len(learnings)]
    heights += [_TITLE + len(_kinds(each)) * _SHARES[1] for each in weighed]
    widths = [min(len(titles), _FIGURES_BESIDE) * _PANEL[0]]
    widths += [len(each.shares) * _SHARES[0] for each in weighed]
    figure = Figure((max(widths), sum(heights)), layout="constrained")
    family = fonts_for("".join(each.name for each in learnings)).families
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    _draw_figures(parts[0], titles, learnings, family)
    for part, learning in zip(parts[1:], weighed, strict=True):
        _draw_shares(part, learning, family)
    return figure


def save(learnings: Sequence[Learning], path: str | os.PathLike[str]) -> None:
    """Write the curves to a .pdf, .png or .svg file, which is then whole or not there.

    Raises:
        ValueError: there is nothing to draw, or `path` ends in another suffix.
    """
    names = ", ".join(printable(each.name) for each in learnings)
    save_figure(draw(learnings), path, title=names)


def _draw_figures(
    part: SubFigure, titles: Sequence[str], learnings: Sequence[Learning], family: list[str]
) -> None:
    """Draw the figures of all trainings, and under them which line is whose."""
    beside = min(len(titles), _FIGURES_BESIDE)
    grid = list(part.subplots(math.ceil(len(titles) / beside), beside, squeeze=False).flat)
    lines: dict[int, Any] = {}
    for axes, title in zip(grid, titles, strict=False):
        _prepare(axes, _titled(title))
        for number, learning in enumerate(learnings):
            if points := learning.figures.get(title):
                lines[number] = _plot(axes, points, number, _STROKES[number % len(_STROKES)])
    for axes in grid[len(titles) :]:
        axes.set_axis_off()
    part.supxlabel("steps", fontsize=9)
    names = [shorten(printable(learnings[number].name), _MAX_NAME) for number in lines]
    legend = part.legend(
        list(lines.values()), names, loc="outside lower left", frameon=False, prop={"size": 9}
    )
    for text in legend.get_texts():
        text.set(family=family, parse_math=False)


def _draw_shares(part: SubFigure, learning: Learning, family: list[str]) -> None:
    """Draw a column for every attention, a row for every kind of shares, a line a branch."""
    part.suptitle(
        f"{shorten(printable(learning.name), _MAX_NAME)}: what share each branch has",
        x=0.01,
        ha="left",
        fontsize=10,
        family=family,
        parse_math=False,
    )
    kinds = _kinds(learning)
    grid = part.subplots(len(kinds), len(learning.shares), squeeze=False, sharex=True, sharey=True)
    for column, (attention, shares) in enumerate(learning.shares.items()):
        for row, kind in enumerate(kinds):
            axes = grid[row, column]
            _prepare(axes, attention if row == 0 else "", size=8)
            branches = shares[kind]
            axes.axhline(1 / len(branches), color=_FAINT, linewidth=0.8, linestyle=":")
            for number, points in enumerate(branches):
                _plot(axes, points, number, "-")
            if column == 0:
                axes.set_ylabel(f"{kind} {_SYMBOLS.get(kind, '')}", fontsize=8)


def _kinds(learning: Learning) -> list[str]:
    return list(dict.fromkeys(kind for shares in learning.shares.values() for kind in shares))


def _plot(axes: Axes, points: Points, number: int, stroke: str) -> Any:
    steps, values = zip(*points, strict=True)
    # A single point would be no line.
    marker = "o" if len(points) == 1 else None
    colour = _COLOURS[number % len(_COLOURS)]
    (line,) = axes.plot(
        steps, values, color=colour, linestyle=stroke, linewidth=1.2, marker=marker, markersize=3
    )
    return line


def _prepare(axes: Axes, title: str, size: int = 10) -> None:
    axes.set_title(title, loc="left", fontsize=size, parse_math=False)
    axes.grid(visible=True, color=_GUIDE, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(length=0, labelsize=8)
    axes.margins(x=0.02)


def _titled(name: str) -> str:
    return name.replace("_", " ").replace("bleu", "BLEU").replace("f1", "F1")
