"""Programs in files that have been tried."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.exporting.formats import Format
from regard.exporting.programs import ExportError, Program, Tensors, ports

__all__ = ["TOLERANCE", "describe", "largest_difference", "running", "write_program"]

TOLERANCE = 1e-4
"""How far results may differ from the model's, where these are above 1 in proportion to them."""


def write_program(program: Program, folder: Path, chosen: Format) -> float:
    """Write a program, run the file, and return by how much it differs from the model at most.

    Raises:
        ExportError: the model cannot be exported, or the file cannot be run, or gives something
            else than the model.
    """
    path = folder / (program.name + chosen.suffix)
    chosen.write(program, path)
    asked = program.examples[-1]
    with torch.no_grad():
        wanted: Tensors = program.module(asked)
        with running(program.name):
            found = chosen.run(path, asked)
    differences = {name: largest_difference(tensor, found[name]) for name, tensor in wanted.items()}
    name = max(differences, key=differences.__getitem__)
    if differences[name] > TOLERANCE:
        raise ExportError(
            f"the {program.name} cannot be exported: {name} differs from the model's by "
            f"{differences[name]:.1g}, run from the file"
        )
    return differences[name]


def describe(program: Program, chosen: Format) -> dict[str, Any]:
    """Say what there is to know of a file, as JSON has it."""
    inputs, outputs = ports(program)
    return {
        "file": program.name + chosen.suffix,
        "inputs": [port._asdict() for port in inputs],
        "outputs": [port._asdict() for port in outputs],
        "carried": program.carried,
    }


def largest_difference(wanted: Tensor, found: Tensor) -> float:
    """Return by how much results differ at most, where these are above 1 in proportion to them.

    Infinitely, where they are of another shape or no numbers; by nothing, where they are empty.
    """
    if wanted.shape != found.shape:
        return math.inf
    if not wanted.numel():
        return 0.0
    wanted, found = wanted.double(), found.double()
    largest = float(((found - wanted).abs() / wanted.abs().clamp(min=1)).max())
    return math.inf if math.isnan(largest) else largest


@contextmanager
def running(name: str) -> Iterator[None]:
    """Say in one line that what was written cannot be run and why, whatever is raised meanwhile.

    Raises:
        ExportError: something was raised; but not for a package that is missing.
    """
    try:
        yield
    except ImportError:
        raise
    # What an engine raises may be anything.
    except Exception as error:
        reason, _, _ = str(error).strip().partition("\n")
        raise ExportError(
            f"the {name} cannot be exported: run from the file, it fails: {reason}"
        ) from error
