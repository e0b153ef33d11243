"""Shaded texts on a page: paragraphs, or sentences with their shares."""

from typing import NamedTuple

from regard.inspection.labels import prose, shorten, token_label
from regard.inspection.palette import percent
from regard.inspection.report.markup import definitions, escape
from regard.inspection.shading import Passage, Piece, ShadedText, percentage

__all__ = ["TextExample", "draw"]

_MAX_LABEL = 28


class TextExample(NamedTuple):
    """One shaded text, with what was said of it and what is true, where they are worth reading."""

    shaded: ShadedText
    prediction: str | None = None
    label: str | None = None


def draw(example: TextExample) -> str:
    """Return what is said of the text, the text, and its largest weights."""
    shaded = example.shaded
    said = definitions("texts", {"Prediction": example.prediction, "Label": example.label}.items())
    why = shaded.why_unshaded()
    parts = [
        said,
        _body(shaded) if shaded.text else "",
        f"<p>{escape(why)}</p>" if why else _strongest(shaded),
    ]
    return "\n".join(part for part in parts if part)


def _body(shaded: ShadedText) -> str:
    passages = shaded.passages()
    if shaded.sentences is None:
        return "".join(
            f'<p class="shaded" lang="" dir="auto">{_pieces(passage)}</p>' for passage in passages
        )
    sentences = "\n".join(_sentence(passage) for passage in passages)
    return f'<ol class="sentences" lang="" dir="auto">\n{sentences}\n</ol>'


def _sentence(passage: Passage) -> str:
    share = escape(percentage(passage.share))
    return (
        f'<li><b class="w{percent(passage.shade)}" title="this sentence: {share}">{share}</b>'
        f'<p class="shaded">{_pieces(passage, passage.share)}</p></li>'
    )


def _pieces(passage: Passage, share: float | None = None) -> str:
    return "".join(_piece(piece, share) for piece in passage.pieces)


def _piece(piece: Piece, share: float | None) -> str:
    """Return a piece with its weight as a hint, within a sentence of that share too."""
    text = escape(prose(piece.text))
    if not piece.weight:
        return text
    hint = percentage(piece.weight)
    if share:
        hint += f"; {percentage(piece.weight / share)} of its sentence"
    return (
        f'<span class="w{percent(piece.shade)}" data-weight="{piece.weight:.6g}" '
        f'title="{escape(hint)}">{text}</span>'
    )


def _strongest(shaded: ShadedText) -> str:
    items = "".join(
        f'<li><b class="w{percent(piece.shade)}" lang="" dir="auto">{_label(piece)}</b> '
        f"{escape(percentage(piece.weight))}</li>"
        for piece in shaded.strongest()
    )
    return f'<ul class="strongest">\n{items}\n</ul>'


def _label(piece: Piece) -> str:
    return escape(shorten(token_label(piece.text), _MAX_LABEL))
