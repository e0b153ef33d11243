"""How programs are written to files, and run from them: torch.export, ONNX."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from regard.exporting.blame import naming_the_part
from regard.exporting.programs import Port, Program, Tensors, ports

__all__ = ["FORMATS", "Format", "traced"]


class Format(NamedTuple):
    """A kind of file that holds a program."""

    suffix: str
    packages: tuple[str, ...]
    """What it takes besides torch."""
    write: Callable[[Program, Path], None]
    run: Callable[[Path, Tensors], Tensors]


def traced(program: Program) -> ExportedProgram:
    """Return a program as `torch.export` has it, for any size of the axes that may vary.

    Raises:
        ExportError: a part of the model cannot be exported.
    """
    with naming_the_part(program), _quiet():
        exported = _traced(program)
        _leave_out_unused(exported)
        return exported


def _traced(program: Program) -> ExportedProgram:
    inputs, _ = ports(program)
    shapes = {port.name: dict.fromkeys(_varying(port), Dim.DYNAMIC) for port in inputs}
    return torch.export.export(program.module, (_example(program),), dynamic_shapes=(shapes,))


def _leave_out_unused(exported: ExportedProgram) -> None:
    """Leave out parameters that a program has no use for, and the gradients of the others."""
    placeholders = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    specs = exported.graph_signature.input_specs
    for spec in list(specs):
        node = placeholders[spec.arg.name]
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER) and not node.users:
            exported.graph.erase_node(node)
            specs.remove(spec)
            exported.state_dict.pop(str(spec.target), None)
            exported.constants.pop(str(spec.target), None)
    exported.graph_module.recompile()
    for name, tensor in exported.state_dict.items():
        if isinstance(tensor, nn.Parameter):
            exported.state_dict[name] = nn.Parameter(tensor.detach(), requires_grad=False)


def _write_torch(program: Program, path: Path) -> None:
    exported = traced(program)
    with _quiet():
        torch.export.save(exported, path)


def _run_torch(path: Path, tensors: Tensors) -> Tensors:
    with _quiet():
        program: nn.Module = torch.export.load(path).module()
    results: Tensors = program(tensors)
    return results


def _write_onnx(program: Program, path: Path) -> None:
    inputs, outputs = ports(program)
    shapes = {port.name: _varying(port) for port in inputs}
    with naming_the_part(program), _quiet():
        try:
            exported: Any = torch.onnx.export(
                program.module,
                kwargs={"tensors": _example(program)},
                dynamo=True,
                dynamic_shapes={"tensors": shapes},
                input_names=[port.name for port in inputs],
                output_names=[port.name for port in outputs],
                verbose=False,
            )
        except torch.onnx.OnnxExporterError:
            _traced(program)  # which says why, if it is that which cannot be done
            raise
        exported.save(path)


def _run_onnx(path: Path, tensors: Tensors) -> Tensors:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    results = session.run(None, {name: tensor.numpy() for name, tensor in tensors.items()})
    names = [output.name for output in session.get_outputs()]
    return {name: torch.from_numpy(found) for name, found in zip(names, results, strict=True)}


FORMATS = {
    "torch": Format(".pt2", (), _write_torch, _run_torch),
    "onnx": Format(".onnx", ("onnx", "onnxscript", "onnxruntime"), _write_onnx, _run_onnx),
}
"""The formats by their names."""


def _varying(port: Port) -> dict[int, str]:
    """Return the axes whose size varies, and their names."""
    return {at: axis for at, axis in enumerate(port.axes) if isinstance(axis, str)}


def _example(program: Program) -> Tensors:
    # Cloned: what an example is a part of would be expected of every input.
    return {name: tensor.clone() for name, tensor in program.examples[0].items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what PyTorch says of its own insides."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"), redirect_stderr(StringIO()):
            yield
    finally:
        logger.setLevel(level)
