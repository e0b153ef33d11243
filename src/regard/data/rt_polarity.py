"""Sentences of film reviews, told positive from negative: MR (Pang & Lee 2005)."""

from collections.abc import Iterator
from pathlib import Path

from regard.data.files import DataError, open_bytes, plain_or_gz
from regard.data.labelled import LabelledText
from regard.data.labelled_splits import LabelledSplits, fold, hold_out_labelled
from regard.interfaces import Labelled

__all__ = ["NUM_FOLDS", "load_mr"]

NUM_FOLDS = 10
"""Parts that are the test set in turn, since it has none of its own."""

_STEM, _CLASSES = "rt-polarity", ("neg", "pos")


def load_mr(folder: Path | None, number: int) -> LabelledSplits:
    """Load `rt-polarity.pos` and `rt-polarity.neg`, of which one fold of ten is the test set.

    A stable hash of a sentence decides its fold, so the folds are of about one size, and the same
    sentence is never learnt from and judged by. Validation is held out of the other nine.

    Raises:
        DataError: if there is no such fold or folder, or a file cannot be used.
    """
    if folder is None:
        raise DataError(
            "mr needs a folder with rt-polarity.pos and rt-polarity.neg; get rt-polaritydata from"
            " https://www.cs.cornell.edu/people/pabo/movie-review-data"
        )
    if not 0 <= number < NUM_FOLDS:
        raise DataError(f"fold must be from 0 to {NUM_FOLDS - 1}, got {number}")
    paths = {label: plain_or_gz(folder / f"{_STEM}.{label}") for label in _CLASSES}

    def read() -> Iterator[Labelled]:
        for label, path in paths.items():
            for line in _lines(path):
                yield Labelled(line, (label,))

    sentences = LabelledText(read, str(folder)).check()

    def is_test(row: Labelled) -> bool:
        return fold(row.text, NUM_FOLDS) == number

    rest = sentences.select(lambda row: not is_test(row))
    return LabelledSplits(*hold_out_labelled(rest), sentences.select(is_test))


def _lines(path: Path) -> Iterator[str]:
    """Give the lines of a file in which some are UTF-8 and others Windows-1252."""
    with open_bytes(path) as file:
        for line in file:
            try:
                text = line.decode("utf-8-sig")
            except UnicodeDecodeError:
                text = line.decode("cp1252", errors="replace")
            yield text
