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
        OSError: it cannot be written, or what stands at `path` is not a regular file; the message
            names `path`.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(_unique_name())
    with _named(path, target, temporary):
        if target.exists() and not target.is_file():
            raise OSError(f"cannot write {path}: it exists and is not a regular file")
        _make_folder(path, target.parent)
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
        OSError: it cannot be written; the message names `path`.
    """
    target = Path(path)
    temporary = target.with_name(_unique_name())
    with _named(path, target, temporary):
        if target.exists() or target.is_symlink():
            raise FileExistsError(f"{path} exists already")
        _make_folder(path, target.parent)
        temporary.mkdir()
        try:
            yield temporary
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _unique_name() -> str:
    return f".{secrets.token_hex(8)}.tmp"


def _make_folder(path: str | os.PathLike[str], folder: Path) -> None:
    """Make the folder that a path is to stand in."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        message = f"cannot write {path}: {Path(path).parent} is not a folder"
        raise type(error)(message) from None


@contextmanager
def _named(path: str | os.PathLike[str], target: Path, temporary: Path) -> Iterator[None]:
    """Let an error of the operating system name the path that was asked for.

    What goes wrong with other files in the block is left as it is.
    """
    try:
        yield
    except OSError as error:
        where = Path(str(error.filename or temporary))
        is_within = where.is_relative_to(temporary)
        if error.errno is None or not (is_within or where in (target, *target.parents)):
            raise
        asked = Path(path, where.relative_to(temporary)) if is_within else path
        raise type(error)(f"cannot write {asked}: {error.strerror}") from error
