"""Turn formulas into MathML as the pages are built; a reader's browser then needs no script."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_page_content(content: str, **_: Any) -> str:
    """Replace every formula of a page; `span` stands in a line, `div` on its own."""
    return FORMULA.sub(to_mathml, content)


def to_mathml(formula: re.Match[str]) -> str:
    """Convert one formula."""
    display = "inline" if formula["tag"] == "span" else "block"
    return convert(html.unescape(formula["latex"]).strip(), display=display)
