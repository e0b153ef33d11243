"""Where tokens and sentences stand in a text: the first character, and one past the last."""

import re
from collections.abc import Sequence

__all__ = ["border", "check_spans", "end_of_word", "without_blanks"]

_BLANK = re.compile(r"\s")
_BEHIND_THE_LAST_BLANK = re.compile(r"(?<=\s)\S*$")


def without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without the blanks at its ends; as it is, if there is nothing else in it."""
    within = text[start:end]
    if not within.strip():
        return start, end
    return end - len(within.lstrip()), start + len(within.rstrip())


def border(text: str, end: int, start: int) -> int:
    """Return where a sentence begins whose first token is at `start`, the one before it at `end`.

    Signs that are no tokens go with the word they touch: those before a blank close the former
    sentence, those behind it open this one.
    """
    opening = _BEHIND_THE_LAST_BLANK.search(text[end:start])
    return end + opening.start() if opening else start


def end_of_word(text: str, position: int) -> int:
    """Return where the first blank from `position` on stands, or the end of the text."""
    blank = _BLANK.search(text, position)
    return blank.start() if blank else len(text)


def check_spans(spans: Sequence[tuple[int, int]], length: int) -> None:
    """Raise unless the spans stand in order, within so many characters.

    Raises:
        TypeError: a span is no pair of whole numbers.
        ValueError: a span lies outside, or begins or ends before the one before it.
    """
    before = (0, 0)
    for position, span in enumerate(spans):
        if tuple(map(type, span)) != (int, int):
            raise TypeError(
                f"spans must be pairs of whole numbers; got {span!r} at position {position}"
            )
        start, end = span
        if not 0 <= start <= end <= length:
            raise ValueError(
                f"spans must lie within the {length} characters of the text; got {start, end} at "
                f"position {position}. Count characters, not bytes, of the text as it is given."
            )
        if start < before[0] or end < before[1]:
            raise ValueError(
                f"spans must stand in the order of the text; got {start, end} after {before} at "
                f"position {position}. Sort tokens and weights by where they stand."
            )
        before = (start, end)
