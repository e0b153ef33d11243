"""One process at a time: in a run that is trained, in a comparison that is written.

The operating system keeps the lock, on a file in the folder. So it ends with its process, however
that ends; and the file goes when what it was for has ended.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from regard.training.run_directory import RunDirectory, RunError
from regard.training.trainer import is_first_process

__all__ = ["Begin", "alone_in", "in_training", "locked"]

LOCK = ".lock"

PATIENCE = 1.0
"""Seconds in which one who only looks whether a run is trained has done so."""

Begin = Callable[[dict[str, Any], Callable[[Path], None]], None]
"""What makes a new run, as `RunDirectory.create` does."""


@contextmanager
def alone_in(run: RunDirectory, *, resume: bool) -> Iterator[Begin]:
    """Let no other process train a run; yield what makes it, and does nothing if it is resumed.

    Of processes that train together, the first does both for all.

    Raises:
        RunError: another process trains it; or it exists already or, to be resumed, does not.
    """
    with ExitStack() as held:

        def begin(config: dict[str, Any], save_parts: Callable[[Path], None]) -> None:
            if is_first_process() and not resume:
                _require_new(run)
                run.create(config, save_parts)
                _hold(run, held)

        if is_first_process() and resume:
            run.config()
            _hold(run, held)
        elif is_first_process():
            _require_new(run)
        yield begin


def in_training(run: RunDirectory) -> bool:
    """Whether a process trains the run just now; what a killed one has left does not count."""
    if not (run.path / LOCK).exists():
        return False
    try:
        with locked(run.path, patience=0.0):
            return False
    except Timeout:
        return True


@contextmanager
def locked(folder: Path, *, patience: float = -1.0) -> Iterator[None]:
    """Lock a folder until the block ends, as soon as nobody else has locked it.

    Args:
        patience: seconds to wait; a negative number has no end.

    Raises:
        Timeout: others have locked it for longer.
    """
    path = folder / LOCK
    with FileLock(path, timeout=patience):
        try:
            yield
        finally:
            # While it is ours: afterwards it may be another one's. Some systems keep open files.
            with suppress(OSError):
                path.unlink()


def _require_new(run: RunDirectory) -> None:
    if in_training(run):
        raise _busy(run)
    run.require_new()


def _hold(run: RunDirectory, held: ExitStack) -> None:
    try:
        held.enter_context(locked(run.path, patience=PATIENCE))
    except Timeout:
        raise _busy(run) from None


def _busy(run: RunDirectory) -> RunError:
    return RunError(
        f"{run.path} is being trained by another process; wait until that has ended, or choose "
        "another --run"
    )
