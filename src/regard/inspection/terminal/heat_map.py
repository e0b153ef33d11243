"""Alignments in the terminal: a heat map as a rich renderable."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes, split_text
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from regard.inspection.alignment import Alignment
from regard.inspection.labels import printable, token_label
from regard.inspection.palette import percent
from regard.inspection.shortening import MOST_TOKENS, beginning, cut_notice
from regard.inspection.terminal.surface import PLAIN, encodable, has_colours, in_place

__all__ = ["HeatMap"]

_MAX_NAME = 24
_MAX_HEADER_LINES = 14
_NARROW = 2
_LEGEND_STEPS = range(0, 101, 5)
_SHADES = "·░▒▓█"
_TO_ASCII = str.maketrans("·░▒▓█…⋮–", ".:+*#~~-")

_Paint = Callable[[int, int], Segment]
"""Draws a weight in whole percent, so many terminal cells wide."""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """An alignment as a heat map: a row per target token, a column per source token.

    Weights are colours where the console has them, shades where not. Source tokens are written
    across where all of them fit, downwards where not; columns that do not fit either go on in
    another panel. Of very many tokens the first are shown, which is said.

    >>> import torch
    >>> weights = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    >>> alignment = Alignment(weights, source=["ein", "mann"], target=["a", "man"])
    >>> Console(color_system=None).print(HeatMap(alignment))
        ein mann
      a ████·····
    man ░░░░▓▓▓▓▓
        0 ···░░░░░▒▒▒▒▒▓▓▓▓▓███ 1
    """

    alignment: Alignment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        whole = self.alignment
        if whole.title:
            yield Text(encodable(printable(whole.title), options), style="bold")
        if why := whole.why_empty():
            yield Text(why)
            return
        shown = beginning(whole)
        if cut := cut_notice(
            (MOST_TOKENS, len(whole.source), "source tokens"),
            (MOST_TOKENS, len(whole.target), "target tokens"),
        ):
            yield Text(cut)
        percents = [[percent(weight) for weight in row] for row in shown.rows()]
        source, target = (
            [encodable(token_label(token), options) for token in tokens]
            for tokens in (shown.source, shown.target)
        )
        layout = _layout(source, target, options.max_width)
        for segment in _draw(layout, percents, _colour if has_colours(console) else _shade):
            text = segment.text.translate(_TO_ASCII) if options.ascii_only else segment.text
            yield Segment(text, segment.style)


class _Column(NamedTuple):
    """One source token: its position, its width in cells, its header from the top line down."""

    position: int
    width: int
    header: Sequence[str]


class _Layout(NamedTuple):
    """Where everything stands: row names, all equally wide, and columns in panels."""

    names: list[str]
    panels: list[list[_Column]]


def _layout(source: Sequence[str], target: Sequence[str], width: int) -> _Layout:
    name_width = min(_MAX_NAME, max(map(cell_len, target)), max(1, width // 3))
    space = width - name_width - 1
    columns = _columns_across(source)
    widths = [column.width for column in columns]
    if max(widths) > _NARROW and sum(widths) > space:
        columns = _columns_down(source)
    names = [_right_aligned(_fit(name, name_width), name_width) for name in target]
    return _Layout(names, _panels(columns, space))


def _columns_across(labels: Sequence[str]) -> list[_Column]:
    widths = [max(_NARROW, cell_len(label) + 1) for label in labels]
    return [
        _Column(position, width, [_left_aligned(label, width)])
        for position, (label, width) in enumerate(zip(labels, widths, strict=True))
    ]


def _columns_down(labels: Sequence[str]) -> list[_Column]:
    stacks = [_stack(label) for label in labels]
    height = max(map(len, stacks))
    return [
        _Column(position, _NARROW, [" " * _NARROW] * (height - len(stack)) + stack)
        for position, stack in enumerate(stacks)
    ]


def _stack(label: str) -> list[str]:
    """Return the characters of a label, one per header line."""
    spans, _ = split_graphemes(label)
    characters = [label[start:end] for start, end, _ in spans]
    if len(characters) > _MAX_HEADER_LINES:
        characters[_MAX_HEADER_LINES - 1 :] = ["⋮"]
    return [_left_aligned(character, _NARROW) for character in characters]


def _panels(columns: Sequence[_Column], space: int) -> list[list[_Column]]:
    """Cut the columns into panels no wider than `space`, with at least one column in each."""
    panels: list[list[_Column]] = [[]]
    used = 0
    for column in columns:
        if panels[-1] and used + column.width > space:
            panels.append([])
            used = 0
        panels[-1].append(column)
        used += column.width
    return panels


def _draw(layout: _Layout, percents: list[list[int]], paint: _Paint) -> Iterator[Segment]:
    indent = Segment(" " * (cell_len(layout.names[0]) + 1))
    for panel in layout.panels:
        if len(layout.panels) > 1:
            first, last = panel[0].position + 1, panel[-1].position + 1
            heading = f"source {first}–{last} of {len(percents[0])}"
            yield from (indent, Segment(heading, Style(dim=True)), Segment.line())
        for line in zip(*(column.header for column in panel), strict=True):
            yield from (indent, Segment("".join(line).rstrip()), Segment.line())
        for name, row in zip(layout.names, percents, strict=True):
            yield Segment(name + " ")
            yield from (paint(row[column.position], column.width) for column in panel)
            yield Segment.line()
    yield from (indent, Segment("0 "))
    yield from (paint(step, 1) for step in _LEGEND_STEPS)
    yield from (Segment(" 1"), Segment.line())


def _colour(percents: int, width: int) -> Segment:
    return Segment(" " * width, PLAIN[percents])


def _shade(percents: int, width: int) -> Segment:
    return Segment(_SHADES[round(percents / 100 * (len(_SHADES) - 1))] * width)


def _fit(label: str, width: int) -> str:
    """Return the label, or its beginning and an ellipsis, in at most `width` cells."""
    if cell_len(label) <= width:
        return label
    return split_text(label, width - 1)[0].rstrip() + "…"


def _left_aligned(label: str, width: int) -> str:
    return in_place(label) + " " * (width - cell_len(label))


def _right_aligned(label: str, width: int) -> str:
    return " " * (width - cell_len(label)) + in_place(label)
