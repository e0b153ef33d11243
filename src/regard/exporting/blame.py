"""Which part of a model it is that cannot be exported."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from regard.exporting.programs import ExportError, Program

__all__ = ["naming_the_part"]


@contextmanager
def naming_the_part(program: Program) -> Iterator[None]:
    """Say in one line which part cannot be exported and why, whatever is raised meanwhile.

    Raises:
        ExportError: something was raised; but not for a package that is missing.
    """
    try:
        yield
    except ImportError:
        raise
    # What PyTorch raises about a model, and what a model raises, may be anything.
    except Exception as error:
        first = _first(error)
        reason, _, _ = str(first).strip().partition("\n")
        raise ExportError(
            f"the {program.name} cannot be exported: {_at_work(first, program.module)}{reason}"
        ) from error


def _first(error: BaseException) -> BaseException:
    """Return the error that others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _at_work(error: BaseException, program: nn.Module) -> str:
    """Name the innermost part of the program that had not returned; nothing, if none was called."""
    parts = {id(part): (name, type(part).__name__) for name, part in program.named_modules()}
    callers = [
        id(frame.f_locals.get("self")) for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    for caller in reversed(callers):
        if caller in parts:
            name, kind = parts[caller]
            return f"{name.removeprefix('model.')} ({kind}): "
    return ""
