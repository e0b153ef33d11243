"""Texts as parts of an HTML page, in which none of them acts."""

import html
import json
from collections.abc import Iterable
from typing import Any

from regard.inspection.labels import NOTHING, printable

__all__ = ["data_block", "definitions", "escape", "scale", "stage"]

# What could end a script element, begin another one, or end a line of a script.
_ACTING = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


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


def data_block(data: Any) -> str:
    r"""Return what the page's script reads, as JSON in an element that no browser runs.

    >>> data_block(["</script>"])
    '<script type="application/json">["\\u003c/script\\u003e"]</script>'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ACTING)
    return f'<script type="application/json">{text}</script>'


def stage(content: str = "") -> str:
    """Return the place where the script shows a matrix, with what is there without it."""
    return f'<div class="stage"><div class="place">{content}</div></div>'


def scale(least: str, most: str) -> str:
    """Return the scale of colours between what its two ends mean."""
    steps = "".join(f'<i class="w{step}"></i>' for step in range(0, 101, 5))
    return f'<p class="scale">{least} <span aria-hidden="true">{steps}</span> {most}</p>'
