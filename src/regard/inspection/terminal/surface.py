"""What a terminal can show: its colours, its characters, and text of both directions."""

import unicodedata

from rich.console import Console, ConsoleOptions
from rich.style import Style

from regard.inspection.palette import ON_DARK, ink

__all__ = [
    "INKED",
    "LEFT_TO_RIGHT",
    "PLAIN",
    "encodable",
    "has_colours",
    "in_place",
    "runs_right_to_left",
]

LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"

PLAIN = tuple(Style(bgcolor=colour) for colour in ON_DARK)
"""The colour of every whole percent, for cells without text."""

INKED = tuple(Style(color=ink(colour), bgcolor=colour) for colour in ON_DARK)
"""The colour of every whole percent, for text that can be read on it."""


def has_colours(console: Console) -> bool:
    """Say whether the console has colours enough, and they are wanted."""
    return console.color_system in {"256", "truecolor"} and not console.no_color


def encodable(text: str, options: ConsoleOptions) -> str:
    """Return the text; on a console that has ASCII only, all else as Python would write it."""
    return text.encode("ascii", "backslashreplace").decode() if options.ascii_only else text


def runs_right_to_left(text: str) -> bool:
    """Say whether any of the text is laid out from right to left."""
    return any(unicodedata.bidirectional(character) in {"R", "AL", "AN"} for character in text)


def in_place(label: str) -> str:
    """Keep a right-to-left label from changing places with what stands beside it."""
    return LEFT_TO_RIGHT + label + LEFT_TO_RIGHT if runs_right_to_left(label) else label
