"""Files and folders that are either whole or not there."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["making", "replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it takes the place of `path` unless the block fails.

    Missing folders are made; a symbolic link stays, and what it points to is replaced.

    Raises:
        OSError: something that is not a regular file stands at `path`.
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {path}: it exists and is not a regular file")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def making(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes `path` unless the block fails.

    Missing folders above it are made.

    Raises:
        FileExistsError: something stands at `path`.
    """
    target = Path(path)
    if target.exists() or target.is_symlink():
        raise FileExistsError(f"{path} exists already")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
