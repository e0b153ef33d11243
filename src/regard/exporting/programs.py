"""What is exported: a module that takes tensors by name, and gives tensors by name."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from regard.interfaces import PAD, Tokens

__all__ = [
    "SIZES",
    "ExportError",
    "Port",
    "Program",
    "Tensors",
    "example_texts",
    "ports",
    "require_evaluation",
]

Tensors = dict[str, Tensor]

SIZES = {"batch": (3, 4), "length": (5, 7), "right_length": (6, 8), "written": (2, 6)}
"""The sizes of axes that may vary, in two examples: by them it is known which axes do."""


class ExportError(ValueError):
    """A model cannot be exported; the message names the part and says why."""


class Program(NamedTuple):
    """What becomes one file.

    `examples` are inputs of the sizes of `SIZES`; `carried` are outputs that take the place of
    inputs, by their names, when the program runs again.
    """

    name: str
    module: nn.Module
    examples: tuple[Tensors, Tensors]
    carried: dict[str, str]


class Port(NamedTuple):
    """A tensor that goes in or comes out: an axis has a name where its size varies."""

    name: str
    dtype: str
    axes: tuple[str | int, ...]


def ports(program: Program) -> tuple[list[Port], list[Port]]:
    """Return what goes into a program and what comes out of it."""
    with torch.no_grad():
        results = [program.module(example) for example in program.examples]
    return _ports(*program.examples), _ports(*results)


def require_evaluation(model: nn.Module) -> None:
    """Make sure that a model is not in training.

    Raises:
        ValueError: it is.
    """
    if model.training:
        raise ValueError(
            f"{type(model).__name__} is in training; call eval() before it is exported"
        )


def example_texts(vocab: int, axis: str = "length") -> tuple[Tokens, Tokens]:
    """Draw texts of ids below `vocab`, of several lengths, with as many positions as `axis` has."""
    generator = torch.Generator().manual_seed(0)
    first, second = (
        _text(batch, length, vocab, generator)
        for batch, length in zip(SIZES["batch"], SIZES[axis], strict=True)
    )
    return first, second


def _text(batch: int, length: int, vocab: int, generator: torch.Generator) -> Tokens:
    lengths = torch.arange(length, length - batch, -1)
    ids = torch.randint(1, vocab, (batch, length), generator=generator)
    return Tokens(ids.masked_fill(torch.arange(length) >= lengths.unsqueeze(1), PAD), lengths)


def _ports(first: Tensors, second: Tensors) -> list[Port]:
    return [
        Port(name, str(tensor.dtype).removeprefix("torch."), _axes(tensor, second[name]))
        for name, tensor in first.items()
    ]


def _axes(first: Tensor, second: Tensor) -> tuple[str | int, ...]:
    """Tell the axes of a tensor that is known in both sizes."""
    names = {sizes: name for name, sizes in SIZES.items()}
    return tuple(
        size if size == other else names.get((size, other), "varies")
        for size, other in zip(first.shape, second.shape, strict=True)
    )
