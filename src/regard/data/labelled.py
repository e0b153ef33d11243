"""Labelled text from a person's own files: a table with two columns, or a folder per class."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from regard.data.files import DataError, StrPath, iterate_lines
from regard.data.tables import read_rows, text_of
from regard.interfaces import Labelled

__all__ = ["LABEL", "TEXT", "LabelledText", "read_folder", "read_labelled"]

TEXT, LABEL = "text", "label"
"""The names of the two columns where none are given."""


class LabelledText:
    """Texts and their labels, read anew at each iteration and never all in memory.

    Rows without a text (blank or null) or without any label are skipped and counted.

    Args:
        read: begins to read the rows.
        name: where they come from, as a person knows it.
        keep_empty: texts without a word are kept, so that none is missing from a test set.
    """

    def __init__(
        self, read: Callable[[], Iterable[Labelled]], name: str, *, keep_empty: bool = False
    ) -> None:
        self.name = name
        self.skipped = 0
        """How many rows the newest iteration has skipped so far."""
        self._read, self._keep_empty = read, keep_empty

    def __iter__(self) -> Iterator[Labelled]:
        """Give the texts, without their outer blanks.

        Raises:
            DataError: if a row cannot be used, or none has both text and label.
        """
        self.skipped = num_given = 0
        for row in self._read():
            text, labels = row.text.strip(), _distinct(row.labels)
            if labels and (text or self._keep_empty):
                num_given += 1
                yield Labelled(text, labels)
            else:
                self.skipped += 1
        if not num_given:
            found = f"none of {self.skipped:,} rows has text and label" if self.skipped else "empty"
            raise DataError(f"{self.name}: {found}")

    @property
    def texts(self) -> Iterable[str]:
        """The texts alone, which may be iterated over any number of times."""
        return _Texts(self)

    def select(self, is_chosen: Callable[[Labelled], bool]) -> "LabelledText":
        """Return those rows, as they are read, of which `is_chosen` says so."""
        read = self._read
        return LabelledText(
            lambda: filter(is_chosen, read()), self.name, keep_empty=self._keep_empty
        )

    def rewrite(self, change: Callable[[str], str], *, keep_empty: bool = False) -> "LabelledText":
        """Return the rows, as they are read, with other texts."""
        read = self._read
        return LabelledText(
            lambda: (Labelled(change(text), labels) for text, labels in read()),
            self.name,
            keep_empty=keep_empty,
        )

    def check(self) -> "LabelledText":
        """Read the first row, so that what is wrong with a whole file is found at once."""
        for _ in islice(self._read(), 1):
            pass
        return self


class _Texts:
    def __init__(self, rows: LabelledText) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[str]:
        return (row.text for row in self._rows)


def read_labelled(
    path: StrPath, *, text: str = TEXT, label: str = LABEL, separator: str | None = None
) -> LabelledText:
    """Read a table (see `regard.data.tables.read_rows`), or a folder (see `read_folder`).

    Labels may be text, whole numbers or truth values, each known by how Python writes it. Where a
    text may have several, they are a list in `.jsonl` and `.parquet`, or divided by `separator`.

    Raises:
        DataError: if the file cannot be read, or a column is missing; while iterating, if a row is
            malformed.
    """
    if Path(path).is_dir():
        return read_folder(path)

    def read() -> Iterator[Labelled]:
        for where, (words, value) in read_rows(path, (text, label), usual=()):
            yield Labelled(text_of(words, text, where), _labels(value, label, where, separator))

    return LabelledText(read, str(path)).check()


def read_folder(
    folder: StrPath,
    classes: Iterable[str] | None = None,
    *,
    pattern: str = "*.txt",
    encoding: str = "utf-8",
) -> LabelledText:
    """Read a folder that holds a folder for each class, with a file for each text.

    Args:
        classes: which folders to read; without it, all but hidden ones.
        pattern: which files of them.

    Raises:
        DataError: if there are no such folders, or one has no such files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = (each.name for each in folder.iterdir() if each.is_dir())
    names = sorted(classes or (name for name in found if not name.startswith(".")))
    if not names:
        raise DataError(f"{folder}: no folders in it; expected one for each class, with its texts")
    for name in names:
        if not any((folder / name).glob(pattern)):
            raise DataError(f"{folder / name}: no files {pattern} in it")

    def read() -> Iterator[Labelled]:
        for name in names:
            for file in sorted((folder / name).glob(pattern)):
                yield Labelled("\n".join(iterate_lines(file, encoding=encoding)), (name,))

    return LabelledText(read, str(folder))


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for label in map(str.strip, labels) if label))


def _labels(value: Any, column: str, where: str, separator: str | None) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_label(each, column, where) for each in value)
    label = _label(value, column, where)
    return tuple(label.split(separator)) if separator else (label,)


def _label(value: Any, column: str, where: str) -> str:
    if value is None or value != value:  # noqa: PLR0124  not a number: pandas writes gaps so
        return ""
    if isinstance(value, float) and value.is_integer():  # which a column with gaps is made of
        return str(int(value))
    if isinstance(value, int | str):
        return text_of(str(value), column, where)
    raise DataError(
        f"{where}: '{column}' must be text, a whole number, a truth value or a list of them,"
        f" got {type(value).__name__}"
    )
