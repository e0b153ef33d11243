"""Text that commands work on: arguments, a file, or standard input."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from regard.cli.parser import UsageError
from regard.data.files import read_lines

__all__ = ["read_texts"]


def read_texts(typed: Sequence[str], file: Path | None) -> list[str]:
    """Return what was typed, or the lines of the file, or those of standard input.

    Raises:
        DataError: the file cannot be read.
        UsageError: standard input is not UTF-8.
    """
    if file is not None:
        return read_lines(file)
    return list(typed) or list(_standard_input(sys.stdin.buffer))


def _standard_input(stream: IO[bytes]) -> Iterator[str]:
    if stream.isatty():
        print("Type one a line; end with Ctrl-D.", file=sys.stderr)
    for number, line in enumerate(stream, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise UsageError(f"standard input, line {number}: not UTF-8") from None
