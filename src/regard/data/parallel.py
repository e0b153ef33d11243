"""Parallel text from a person's own files: one file with two columns, or two aligned files."""

from collections.abc import Iterable
from typing import NamedTuple

from regard.data.files import DataError, StrPath, read_lines
from regard.data.tables import read_rows, text_of
from regard.interfaces import Pair

__all__ = ["SOURCE", "TARGET", "ParallelText", "collect_pairs", "read_aligned", "read_pairs"]

SOURCE, TARGET = "source", "target"
"""The names of the two columns where none are given."""


class ParallelText(NamedTuple):
    """Pairs with text on both sides, and how many rows were left out because a side was empty."""

    pairs: list[Pair]
    skipped: int = 0


def read_pairs(path: StrPath, *, source: str = SOURCE, target: str = TARGET) -> ParallelText:
    """Read pairs from two columns of a table (see `regard.data.tables.read_rows`).

    A row with an empty side (blank or null) is skipped and counted.

    Raises:
        DataError: if the file cannot be read, a column is missing, or a row is malformed.
    """
    rows = read_rows(path, (source, target), usual=(SOURCE, TARGET))
    pairs = (
        Pair(text_of(first, source, where), text_of(second, target, where))
        for where, (first, second) in rows
    )
    return collect_pairs(pairs, str(path))


def read_aligned(source: StrPath, target: StrPath) -> ParallelText:
    """Read two text files, plain or `.gz`, in which lines of the same number are a pair.

    A pair with an empty side is skipped and counted.

    Raises:
        DataError: if a file cannot be read, or their numbers of lines differ.
    """
    sources, targets = read_lines(source), read_lines(target)
    if len(sources) != len(targets):
        raise DataError(
            f"{source} has {len(sources):,} lines but {target} has {len(targets):,};"
            " aligned files have a line for a line"
        )
    return collect_pairs(map(Pair, sources, targets), f"{source} and {target}")


def collect_pairs(rows: Iterable[Pair], where: str) -> ParallelText:
    """Gather pairs stripped of outer blanks; those with an empty side are skipped and counted.

    Raises:
        DataError: if no pair is left; it names `where` the rows come from.
    """
    pairs, skipped = [], 0
    for row in rows:
        pair = Pair(row.source.strip(), row.target.strip())
        if pair.source and pair.target:
            pairs.append(pair)
        else:
            skipped += 1
    if not pairs:
        found = f"none of {skipped:,} rows has text on both sides" if skipped else "empty"
        raise DataError(f"{where}: {found}")
    return ParallelText(pairs, skipped)
