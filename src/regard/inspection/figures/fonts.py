"""Fonts for text in any script, from those that are installed."""

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from matplotlib.font_manager import FontEntry, findSystemFonts, fontManager, get_font

__all__ = ["Fonts", "fonts_for", "missing_notice"]

_FIRST = "DejaVu Sans"
# Draws a box for every character there is, so it would seem to cover all of them.
_PLACEHOLDER = "Last Resort"
_EAST_ASIAN = frozenset({"Bopomofo", "Cjk", "Hangul", "Hiragana", "Ideographic", "Katakana"})
_MOST_NAMED = 12


class Fonts(NamedTuple):
    """Font families in the order to try them, and the characters that none of them has."""

    families: list[str]
    missing: list[str]


def fonts_for(text: str) -> Fonts:
    """Return as few installed families as have every character of the text between them."""
    fonts = _covering(text)
    if fonts.missing and _add_new_fonts():
        fonts = _covering(text)
    return fonts


def missing_notice(text: str) -> str:
    """Say which characters of a text no installed font has, if any, and what to do about it.

    >>> missing_notice("plain")
    ''
    """
    missing = fonts_for(text).missing
    if not missing:
        return ""
    named = " ".join(missing[:_MOST_NAMED])
    if len(missing) > _MOST_NAMED:
        named = f"{named} … ({len(missing)} characters)"
    fonts = sorted({_font_of(character) for character in missing})
    return (
        f"no installed font has {named}; the picture shows boxes instead. Install "
        f"{', '.join(fonts)}, or save as .svg."
    )


def _covering(text: str) -> Fonts:
    missing = {character for character in text if unicodedata.category(character) != "Cf"}
    families = [_FIRST]
    for name, path in _as_written(text, _installed()):
        found = {character for character in missing if ord(character) in _characters(path)}
        if found and name != _FIRST:
            families.append(name)
        missing -= found
        if not missing:
            break
    return Fonts(families, sorted(missing))


def _as_written(text: str, families: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the families last that draw ideographs otherwise than where the text is from."""
    scripts = {_script(character) for character in text}
    region = "JP" if scripts & {"Hiragana", "Katakana"} else "KR" if "Hangul" in scripts else "SC"
    return sorted(
        families, key=lambda family: "CJK" in family[0] and not family[0].endswith(region)
    )


def _script(character: str) -> str:
    """Return what the name of a character begins with, which is its script if it is a letter."""
    return unicodedata.name(character, "").partition(" ")[0].capitalize()


def _font_of(character: str) -> str:
    """Return the name of a font that is likely to have a character."""
    script = _script(character)
    if script in _EAST_ASIAN:
        return "Noto Sans CJK"
    if unicodedata.category(character) in ("So", "Sk"):
        return "Noto Emoji"
    if unicodedata.category(character)[0] in "LM" and script:
        return f"Noto Sans {script}"
    return "a font that has them"


@cache
def _add_new_fonts() -> bool:
    """Let matplotlib know the fonts that were installed after it had listed them, once.

    Returns whether there are any.
    """
    known = {entry.fname for entry in fontManager.ttflist}
    before = len(fontManager.ttflist)
    for path in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(path)
        except (OSError, RuntimeError):
            # Damaged, or made of pixels.
            continue
    _installed.cache_clear()
    return len(fontManager.ttflist) > before


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
