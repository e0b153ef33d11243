"""Temporary files for what is too much for memory: written in pieces, gone with their reader."""

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from regard.data.files import StrPath

__all__ = ["chunks", "lasts_with", "spooled"]

Item = TypeVar("Item")


@contextmanager
def spooled(suffix: str, folder: StrPath | None = None) -> Iterator[str]:
    """Make an empty file to be written and read in the block, removed if that fails.

    Args:
        folder: where it lies; without it, where the system keeps temporary files.
    """
    handle, path = tempfile.mkstemp(prefix="regard-", suffix=suffix, dir=folder)
    os.close(handle)
    try:
        yield path
    except BaseException:
        _remove(path, os.getpid())
        raise


def lasts_with(reader: object, path: StrPath) -> None:
    """Remove a file when what reads it is gone."""
    weakref.finalize(reader, _remove, path, os.getpid())


def chunks(
    items: Iterable[Item],
    num_characters: Callable[[Item], int],
    *,
    max_characters: int,
    max_items: int | None = None,
) -> Iterator[list[Item]]:
    """Put items together until they have enough characters, or are many enough."""
    chunk: list[Item] = []
    total = 0
    for item in items:
        chunk.append(item)
        total += num_characters(item)
        if len(chunk) == max_items or total >= max_characters:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def _remove(path: StrPath, owner: int) -> None:
    # A forked process that makes batches inherits the reader, but not the file.
    if os.getpid() == owner:
        Path(path).unlink(missing_ok=True)
