"""Matched train, validation and test; what has no validation of its own is told apart by a hash.

The hash of a group, or of a pair where there are none, decides on which side it stands: so the same
group or pair always stands on one side, and every run divides the data alike, in whatever order.
"""

from collections import Counter, defaultdict
from hashlib import blake2b
from typing import NamedTuple

from regard.data.files import DataError, StrPath
from regard.data.labelled_splits import HELD_OUT_SHARE, MAX_HELD_OUT
from regard.data.matched import LABEL, LEFT, RIGHT, MatchedText, read_matched
from regard.data.splits import folded
from regard.interfaces import Matched

__all__ = ["MatchedSplits", "hold_out_matched", "matched_splits_from_files"]


class MatchedSplits(NamedTuple):
    """What is learnt from, what the model is chosen by, and, if there is any, what judges it."""

    train: MatchedText
    validation: MatchedText
    test: MatchedText | None


def matched_splits_from_files(
    train: StrPath,
    validation: StrPath | None = None,
    test: StrPath | None = None,
    *,
    left: str = LEFT,
    right: str = RIGHT,
    label: str = LABEL,
    group: str | None = None,
    graded: bool = False,
) -> MatchedSplits:
    """Read a person's own splits (see `read_matched`).

    Without `validation`, a part of train is held out (see `hold_out_matched`).

    Args:
        graded: labels are grades, not classes.

    Raises:
        DataError: if a file cannot be used, or train is too small to hold anything out.
    """

    def read(path: StrPath) -> MatchedText:
        return read_matched(path, left=left, right=right, label=label, group=group)

    learnt = read(train)
    judged = None if test is None else read(test)
    if validation is None:
        return MatchedSplits(*hold_out_matched(learnt, graded=graded), judged)
    return MatchedSplits(learnt, read(validation), judged)


def hold_out_matched(
    texts: MatchedText, *, graded: bool = False
) -> tuple[MatchedText, MatchedText]:
    """Divide `texts` into the rest and those held out; both keep their order.

    Held out is a tenth, but no more than 2,000 rows, of whole groups, or of pairs where there are
    none: those with the smallest hashes, but none that would leave nothing of a class to learn
    from. Where every group is larger, it is the smallest one.

    Args:
        graded: labels are grades, of which not each needs to be learnt from.

    Raises:
        DataError: if nothing can be held out.
    """
    members: defaultdict[str, list[Matched]] = defaultdict(list)
    for row in texts.rows:
        members[_key(row)].append(row)
    limit = min(MAX_HELD_OUT, int(len(texts.rows) * HELD_OUT_SHARE))
    by_hash = sorted(members, key=_hash)
    held_out = _choose(by_hash, members, limit, graded=graded)
    if not held_out:
        by_size = sorted(by_hash, key=lambda key: len(members[key]))
        held_out = _choose(by_size, members, len(texts.rows), graded=graded, at_most=1)
    if not held_out:
        raise DataError(f"{texts.name}: too few pairs to hold any out; pass a validation file")
    rest = [row for row in texts.rows if _key(row) not in held_out]
    chosen = [row for row in texts.rows if _key(row) in held_out]
    return texts._replace(rows=rest), MatchedText(texts.name, chosen)


def _choose(
    keys: list[str],
    members: dict[str, list[Matched]],
    max_rows: int,
    *,
    graded: bool,
    at_most: int | None = None,
) -> set[str]:
    """Take keys in their order while there is room and something of each class is left."""
    left = Counter(_class(row, graded) for rows in members.values() for row in rows)
    chosen: set[str] = set()
    for key in keys:
        taken = Counter(_class(row, graded) for row in members[key])
        if taken.total() <= max_rows and all(left[name] > taken[name] for name in taken):
            chosen.add(key)
            left -= taken
            max_rows -= taken.total()
        if len(chosen) == at_most:
            break
    return chosen


def _class(row: Matched, graded: bool) -> str:
    return "" if graded else row.label


def _key(row: Matched) -> str:
    """Return the group of a row, or else its pair, whichever of the two comes first."""
    return folded(row.group) or "\n".join(sorted((folded(row.left), folded(row.right))))


def _hash(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=8).digest()
