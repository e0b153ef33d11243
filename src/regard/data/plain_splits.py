"""Train, validation and test of plain text; what has none of its own gives up the ends of texts."""

from collections.abc import Iterator
from typing import NamedTuple

from regard.data.files import DataError, StrPath
from regard.data.plain_text import PlainText, Text, read_plain

__all__ = ["HELD_OUT_SHARE", "PlainSplits", "hold_out_ends", "plain_splits_from_files"]

HELD_OUT_SHARE = 0.1
"""Which share of each text is held out for validation."""


class PlainSplits(NamedTuple):
    """What is learnt from, what the model is chosen by, and, if there is any, what judges it."""

    train: PlainText
    validation: PlainText
    test: PlainText | None


def plain_splits_from_files(
    train: StrPath, validation: StrPath | None = None, test: StrPath | None = None
) -> PlainSplits:
    """Read a person's own splits, each a file, a folder or a pattern (see `text_files`).

    Without `validation`, the ends of the texts of train are held out (see `hold_out_ends`).

    Raises:
        DataError: if a file cannot be used, or train is too small to hold anything out.
    """
    judged = None if test is None else read_plain(test)
    learnt = read_plain(train)
    if validation is None:
        return PlainSplits(*hold_out_ends(learnt, HELD_OUT_SHARE), judged)
    return PlainSplits(learnt, read_plain(validation), judged)


def hold_out_ends(text: PlainText, share: float) -> tuple[PlainText, PlainText]:
    """Divide every text into its beginning and the lines of its last `share`, by characters.

    Always the same lines are held out, and they stand together; a text of one line is not divided.

    Raises:
        DataError: if nothing can be held out.
    """
    beginnings = [_Part(each, 0.0, 1 - share) for each in text.texts]
    ends = [_Part(each, 1 - share, 1.0) for each in text.texts]
    held_out = text._replace(texts=ends)
    if not any(held_out.pieces):
        raise DataError(f"{text.name}: too few lines to hold any out; pass a validation file")
    return text._replace(texts=beginnings), held_out


class _Part:
    """The pieces of a text that begin between two shares of its characters."""

    def __init__(self, text: Text, first: float, last: float) -> None:
        self._text, self._first, self._last = text, first, last

    def __iter__(self) -> Iterator[str]:
        length = sum(map(len, self._text))
        first, last, place = self._first * length, self._last * length, 0
        for piece in self._text:
            if first <= place < last:
                yield piece
            place += len(piece)
