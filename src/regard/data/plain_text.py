"""Plain text from a person's own files: one text a file, read anew whenever it is iterated over."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from regard.data.files import DataError, StrPath, iterate_lines

__all__ = ["PlainText", "Text", "pieces_of", "read_plain", "text_files"]

Text = Iterable[str]
"""One text in pieces, none of them long; it may be iterated over any number of times."""

SUFFIXES = (".txt", ".txt.gz")
"""What the names of texts in a folder end in."""

LONGEST = 100_000  # characters of a piece


class PlainText(NamedTuple):
    """Texts, which need not fit into memory, and where they come from, as a person knows it."""

    texts: Sequence[Text]
    name: str

    @property
    def pieces(self) -> Iterable[str]:
        """The pieces of all texts, which may be iterated over any number of times."""
        return _Pieces(self.texts)


class _Pieces:
    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = texts

    def __iter__(self) -> Iterator[str]:
        return (piece for text in self._texts for piece in text)


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[str]:
        return pieces_of(iterate_lines(self._path))


def read_plain(path: StrPath) -> PlainText:
    """Read the text files that a path stands for (see `text_files`), each as one text.

    A line feed at the end of a file is left out.

    Raises:
        DataError: if there is no such file; while iterating, if one cannot be read.
    """
    return PlainText([_File(file) for file in text_files(path)], str(path))


def text_files(path: StrPath) -> list[Path]:
    """Return the files that a path stands for: one, those of a folder, or those of a pattern.

    Of a folder, all whose names end in `.txt` or `.txt.gz`, also in folders within, but no hidden
    ones. In a pattern, `*` stands for any characters and `**` for any folders.

    Raises:
        DataError: if there are none.
    """
    path = Path(path)
    if path.is_dir():
        found = [file for file in path.rglob("*") if _is_text(file.relative_to(path))]
        if not found:
            raise DataError(f"{path}: no files {' or '.join(f'*{end}' for end in SUFFIXES)} in it")
        return sorted(found)
    if path.exists() or not set("*?[") & set(str(path)):
        return [path]
    root = Path(path.anchor)
    matching = sorted(file for file in root.glob(str(path.relative_to(root))) if file.is_file())
    if not matching:
        raise DataError(f"{path}: no such files")
    return matching


def _is_text(file: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.parts)
    return file.name.endswith(SUFFIXES) and not hidden


def pieces_of(lines: Iterable[str]) -> Iterator[str]:
    """Join lines to a text in pieces: lines, or parts of long ones, that begin with a blank."""
    for number, line in enumerate(lines):
        yield from _cut(f"\n{line}" if number else line)


def _cut(line: str) -> Iterator[str]:
    """Cut a line before blanks, or anywhere if there are none."""
    start = 0
    while len(line) - start > LONGEST:
        blank = line.rfind(" ", start + 1, start + LONGEST + 1)
        end = blank if blank > 0 else start + LONGEST
        yield line[start:end]
        start = end
    yield line[start:]
