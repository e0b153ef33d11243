"""Boxes, lines and words in their places: laid out once, painted by whoever shows them.

Lengths are points, from the left and from the top; sizes of letters are points too.
"""

import math
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

__all__ = [
    "STRONGEST",
    "Box",
    "Drawing",
    "Item",
    "Line",
    "Paint",
    "Shape",
    "Words",
    "text_width",
    "widest",
]

Role = Literal["page", "raised", "rule", "text", "quiet", "best", "weight", "above", "below"]
"""What a colour is for.

`weight` is one of the scale of weights; `above` and `below` are for numbers on either side of 0;
`best` is for what is to be seen first.
"""

STRONGEST = 0.6
"""How much of its colour a number on either side of 0 has at most, so that it can be read."""

_NARROW, _USUAL, _LARGE, _WIDE = 0.36, 0.62, 0.78, 1.05


class Paint(NamedTuple):
    """A colour by what it is for, and how strong it is, from 0 to 1."""

    role: Role
    strength: float = 1.0


class Words(NamedTuple):
    """A text on its baseline; `angle` turns it against the clock, in degrees.

    `on` is how strong the weight is that the text stands on, where it stands on one.
    """

    text: str
    x: float
    y: float
    size: float
    role: Role = "text"
    anchor: Literal["start", "middle", "end"] = "middle"
    bold: bool = False
    angle: float = 0.0
    on: float | None = None


class Box(NamedTuple):
    """A rectangle; `hint` is said of it, and of what is written on it, when it is pointed at."""

    x: float
    y: float
    width: float
    height: float
    fill: Paint | None = None
    outline: Role | None = None
    thickness: float = 0.8
    radius: float = 0.0
    dashed: bool = False
    hint: str = ""


class Line(NamedTuple):
    """Points that are joined by straight lines, or, if `curved`, four of a cubic Bézier curve."""

    points: Sequence[tuple[float, float]]
    role: Role = "text"
    thickness: float = 1.0
    curved: bool = False
    dashed: bool = False


class Shape(NamedTuple):
    """A filled polygon."""

    points: Sequence[tuple[float, float]]
    role: Role = "text"


Item = Words | Box | Line | Shape
"""What a drawing is made of; later items stand before earlier ones."""


class Drawing(NamedTuple):
    """Items on a sheet so wide and high, and what they show in words."""

    width: float
    height: float
    items: Sequence[Item]
    description: str = ""

    @property
    def shown(self) -> str:
        """All text on the sheet."""
        return "".join(item.text for item in self.items if isinstance(item, Words))


def text_width(text: str, size: float) -> float:
    """Return about how wide a text is: what fonts without serifs need, rather more than less."""
    return size * sum(map(_ems, text))


def widest(texts: Sequence[str], size: float) -> float:
    """Return about how wide the widest text is; 0 if there is none."""
    return max((text_width(text, size) for text in texts), default=0.0)


def right_end(items: Sequence[Item]) -> float:
    """Return about how far to the right boxes and words reach."""
    before = {"start": 0.0, "middle": 0.5, "end": 1.0}
    ends = [item.x + item.width for item in items if isinstance(item, Box)]
    for item in items:
        if isinstance(item, Words):
            width = text_width(item.text, item.size) * math.cos(math.radians(item.angle))
            ends.append(item.x + (1 - before[item.anchor]) * width)
    return max(ends, default=0.0)


def _ems(character: str) -> float:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0.0
    if unicodedata.east_asian_width(character) in "FW":
        return _WIDE
    if character in " .,:;'|!ijltIf()[]/·ᵢⱼ":
        return _NARROW
    return _LARGE if character.isupper() or character in "mw%—∑<>" else _USUAL
