"""Fonts for text in any script, from those that are installed."""

import unicodedata
from functools import cache
from typing import NamedTuple

from matplotlib.font_manager import FontEntry, fontManager, get_font

__all__ = ["Fonts", "fonts_for"]

_FIRST = "DejaVu Sans"
# Draws a box for every character there is, so it would seem to cover all of them.
_PLACEHOLDER = "Last Resort"


class Fonts(NamedTuple):
    """Font families in the order to try them, and the characters that none of them has."""

    families: list[str]
    missing: list[str]


def fonts_for(text: str) -> Fonts:
    """Return as few installed families as have every character of the text between them."""
    missing = {character for character in text if unicodedata.category(character) != "Cf"}
    families = [_FIRST]
    for name, path in _installed():
        found = {character for character in missing if ord(character) in _characters(path)}
        if found and name != _FIRST:
            families.append(name)
        missing -= found
        if not missing:
            break
    return Fonts(families, sorted(missing))


@cache
def _installed() -> list[tuple[str, str]]:
    """Return name and file of every plain family: ours first, then those without serifs."""
    files = {
        entry.name: entry.fname
        for entry in fontManager.ttflist
        if _is_plain(entry) and not entry.name.startswith(_PLACEHOLDER)
    }
    return sorted(files.items(), key=_preference)


def _is_plain(entry: FontEntry) -> bool:
    return (entry.style, entry.stretch, entry.weight) == ("normal", "normal", 400)


def _preference(family: tuple[str, str]) -> tuple[bool, bool, str]:
    name = family[0]
    return name != _FIRST, "Sans" not in name or "Mono" in name, name


@cache
def _characters(path: str) -> frozenset[int]:
    """Return the code points a font file has glyphs for; none if it is gone or damaged."""
    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
