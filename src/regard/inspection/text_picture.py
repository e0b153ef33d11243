"""Shaded texts as SVG: letters of one width, each piece before its colour."""

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from regard.inspection.labels import printable, prose
from regard.inspection.palette import ON_LIGHT, ink, percent
from regard.inspection.report.markup import escape
from regard.inspection.shading import Passage, Piece, ShadedText, percentage
from regard.inspection.shortening import first_passages

__all__ = ["draw_text"]

COLUMNS = 84
"""Letters in a line."""

# In pixels.
SIZE, LETTER, LINE, MARGIN, SHARE = 14.0, 8.4, 24.0, 20.0, 70.0

_JOINER = "\N{ZERO WIDTH JOINER}"
_SKINS = frozenset(map(chr, range(0x1F3FB, 0x1F400)))

FIRST_VISIBLE_PERCENT = 5
"""As on a page, what counts less is not shaded."""


class _Run(NamedTuple):
    """Letters of one shade within a line: where they begin, and how wide they are."""

    text: str
    shade: float
    column: int
    width: int


def draw_text(shaded: ShadedText) -> str:
    """Return the text with its shades as an SVG image, which needs nothing else.

    With sentences, each begins a line, behind its share of the weight. Of a very long text the
    beginning is shown, which is said.
    """
    with_shares = shaded.sentences is not None
    left = MARGIN + (SHARE if with_shares else 0.0)
    parts, lines = [_words(MARGIN, MARGIN + SIZE, printable(shaded.title), "title")], 2
    from_right = _is_right_to_left(shaded.text)
    passages, cut = first_passages(shaded.passages() if shaded.text else [])
    for passage in passages:
        if with_shares:
            parts += _share(passage, MARGIN + lines * LINE)
        for line in _lines(passage.pieces):
            top = MARGIN + lines * LINE
            parts += [_run(run, left, top, from_right=from_right) for run in line]
            lines += 1
    for said in filter(None, (cut, shaded.why_unshaded())):
        parts.append(_words(MARGIN, MARGIN + (lines + 1) * LINE, said, "quiet"))
        lines += 2
    width, height = left + COLUMNS * LETTER + MARGIN, 2 * MARGIN + lines * LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-size="{SIZE:g}" '
        "font-family=\"ui-monospace, 'DejaVu Sans Mono', 'Noto Sans Mono', monospace\">\n"
        f'<title>{escape(printable(shaded.title))}</title>\n<rect width="100%" height="100%" '
        f'fill="#ffffff"/>\n{"".join(parts)}</svg>\n'
    )


def _words(left: float, base: float, text: str, kind: str) -> str:
    style = {"title": 'font-weight="bold" fill="#1b1f24"', "quiet": 'fill="#59636e"'}[kind]
    return f'<text x="{left:g}" y="{base:g}" {style}>{escape(text)}</text>\n'


def _share(passage: Passage, top: float) -> list[str]:
    share = percentage(passage.share)
    run = _Run(share, passage.shade, 0, len(share))
    return [_run(run, MARGIN, top)]


def _run(run: _Run, left: float, top: float, *, from_right: bool = False) -> str:
    column = COLUMNS - run.column - run.width if from_right else run.column
    start, width = left + column * LETTER, run.width * LETTER
    shade = percent(run.shade)
    colour, letters = "", "#1b1f24"
    if shade >= FIRST_VISIBLE_PERCENT:
        letters = ink(ON_LIGHT[shade])
        colour = (
            f'<rect x="{start:g}" y="{top:g}" width="{width:g}" height="{LINE - 4:g}" rx="3" '
            f'fill="{ON_LIGHT[shade]}"/>\n'
        )
    if not run.text.strip():
        return colour
    place = f'x="{start:g}" y="{top + SIZE + 1:g}" textLength="{width:g}"'
    return (
        f'{colour}<text {place} lengthAdjust="spacingAndGlyphs" fill="{letters}" '
        f'xml:space="preserve">{escape(run.text)}</text>\n'
    )


def _lines(pieces: Iterable[Piece]) -> Iterator[list[_Run]]:
    """Set pieces into lines, which are broken between words where there is a blank."""
    line: list[_Run] = []
    column = 0
    for text, shade in _parts(pieces):
        width = _width(text)
        if text == "\n" or (column and column + width > COLUMNS):
            yield line
            line, column = [], 0
        if text != "\n" and (column or text.strip()):
            line.append(_Run(text, shade, column, width))
            column += width
    if line:
        yield line


def _parts(pieces: Iterable[Piece]) -> Iterator[tuple[str, float]]:
    """Divide pieces at blanks and line ends, and what is wider than a line anywhere."""
    for piece in pieces:
        word = ""
        for letter in prose(piece.text).replace("\t", " "):
            ends = letter in " \n"
            if word and (ends or _width(word + letter) > COLUMNS):
                yield word, piece.shade
                word = ""
            if ends:
                yield letter, piece.shade
            else:
                word += letter
        if word:
            yield word, piece.shade


def _width(text: str) -> int:
    return sum(_columns(before, letter) for before, letter in pairwise(["", *text]))


def _columns(before: str, letter: str) -> int:
    """Return how many letters of one width a letter is as wide as, behind another."""
    # Joined to what is before them, or a shade of it, signs make one.
    if before == _JOINER or (before and letter in _SKINS):
        return 0
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "FW" else 1


def _is_right_to_left(text: str) -> bool:
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind for kind in strong if kind in {"L", "R", "AL"}), "L") != "L"
