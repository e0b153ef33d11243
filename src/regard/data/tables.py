"""Rows of a table, by the names of their columns, one after another however large the file is."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from regard.data.files import DataError, StrPath, iterate_lines, open_bytes

__all__ = ["Row", "read_rows", "text_of"]

_LONGEST_NAME = 100  # what is longer is a sentence in a file without a header


class Row(NamedTuple):
    """The values asked for, `None` where there is none, and where they stand: file and line."""

    where: str
    values: tuple[Any, ...]


def read_rows(
    path: StrPath, names: Sequence[str], *, usual: Sequence[str], alone: bool = False
) -> Iterator[Row]:
    """Give the columns `names` of a `.tsv`, `.txt`, `.csv`, `.jsonl` or `.parquet` file.

    All but parquet may be compressed and end in `.gz`. `.tsv` and `.txt` are split at tabs and know
    no quotes. Their first row, and that of a `.csv`, is a header if it holds one of `names`;
    without a header the first columns count, which is refused if other names than the usual are
    asked for, and so always if none are usual. A blank line is a row without values.

    Args:
        alone: without a header there may be no other columns than those asked for.

    Raises:
        DataError: if the file cannot be read, a column is missing, or a row is malformed; but for
            an unknown format, when that row is reached.
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    suffix = Path(name).suffix.lower()
    if suffix in _DELIMITED:
        num_columns = (len(names) if alone else None) if [*names] == [*usual] else 0
        return _delimited(_DELIMITED[suffix](path), path, names, num_columns)
    if suffix == ".jsonl":
        return _json_lines(path, names)
    if suffix == ".parquet" and name == path.name:
        return _parquet(path, names)
    raise DataError(
        f"{path}: unknown format; expected .tsv, .txt, .csv, .jsonl (each also with .gz) or"
        " .parquet"
    )


def text_of(value: Any, column: str, where: str) -> str:
    """Return a value that must be text, `None` as an empty one.

    Raises:
        DataError: if it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"{where}: '{column}' must be text, got {type(value).__name__}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(
            f"{where}: '{column}' holds half a surrogate pair, which is not a character"
        )
    return value


def _tab_separated(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(iterate_lines(path), start=1):
        yield number, line.split("\t")


def _comma_separated(path: Path) -> Iterator[tuple[int, list[str]]]:
    # The limit of the csv module, 131,072 characters a field, is global; ours is memory.
    csv.field_size_limit(2**31 - 1)
    # A quoted field may hold line ends: the csv module needs them back.
    reader = csv.reader((line + "\n" for line in iterate_lines(path)), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None


_DELIMITED: dict[str, Callable[[Path], Iterator[tuple[int, list[str]]]]] = {
    ".tsv": _tab_separated,
    ".txt": _tab_separated,
    ".csv": _comma_separated,
}


def _delimited(
    rows: Iterable[tuple[int, list[str]]],
    path: Path,
    names: Sequence[str],
    num_columns: int | None,
) -> Iterator[Row]:
    """Give the columns; without a header there are to be so many, 0 for never, None for any."""
    columns: list[int] = []
    for number, row in rows:
        where = f"{path}, line {number}"
        if not any(field.strip() for field in row):
            yield Row(where, (None,) * len(names))
            continue
        is_first = not columns
        may_lack_header = num_columns in (None, len(row)) and not set(names) & set(row)
        if is_first and may_lack_header:
            columns = list(range(len(names)))
        elif is_first:
            columns = [_position(name, row, str(path)) for name in names]
            continue
        if len(row) <= max(columns):
            raise DataError(
                f"{where}: found {len(row)} column{'s' * (len(row) != 1)},"
                f" expected at least {max(columns) + 1}"
            )
        yield Row(where, tuple(row[column] for column in columns))


def _position(name: str, columns: Sequence[str], where: str) -> int:
    """Return which column has the name, or name the nearest in what is raised."""
    if name in columns:
        return columns.index(name)
    existing = [column for column in columns if 0 < len(column) <= _LONGEST_NAME]
    nearest = get_close_matches(name, existing, n=1, cutoff=0)
    advice = f"; the nearest is '{nearest[0]}' of {len(columns)}" if nearest else ""
    raise DataError(f"{where}: no column '{name}'{advice}")


def _json_lines(path: Path, names: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(iterate_lines(path), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            yield Row(where, (None,) * len(names))
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object with {_listed(names)}")
        for name in names:
            _position(name, list(row), where)
        yield Row(where, tuple(row[name] for name in names))


def _parquet(path: Path, names: Sequence[str]) -> Iterator[Row]:
    # Loaded here so that text files can be read without it.
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    number = 0
    with open_bytes(path) as stream:
        try:
            file = parquet.ParquetFile(stream)
            for name in names:
                _position(name, file.schema_arrow.names, str(path))
            for batch in file.iter_batches(columns=list(names)):
                for values in zip(*_columns(batch, names, path), strict=True):
                    number += 1
                    yield Row(f"{path}, row {number}", values)
        except pa.ArrowException as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{path}: not a parquet file ({reason})") from None


def _columns(batch: Any, names: Sequence[str], path: Path) -> list[list[Any]]:
    try:
        return [batch.column(name).to_pylist() for name in names]
    except (KeyError, UnicodeDecodeError) as error:
        reason = str(error).strip("'\"").partition("\n")[0]
        raise DataError(f"{path}: {_listed(names)} cannot be read ({reason})") from None


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
