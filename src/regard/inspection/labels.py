"""Untrusted text made fit to be shown: nothing in it acts on what displays it, nothing hides."""

import unicodedata

__all__ = ["NOTHING", "printable", "prose", "shorten", "token_label"]

NOTHING = "\N{EMPTY SET}"
"""What stands for a text without a character."""

_SPACE = "\N{OPEN BOX}"
_BASE = "\N{DOTTED CIRCLE}"
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
# Embeddings, overrides and isolates reorder everything up to their end, which may never come.
_REORDERING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_NOT_IN_XML = frozenset("\ufffe\uffff")


def printable(text: str) -> str:
    r"""Return the text with what would act instead of showing written as Python would.

    These are control characters, line separators, lone surrogates, what XML forbids, and the
    characters that reorder the text around them.

    >>> print(printable("\x1b[31mred"))
    \x1b[31mred
    """
    return "".join(_escape(character) if _acts(character) else character for character in text)


def prose(text: str) -> str:
    r"""Return the text as `printable` does, but keep its line ends and tabs, as in paragraphs.

    >>> print(prose("one\r\ntwo\x07"))
    one
    two\x07
    """
    return "".join(
        character if character in "\n\t" else printable(character)
        for character in text.replace("\r\n", "\n")
    )


def token_label(token: str) -> str:
    r"""Return the text of one token so that every part of it can be seen.

    Beyond `printable`: spaces become ␣, invisible formatting is written as Python would, a
    combining mark that stands first gets a dotted circle to sit on, and an empty token becomes ∅.

    >>> print(token_label(" new\n"))
    ␣new\n
    """
    if not token:
        return NOTHING
    # Joiners shape the letters beside them, so they stay where there are letters.
    kept = _JOINERS if token.strip(_JOINERS) else ""
    label = "".join(character if character in kept else _visible(character) for character in token)
    return _BASE + label if unicodedata.category(label[0]).startswith("M") else label


def shorten(text: str, limit: int) -> str:
    """Return the text, or its beginning and an ellipsis, in at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _acts(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or character in _REORDERING
        or character in _NOT_IN_XML
    )


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return _SPACE
    return _escape(character) if category == "Cf" or _acts(character) else character


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
