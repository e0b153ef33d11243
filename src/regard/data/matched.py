"""Pairs of texts that have something to do with each other, from a person's own files."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from regard.data.files import DataError, StrPath
from regard.data.tables import read_rows, text_of
from regard.interfaces import Matched

__all__ = ["LABEL", "LEFT", "RIGHT", "MatchedText", "collect_matched", "read_matched"]

LEFT, RIGHT, LABEL = "left", "right", "label"
"""The names of the three columns where none are given."""


class MatchedText(NamedTuple):
    """Pairs and their labels, where they come from, and how many rows were left out."""

    name: str
    rows: list[Matched]
    skipped: int = 0


def read_matched(
    path: StrPath,
    *,
    left: str = LEFT,
    right: str = RIGHT,
    label: str = LABEL,
    group: str | None = None,
) -> MatchedText:
    """Read a table (see `regard.data.tables.read_rows`) with a column for each side and the label.

    Labels may be text, numbers or truth values, each known by how Python writes it, but whole
    numbers without a point. A row without a label (blank or null) is skipped and counted, and so is
    one without any text; one side may be empty.

    Args:
        group: the column that says which of the rows are ranked among each other, such as the
            question of answers; its values are text or numbers.

    Raises:
        DataError: if the file cannot be read, a column is missing, a row is malformed or of no
            group, or no row is left.
    """
    names = (left, right, label) if group is None else (left, right, label, group)

    def read() -> Iterator[Matched]:
        for where, (one, other, value, *grouped) in read_rows(path, names, usual=()):
            row = Matched(
                text_of(one, left, where),
                text_of(other, right, where),
                _written(value, label, where),
                _written(grouped[0], group, where) if group is not None else "",
            )
            if group is not None and _is_usable(row) and not row.group.strip():
                raise DataError(f"{where}: '{group}' is empty; every row needs its group")
            yield row

    return collect_matched(read(), str(path))


def collect_matched(rows: Iterable[Matched], name: str) -> MatchedText:
    """Gather pairs stripped of outer blanks; what has no label, or no text, is skipped and counted.

    Raises:
        DataError: if no pair is left; it says by `name` where the rows come from.
    """
    kept, skipped = [], 0
    for row in rows:
        if _is_usable(row):
            kept.append(Matched(*map(str.strip, row)))
        else:
            skipped += 1
    if not kept:
        found = f"none of {skipped:,} rows has a text and a label" if skipped else "empty"
        raise DataError(f"{name}: {found}")
    return MatchedText(name, kept, skipped)


def _is_usable(row: Matched) -> bool:
    return bool(row.label.strip() and (row.left.strip() or row.right.strip()))


def _written(value: Any, column: str, where: str) -> str:
    """Return a label, or the name of a group, as text, and what is missing as an empty one."""
    if value is None or value != value:  # noqa: PLR0124  not a number: pandas writes gaps so
        return ""
    if isinstance(value, float):  # whole ones are what a column of whole numbers with gaps has
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int | str):
        return text_of(str(value), column, where)
    raise DataError(
        f"{where}: '{column}' must be text, a number or a truth value, got {type(value).__name__}"
    )
