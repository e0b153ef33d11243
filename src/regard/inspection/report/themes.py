"""The colours of a page on light and on dark surfaces, for its rules and for its script."""

from collections.abc import Sequence
from typing import NamedTuple

from regard.inspection.palette import ON_DARK, ON_LIGHT

__all__ = ["DARK", "LIGHT", "Theme"]


class Theme(NamedTuple):
    """The colours of surfaces and letters, and of every whole percent of a weight."""

    page: str
    raised: str
    text: str
    quiet: str
    line: str
    beam: str
    focus: str
    best: str
    weights: Sequence[str]


LIGHT = Theme(
    page="#ffffff",
    raised="#f5f6f8",
    text="#1b1f24",
    quiet="#59636e",
    line="#d5dae0",
    beam="rgb(0 77 107 / 16%)",
    focus="#006d7c",
    best="#d55e00",
    weights=ON_LIGHT,
)
"""Screens by day, and paper."""

DARK = Theme(
    page="#0f1115",
    raised="#191c22",
    text="#e6e8eb",
    quiet="#9aa4af",
    line="#2d333b",
    beam="rgb(198 227 155 / 18%)",
    focus="#7acf86",
    best="#ff9d5c",
    weights=ON_DARK,
)
"""Screens by night."""
