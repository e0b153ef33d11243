"""Give docstrings, which are written to be read in the source, their look on a page."""

import re
from typing import Any

import griffe

FIELD = re.compile(r"^(Source|Differs|Cost):", re.MULTILINE)
EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Set fields apart from each other, and examples as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = typeset(obj.docstring.value)


def typeset(docstring: str) -> str:
    """Make each field a paragraph, and each example a block."""
    fields = FIELD.sub(r"\n**\1:**", docstring)
    return EXAMPLE.sub(lambda example: f"```pycon\n{example.group()}\n```", fields)
