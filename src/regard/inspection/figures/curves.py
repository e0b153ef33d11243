"""How trainings went: what they logged, over their steps, as a picture."""

import math
import os
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from regard.inspection.figures.fonts import fonts_for
from regard.inspection.figures.picture_files import save_figure
from regard.inspection.labels import printable, shorten
from regard.inspection.learning import Learning, Points

__all__ = ["draw", "save"]

_FIGURES_BESIDE = 3
_MAX_NAME, _MAX_TITLE, _MAX_ATTENTION = 60, 40, 34
_FAINT, _GUIDE = "#7a8599", "#d9dde5"
# Told apart by eyes that see no red or green (Okabe & Ito 2008), and by their strokes in print.
_COLOURS = ("#002c5f", "#d55e00", "#009e73", "#cc79a7", "#0072b2", "#e69f00", "#56b4e9", "#000000")
_STROKES = ("-", "--", "-.", ":")
_SYMBOLS = {"concatenation": "κ", "addition": "α"}

# Lengths in inches.
_PANEL = (3.6, 2.5)
_SHARES = (2.1, 1.6)
_LEGEND_ROW, _TITLE, _STEPS, _SCALE = 0.25, 0.35, 0.2, 0.5
_HEAD_WIDTH = 0.9

_Line = tuple[Any, str]
"""A line, and whose it is."""


def draw(learnings: Sequence[Learning]) -> Figure:
    """Return a panel for every figure, with a line for every training; below, shares of branches.

    Up to 32 trainings, and as many heads, are told apart by colour and stroke together.

    Raises:
        ValueError: there is nothing to draw.
    """
    titles = list(dict.fromkeys(title for each in learnings for title in each.figures))
    weighed = [each for each in learnings if each.shares]
    if not titles and not weighed:
        of_whom = f" of {', '.join(_names(learnings))}" if learnings else ""
        raise ValueError(f"there are no curves to draw{of_whom}")
    sizes = [_size_of_figures(titles, learnings)] if titles else []
    sizes += map(_size_of_shares, weighed)
    widths, heights = zip(*sizes, strict=True)
    figure = Figure((max(widths), sum(heights)), layout="constrained")
    family = fonts_for(_shown(learnings)).families
    parts = list(figure.subfigures(len(sizes), 1, squeeze=False, height_ratios=heights)[:, 0])
    if titles:
        _draw_figures(parts.pop(0), titles, learnings, family)
    for part, learning in zip(parts, weighed, strict=True):
        _draw_shares(part, learning, family)
    return figure


def save(learnings: Sequence[Learning], path: str | os.PathLike[str]) -> None:
    """Write the curves to a .pdf, .png or .svg file, which is then whole or not there.

    Raises:
        ValueError: there is nothing to draw, or `path` ends in another suffix.
    """
    title = ", ".join(_names(learnings))
    save_figure(draw(learnings), path, title=title, shown=_shown(learnings))


def _draw_figures(
    part: SubFigure, titles: Sequence[str], learnings: Sequence[Learning], family: list[str]
) -> None:
    """Draw the figures of all trainings, and under them which line is whose."""
    beside = min(len(titles), _FIGURES_BESIDE)
    grid = list(part.subplots(math.ceil(len(titles) / beside), beside, squeeze=False).flat)
    lines: dict[int, Any] = {}
    for number, (axes, title) in enumerate(zip(grid, titles, strict=False)):
        is_lowest = number + beside >= len(titles)
        _prepare(axes, _titled(title), family, is_lowest=is_lowest)
        for run, learning in enumerate(learnings):
            if points := learning.figures.get(title):
                lines.setdefault(run, _plot(axes, points, run))
    for axes in grid[len(titles) :]:
        axes.set_axis_off()
    names = _names(learnings)
    _explain(part, [(line, names[run]) for run, line in sorted(lines.items())], family)


def _draw_shares(part: SubFigure, learning: Learning, family: list[str]) -> None:
    """Draw a column for every attention, a row for every kind of shares, a line a head."""
    text: dict[str, Any] = {"family": family, "parse_math": False}
    title = f"{_names([learning])[0]}: what share each branch has"
    part.suptitle(title, x=0.01, ha="left", fontsize=10, **text)
    kinds, num_heads = _kinds(learning), _num_heads(learning)
    grid = part.subplots(len(kinds), len(learning.shares), squeeze=False, sharex=True, sharey=True)
    lines: dict[int, Any] = {}
    for column, (attention, shares) in enumerate(learning.shares.items()):
        for row, (kind, axes) in enumerate(zip(kinds, grid[:, column], strict=True)):
            named = _fit(attention, _MAX_ATTENTION) if row == 0 else ""
            _prepare(axes, named, family, is_lowest=row == len(kinds) - 1, is_small=True)
            # Of a log that was read while the first shares were written, some are missing.
            if branches := shares.get(kind, ()):
                axes.axhline(1 / num_heads, color=_FAINT, linewidth=0.8, linestyle=":")
            for head, points in enumerate(branches):
                lines.setdefault(head, _plot(axes, points, head))
            if column == 0:
                symbol = _SYMBOLS.get(kind, "")
                axes.set_ylabel(f"{_fit(kind, _MAX_TITLE)} {symbol}", fontsize=8, **text)
    heads = [(line, f"head {head}") for head, line in sorted(lines.items())]
    _explain(part, heads, family, beside=_heads_beside(learning))


def _explain(part: SubFigure, lines: Sequence[_Line], family: list[str], beside: int = 1) -> None:
    """Say below the panels whose lines these are."""
    drawn, names = zip(*lines, strict=True)
    legend = part.legend(
        drawn, names, loc="outside lower left", ncols=beside, frameon=False, prop={"size": 9}
    )
    for text in legend.get_texts():
        text.set(family=family, parse_math=False)


def _plot(axes: Axes, points: Points, number: int) -> Any:
    steps, values = zip(*points, strict=True)
    colour, stroke = _style(number)
    # A single point would be no line.
    marker = "o" if len(points) == 1 else None
    (line,) = axes.plot(
        steps, values, color=colour, linestyle=stroke, linewidth=1.2, marker=marker, markersize=3
    )
    return line


def _style(number: int) -> tuple[str, str]:
    """Return colour and stroke: neighbours differ in both, and what has the same colour in one."""
    turn, colour = divmod(number, len(_COLOURS))
    return _COLOURS[colour], _STROKES[(colour + turn) % len(_STROKES)]


def _prepare(
    axes: Axes, title: str, family: list[str], *, is_lowest: bool, is_small: bool = False
) -> None:
    size = 7.5 if is_small else 10
    axes.set_title(title, loc="left", fontsize=size, family=family, parse_math=False)
    # So few that even millions of steps have room.
    axes.xaxis.set_major_locator(MaxNLocator(3 if is_small else 5, integer=True))
    axes.xaxis.set_major_formatter("{x:.0f}")
    if is_lowest:
        axes.set_xlabel("steps", fontsize=8, color=_FAINT, loc="right")
    axes.grid(visible=True, color=_GUIDE, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(length=0, labelsize=8)
    axes.margins(x=0.02)


def _size_of_figures(titles: Sequence[str], learnings: Sequence[Learning]) -> tuple[float, float]:
    num_rows = math.ceil(len(titles) / _FIGURES_BESIDE)
    height = num_rows * _PANEL[1] + _STEPS + len(learnings) * _LEGEND_ROW
    return min(len(titles), _FIGURES_BESIDE) * _PANEL[0], height


def _size_of_shares(learning: Learning) -> tuple[float, float]:
    num_rows = math.ceil(_num_heads(learning) / _heads_beside(learning))
    panels = len(_kinds(learning)) * _SHARES[1]
    height = _TITLE + panels + _STEPS + num_rows * _LEGEND_ROW
    return _SCALE + len(learning.shares) * _SHARES[0], height


def _heads_beside(learning: Learning) -> int:
    """Return how many heads are named in a row of their legend."""
    return min(_num_heads(learning), int(len(learning.shares) * _SHARES[0] / _HEAD_WIDTH))


def _num_heads(learning: Learning) -> int:
    """Return how many heads each attention has: as many as any other of the model."""
    kinds = [branches for shares in learning.shares.values() for branches in shares.values()]
    return max(map(len, kinds))


def _kinds(learning: Learning) -> list[str]:
    return list(dict.fromkeys(kind for shares in learning.shares.values() for kind in shares))


def _names(learnings: Sequence[Learning]) -> list[str]:
    return [_fit(each.name, _MAX_NAME) for each in learnings]


def _titled(name: str) -> str:
    known = name.replace("_", " ").replace("bleu", "BLEU").replace("f1", "F1")
    return _fit(known, _MAX_TITLE)


def _fit(text: str, limit: int) -> str:
    return shorten(printable(text), limit)


def _shown(learnings: Sequence[Learning]) -> str:
    """Return what may stand in the picture that is not ours."""
    titles = [title for each in learnings for title in (*each.figures, *each.shares)]
    kinds = [kind for each in learnings for kind in _kinds(each)]
    return "".join(map(printable, [*(each.name for each in learnings), *titles, *kinds]))
