"""Text files, plain or gzip, read line by line; every fault names its file and its line."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from os import PathLike
from pathlib import Path

__all__ = ["DataError", "StrPath", "iterate_lines", "open_bytes", "plain_or_gz", "read_lines"]

StrPath = str | PathLike[str]


class DataError(ValueError):
    """Data that cannot be used; one line that names the file and, if one is at fault, the line."""


def read_lines(path: StrPath) -> list[str]:
    """Read all lines of a text file, empty ones too, without their ends.

    Raises:
        DataError: if the file is missing, a directory, unreadable, broken gzip or not UTF-8.
    """
    return list(iterate_lines(path))


def iterate_lines(path: StrPath, *, encoding: str = "utf-8") -> Iterator[str]:
    """Give the lines of a text file one by one; a name that ends in `.gz` is decompressed.

    Only a line feed ends a line (a carriage return before it goes too), so that two aligned files
    stay aligned whatever other separators Unicode knows stand in their text.
    """
    path = Path(path)
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            yield _decode(line, path, number, encoding)


def plain_or_gz(path: Path) -> Path:
    """Return the path of a text file, or with `.gz` at its end where only that file is there."""
    zipped = path.with_name(f"{path.name}.gz")
    return zipped if zipped.exists() and not path.exists() else path


@contextmanager
def open_bytes(path: Path) -> Iterator[BufferedIOBase]:
    """Open a file, through gzip if its name ends in `.gz`, and name it in every fault."""
    try:
        with path.open("rb") as file:
            yield gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a directory; expected a file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: broken gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _decode(line: bytes, path: Path, number: int, encoding: str) -> str:
    has_mark = number == 1 and encoding == "utf-8"
    try:
        text = line.decode("utf-8-sig" if has_mark else encoding)
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise DataError(
            f"{path}, line {number}: not UTF-8 (byte 0x{byte:02x} at position {error.start + 1});"
            " convert the file to UTF-8"
        ) from None
    return text.removesuffix("\n").removesuffix("\r")
