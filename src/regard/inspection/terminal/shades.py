"""Shaded texts in the terminal, as a rich renderable."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise, repeat

from rich.cells import cell_len, split_graphemes
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from regard.inspection.labels import printable, prose, token_label
from regard.inspection.palette import percent
from regard.inspection.shading import Passage, Piece, ShadedText, percentage
from regard.inspection.shortening import first_passages
from regard.inspection.terminal.surface import (
    INKED,
    LEFT_TO_RIGHT,
    PLAIN,
    encodable,
    has_colours,
    in_place,
    runs_right_to_left,
)

__all__ = ["Shades"]

_SHARE = 9
_WIDE_ENOUGH_FOR_SHARES = 3 * _SHARE
_LEGEND_STEPS = range(0, 101, 5)
_STRONG, _STRONGEST = 1 / 3, 2 / 3
_TIMES_THE_MEAN = 2


@dataclass(frozen=True, eq=False)
class Shades:
    """A text with its tokens shaded by their weights, wrapped at words.

    Sentences begin on lines of their own, each with its share of the weight before it. Where the
    console has no colours, strong tokens stand in brackets, those with more than two thirds of the
    largest shade in two, and the largest weights are listed. A token that has less than twice the
    mean weight is not strong: of even weights, none is. Of a very long text the beginning is
    shown, which is said.

    >>> import torch
    >>> spans = [(0, 1), (2, 7), (8, 17), (18, 22), (22, 23)]
    >>> weights = torch.tensor([0.05, 0.1, 0.75, 0.1, 0.0])
    >>> shaded = ShadedText("A truly WONDERFUL film.", spans, weights, title="pos 98.3 %")
    >>> Console(color_system=None).print(Shades(shaded))
    pos 98.3 %
    A truly [[WONDERFUL]] film.
    WONDERFUL 75.0 %, truly 10.0 %, film 10.0 %, A 5.0 %
    """

    shaded: ShadedText

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shaded = self.shaded
        if shaded.title:
            yield Text(encodable(printable(shaded.title), options), style="bold")
        surface = _Coloured(shaded) if has_colours(console) else _Plain(shaded)
        margin = _SHARE if shaded.sentences and options.max_width >= _WIDE_ENOUGH_FOR_SHARES else 0
        width = options.max_width - margin
        passages, cut = first_passages(shaded.passages() if shaded.text else [])
        for passage in passages:
            text = _painted(passage, surface, options)
            leads = _leads(passage, text.plain)
            for line in text.wrap(console, width, overflow="fold"):
                line.rstrip()
                if margin:
                    yield from surface.share(next(leads), passage)
                yield from line.render(console)
                yield from surface.rest_of_line(width - cell_len(line.plain))
                yield Segment.line()
        if cut:
            yield Text(cut)
        if why := shaded.why_unshaded():
            yield Text(why)
        else:
            yield from surface.legend()
            yield Text(_strongest(shaded, options))


class _Coloured:
    """Shades as colours, on a surface of the colour of weight 0."""

    def __init__(self, shaded: ShadedText) -> None:
        self._shaded = shaded

    def piece(self, text: str, piece: Piece) -> tuple[str, Style]:
        return text, INKED[percent(piece.shade)]

    def share(self, text: str, passage: Passage) -> Iterator[Segment]:
        yield Segment(text, INKED[percent(passage.shade)])
        yield Segment(" ", PLAIN[0])

    def rest_of_line(self, width: int) -> Iterator[Segment]:
        yield Segment(" " * width, PLAIN[0])

    def legend(self) -> Iterator[Segment]:
        yield Segment("0 ")
        yield from (Segment(" ", PLAIN[step]) for step in _LEGEND_STEPS)
        largest = "" if self._shaded.sentences else percentage(self._shaded.strongest(1)[0].weight)
        yield from (Segment(f" {largest or 'strongest'}"), Segment.line())


class _Plain:
    """Shades as brackets around what is strong."""

    def __init__(self, shaded: ShadedText) -> None:
        self._least = _TIMES_THE_MEAN / max(1, len(shaded.spans))

    def piece(self, text: str, piece: Piece) -> tuple[str, Style]:
        if piece.shade < _STRONG or piece.weight < self._least:
            return text, Style.null()
        return f"[[{text}]]" if piece.shade > _STRONGEST else f"[{text}]", Style.null()

    def share(self, text: str, passage: Passage) -> Iterator[Segment]:
        yield Segment(text + " ")

    def rest_of_line(self, width: int) -> Iterator[Segment]:
        yield from ()

    def legend(self) -> Iterator[Segment]:
        yield from ()


def _painted(passage: Passage, surface: _Coloured | _Plain, options: ConsoleOptions) -> Text:
    texts = [encodable(prose(piece.text), options) for piece in passage.pieces]
    whole = "".join(texts)
    borders = pairwise(_between_characters(whole, [0, *accumulate(map(len, texts))]))
    painted = Text()
    for piece, (start, end) in zip(passage.pieces, borders, strict=True):
        if start < end:
            painted.append(*surface.piece(whole[start:end], piece))
    return painted


def _between_characters(text: str, borders: Sequence[int]) -> list[int]:
    """Return the borders, moved behind the character as people see it that any of them cuts."""
    starts = [start for start, _, _ in split_graphemes(text)[0]] + [len(text)]
    return [starts[bisect_left(starts, border)] for border in borders]


def _leads(passage: Passage, text: str) -> Iterator[str]:
    """Return what stands before each line of a sentence: first its share, then as much room."""
    mark = LEFT_TO_RIGHT if runs_right_to_left(text) else ""
    shares = chain([percentage(passage.share)], repeat(""))
    return (f"{mark}{share:>{_SHARE - 2}} " for share in shares)


def _strongest(shaded: ShadedText, options: ConsoleOptions) -> str:
    return ", ".join(
        f"{in_place(encodable(token_label(piece.text), options))} {percentage(piece.weight)}"
        for piece in shaded.strongest()
    )
