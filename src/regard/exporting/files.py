"""Programs in files that have been tried."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regard.exporting.formats import Format
from regard.exporting.programs import ExportError, Program, Tensors, ports

__all__ = ["TOLERANCE", "describe", "largest_difference", "write_program"]

TOLERANCE = 1e-4
"""How far results may differ from the model's, where these are above 1 in proportion to them."""


def write_program(program: Program, folder: Path, chosen: Format) -> float:
    """Write a program, run the file, and return by how much it differs from the model at most.

    Raises:
        ExportError: the model cannot be exported, or the file gives something else than it.
    """
    path = folder / (program.name + chosen.suffix)
    chosen.write(program, path)
    asked = program.examples[-1]
    with torch.no_grad():
        wanted: Tensors = program.module(asked)
        found = chosen.run(path, asked)
    differences = {name: largest_difference(tensor, found[name]) for name, tensor in wanted.items()}
    name = max(differences, key=differences.__getitem__)
    if not differences[name] <= TOLERANCE:  # nor if it is not a number
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
    """Return by how much results differ at most, where these are above 1 in proportion to them."""
    wanted, found = wanted.double(), found.double()
    return float(((found - wanted).abs() / wanted.abs().clamp(min=1)).max())
