"""Labelled train, validation and test; what has none of its own is told apart by a stable hash.

The hash of a text decides on which side it stands: so nothing has to be held in memory, the same
text always stands on the same side, and every run divides the data alike.
"""

from hashlib import blake2b
from typing import NamedTuple

from regard.data.files import DataError, StrPath
from regard.data.labelled import LABEL, TEXT, LabelledText, read_labelled
from regard.data.splits import folded
from regard.interfaces import Labelled

__all__ = [
    "HELD_OUT_SHARE",
    "MAX_HELD_OUT",
    "LabelledSplits",
    "fold",
    "hold_out_labelled",
    "labelled_splits_from_files",
]

HELD_OUT_SHARE, MAX_HELD_OUT = 0.1, 2_000
"""About which share of train is held out for validation, and about how many texts at most."""

_HASHES = 2**64


class LabelledSplits(NamedTuple):
    """What is learnt from, what the model is chosen by, and, if there is any, what judges it."""

    train: LabelledText
    validation: LabelledText
    test: LabelledText | None


def labelled_splits_from_files(
    train: StrPath,
    validation: StrPath | None = None,
    test: StrPath | None = None,
    *,
    text: str = TEXT,
    label: str = LABEL,
    separator: str | None = None,
) -> LabelledSplits:
    """Read a person's own splits, each a file or a folder (see `read_labelled`).

    Without `validation`, a part of train is held out (see `hold_out_labelled`).

    Raises:
        DataError: if a file cannot be used, or train is too small to hold anything out.
    """

    def read(path: StrPath) -> LabelledText:
        return read_labelled(path, text=text, label=label, separator=separator)

    judged = None if test is None else read(test)
    if validation is None:
        return LabelledSplits(*hold_out_labelled(read(train)), judged)
    return LabelledSplits(read(train), read(validation), judged)


def hold_out_labelled(texts: LabelledText) -> tuple[LabelledText, LabelledText]:
    """Divide `texts` into the rest and those held out, after reading them twice.

    Held out is a tenth, or of more than 20,000 texts about 2,000: those with the smallest hashes,
    but none of a class of which nothing would be left to learn from.

    Raises:
        DataError: if nothing can be held out.
    """
    num_texts, smallest = 0, _HASHES
    for row in texts:
        num_texts += 1
        smallest = min(smallest, _hash(row.text))
    share = min(HELD_OUT_SHARE, MAX_HELD_OUT / num_texts)
    limit = max(int(share * _HASHES), smallest + 1)  # at least one text
    kept = _hashes_of_lost_classes(texts, limit)

    def is_held_out(row: Labelled) -> bool:
        number = _hash(row.text)
        return number < limit and number not in kept and not row.text.isspace()

    if not any(map(is_held_out, texts)):
        raise DataError(f"{texts.name}: too few texts to hold any out; pass a validation file")
    return texts.select(lambda row: not is_held_out(row)), texts.select(is_held_out)


def _hashes_of_lost_classes(texts: LabelledText, limit: int) -> set[int]:
    """Return the hashes of all texts of classes of which every text has a hash below the limit."""
    found: set[str] = set()
    lost: dict[str, set[int]] = {}
    for text, labels in texts:
        number = _hash(text)
        if number >= limit:
            found.update(labels)
            for label in labels:
                lost.pop(label, None)
        else:
            for label in labels:
                if label not in found:
                    lost.setdefault(label, set()).add(number)
    return set().union(*lost.values())


def fold(text: str, num_folds: int) -> int:
    """Return the fold of a text, the same wherever and in whatever case or spacing it stands."""
    return _hash(text) % num_folds


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(folded(text).encode(), digest_size=8).digest(), "big")
