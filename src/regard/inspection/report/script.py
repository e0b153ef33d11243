"""What makes the page answer: one script, made of the files that stand beside this one."""

import json
from functools import cache
from importlib import resources

from regard.inspection.report.themes import DARK, LIGHT

__all__ = ["behaviour"]

# Each may use what those before it define.
_FILES = (
    "elements",
    "weights",
    "frames",
    "painting",
    "drawings",
    "matrix",
    "lines",
    "saving",
    "stage",
    "heads",
    "behaviour",
)


@cache
def behaviour() -> str:
    """Return the script of the page, which makes `window.regard.enhance(root)`.

    Called for the page as it loads, and by whoever inserts fragments later, `enhance` makes the
    examples in an element interactive, and is done when the promise it returns is.
    """
    folder = resources.files("regard.inspection.report")
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _FILES]
    themes = json.dumps({"light": LIGHT._asdict(), "dark": DARK._asdict()}, separators=(",", ":"))
    body = "\n".join([f"const THEMES = {themes};", *parts])
    return f'(() => {{\n"use strict";\n{body}}})();\n'
