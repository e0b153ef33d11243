"""Parallel text from a person's own files: one file with two columns, or two aligned files."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from regard.data.files import DataError, StrPath, iterate_lines, open_bytes, read_lines
from regard.interfaces import Pair

__all__ = ["SOURCE", "TARGET", "ParallelText", "collect_pairs", "read_aligned", "read_pairs"]

SOURCE, TARGET = "source", "target"
"""The names of the two columns where none are given."""

_LONGEST_NAME = 100  # what is longer is a sentence in a file without a header


class ParallelText(NamedTuple):
    """Pairs with text on both sides, and how many rows were left out because a side was empty."""

    pairs: list[Pair]
    skipped: int = 0


def read_pairs(path: StrPath, *, source: str = SOURCE, target: str = TARGET) -> ParallelText:
    """Read pairs from two columns of a `.tsv`, `.txt`, `.csv`, `.jsonl` or `.parquet` file.

    All but parquet may be compressed and end in `.gz`. `.tsv` and `.txt` are split at tabs and know
    no quotes. Their first row, and that of a `.csv`, is a header if it holds the names `source` and
    `target`; without a header the first two columns count, which is refused if other names than
    the default ones are asked for. A row with an empty side (blank or null) is skipped and counted.

    Raises:
        DataError: if the file cannot be read, a column is missing, or a row is malformed.
    """
    path = Path(path)
    name = path.name.removesuffix(".gz")
    read = _READERS.get(Path(name).suffix.lower())
    if read is None or (read is _parquet and name != path.name):
        raise DataError(
            f"{path}: unknown format; expected .tsv, .txt, .csv, .jsonl (each also with .gz) or"
            " .parquet"
        )
    return collect_pairs(read(path, source, target), str(path))


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


def _tab_separated(path: Path, source: str, target: str) -> Iterator[Pair]:
    lines = enumerate(iterate_lines(path), start=1)
    rows = ((number, line.split("\t")) for number, line in lines)
    return _two_columns(rows, path, source, target)


def _comma_separated(path: Path, source: str, target: str) -> Iterator[Pair]:
    # The limit of the csv module, 131,072 characters a field, is global; ours is memory.
    csv.field_size_limit(2**31 - 1)
    # A quoted field may hold line ends: the csv module needs them back.
    reader = csv.reader((line + "\n" for line in iterate_lines(path)), strict=True)
    rows = ((reader.line_num, row) for row in reader)
    try:
        yield from _two_columns(rows, path, source, target)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None


def _two_columns(
    rows: Iterable[tuple[int, list[str]]], path: Path, source: str, target: str
) -> Iterator[Pair]:
    columns = (0, 1)
    for index, (number, row) in enumerate(rows):
        if index == 0 and _is_header(row, source, target, path):
            columns = row.index(source), row.index(target)
        elif not any(field.strip() for field in row):
            yield Pair("", "")
        elif len(row) <= max(columns):
            raise DataError(
                f"{path}, line {number}: found {len(row)} column{'s' * (len(row) != 1)},"
                f" expected at least {max(columns) + 1}"
            )
        else:
            yield Pair(row[columns[0]], row[columns[1]])


def _is_header(row: list[str], source: str, target: str, path: Path) -> bool:
    wanted = (source, target)
    if wanted == (SOURCE, TARGET) and not any(name in row for name in wanted):
        return False
    for name in wanted:
        _require(name, row, str(path))
    return True


def _require(name: str, columns: Iterable[str], where: str) -> None:
    columns = list(columns)
    if name in columns:
        return
    existing = [column for column in columns if 0 < len(column) <= _LONGEST_NAME]
    nearest = get_close_matches(name, existing, n=1, cutoff=0)
    advice = f"; the nearest is '{nearest[0]}' of {len(columns)}" if nearest else ""
    raise DataError(f"{where}: no column '{name}'{advice}")


def _json_lines(path: Path, source: str, target: str) -> Iterator[Pair]:
    for number, line in enumerate(iterate_lines(path), start=1):
        if not line.strip():
            yield Pair("", "")
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object with '{source}' and '{target}'")
        for name in (source, target):
            _require(name, row, where)
        yield Pair(_text(row[source], source, where), _text(row[target], target, where))


def _parquet(path: Path, source: str, target: str) -> Iterator[Pair]:
    # Loaded here so that text files can be read without it.
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    with open_bytes(path) as stream:
        try:
            file = parquet.ParquetFile(stream)
            for name in (source, target):
                _require(name, file.schema_arrow.names, str(path))
            table = file.read(columns=[source, target])
        except pa.ArrowException as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{path}: not a parquet file ({reason})") from None
    try:
        columns = (table.column(source).to_pylist(), table.column(target).to_pylist())
    except (KeyError, UnicodeDecodeError) as error:
        reason = str(error).strip("'\"").partition("\n")[0]
        raise DataError(f"{path}: '{source}' and '{target}' cannot be read ({reason})") from None
    for number, (first, second) in enumerate(zip(*columns, strict=True), start=1):
        where = f"{path}, row {number}"
        yield Pair(_text(first, source, where), _text(second, target, where))


def _text(value: Any, column: str, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(f"{where}: '{column}' must be text, got {type(value).__name__}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(
            f"{where}: '{column}' holds half a surrogate pair, which is not a character"
        )
    return value


_READERS: dict[str, Callable[[Path, str, str], Iterator[Pair]]] = {
    ".tsv": _tab_separated,
    ".txt": _tab_separated,
    ".csv": _comma_separated,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
