"""Texts as parts of an HTML page, in which none of them acts."""

import html
from collections.abc import Iterable

from regard.inspection.labels import NOTHING, printable

__all__ = ["definitions", "escape"]


def escape(text: str) -> str:
    """Return the text as it must be written in HTML, within an attribute too."""
    return html.escape(text, quote=True)


def definitions(kind: str, entries: Iterable[tuple[str, str | None]]) -> str:
    """Return a list of labels with their values, without those whose value is None."""
    items = "\n".join(
        f'<div><dt>{escape(printable(label))}</dt><dd lang="" dir="auto">'
        f"{escape(printable(value) or NOTHING)}</dd></div>"
        for label, value in entries
        if value is not None
    )
    return f'<dl class="{kind}">\n{items}\n</dl>' if items else ""
