"""Alignments of the same sentences by several systems, side by side in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regard.inspection.alignment import Alignment
from regard.inspection.figures.fonts import fonts_for
from regard.inspection.figures.picture_files import save_figure
from regard.inspection.figures.plots import draw_cells, token_labels
from regard.inspection.labels import printable

__all__ = ["draw", "save"]

_FONT_SIZE = 6.5

# Lengths in inches.
_CELL, _CHARACTER, _GAP, _MARGIN = 0.125, 0.062, 0.18, 0.15
_TITLE, _TITLE_CHARACTER = 0.3, 0.095


def draw(systems: Mapping[str, Sequence[Alignment]]) -> Figure:
    """Return a picture with a column for every system and a row for every sentence.

    Target tokens stand at the left, source tokens above.

    Raises:
        ValueError: there is nothing to draw, or systems have other sentences than the first.
    """
    rows = _rows(systems)
    names = [printable(name) for name in systems]
    heights = [_CELL * len(row[0].target) for row in rows]
    above = [_CHARACTER * (1 + max(map(len, token_labels(row[0].source)))) for row in rows]
    left = _MARGIN + _CHARACTER * (1 + max(len(t) for r in rows for t in token_labels(r[0].target)))
    width = max(
        _CELL * max(len(row[0].source) for row in rows),
        _TITLE_CHARACTER * max(map(len, names)),
    )
    size = (
        left + len(names) * (width + _GAP) + _MARGIN,
        _TITLE + sum(heights) + sum(above) + len(rows) * _GAP + _MARGIN,
    )
    text: dict[str, Any] = {
        "family": fonts_for("".join(names) + _shown(rows)).families,
        "fontsize": _FONT_SIZE,
        "parse_math": False,
    }
    figure = Figure(size)
    for number, name in enumerate(names):
        start = (left + number * (width + _GAP)) / size[0]
        figure.text(start, 1 - 0.8 * _TITLE / size[1], name, **{**text, "fontsize": 10})
    top = _TITLE
    for row, height, room in zip(rows, heights, above, strict=True):
        top += room
        for number, alignment in enumerate(row):
            place = left + number * (width + _GAP), size[1] - top - height
            own_width = _CELL * len(alignment.source)
            axes = figure.add_axes(
                (place[0] / size[0], place[1] / size[1], own_width / size[0], height / size[1])
            )
            _draw_one(axes, alignment, text, is_first=not number)
        top += height + _GAP
    return figure


def save(systems: Mapping[str, Sequence[Alignment]], path: Path) -> None:
    """Draw to a .pdf, .png or .svg file, which is then whole or not there."""
    title = printable(", ".join(systems))
    save_figure(draw(systems), path, title=title, shown=_shown(_rows(systems)))


def _rows(systems: Mapping[str, Sequence[Alignment]]) -> list[tuple[Alignment, ...]]:
    """Return the alignments of each sentence, those that cannot be drawn left out."""
    if len({len(alignments) for alignments in systems.values()}) > 1:
        raise ValueError("systems side by side must have aligned the same sentences")
    rows = [row for row in zip(*systems.values(), strict=True) if not row[0].why_empty()]
    if not rows:
        raise ValueError("there is no sentence to draw")
    for row in rows:
        if any(each.weights.shape != row[0].weights.shape for each in row):
            raise ValueError("systems side by side must have aligned the same tokens")
    return rows


def _shown(rows: Sequence[tuple[Alignment, ...]]) -> str:
    """Return the text of the sentences, as it is written beside their cells."""
    tokens = (token for first, *_ in rows for token in (*first.source, *first.target))
    return "".join(token_labels(list(tokens)))


def _draw_one(axes: Axes, alignment: Alignment, text: dict[str, Any], *, is_first: bool) -> None:
    draw_cells(axes, alignment)
    places = [index + 0.5 for index in range(len(alignment.source))]
    axes.xaxis.tick_top()
    axes.set_xticks(places, token_labels(alignment.source), **text, rotation=90)
    rows = [index + 0.5 for index in range(len(alignment.target))] if is_first else []
    axes.set_yticks(rows, token_labels(alignment.target) if is_first else [], **text)
    axes.tick_params(length=0, pad=1.5)
