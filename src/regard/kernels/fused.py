"""Arithmetic whose intermediate results are never kept: compiled, or done piece by piece."""

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

__all__ = ["fused"]

Function = Callable[..., tuple[Tensor, ...]]

PIECE = 2**22
"""How many numbers a piece holds in between, where there is no compiler."""

_not_compiled: set[str] = set()
"""Types of devices for which compiling has failed."""


def fused(function: Function, own: Tensor, other: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
    """Call a function whose results have a row for every row of `own`.

    It is compiled when it is first called, for sizes of all kinds. Where there is no compiler, that
    is said once, and a few rows are computed at a time.

    Args:
        own: `batch rows width`.
        other: `batch columns width`.
        weights: each `batch rows columns`, or a vector.
    """
    # Imported here: it takes a second, and only those who get here need it.
    from torch._dynamo.exc import TorchDynamoException

    device = own.device.type
    if device not in _not_compiled:
        try:
            return _compiled(function)(own, other, *weights)
        except TorchDynamoException as error:
            _not_compiled.add(device)
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"attention is slower here than it could be, since nothing can be compiled "
                f"({reason}); on a CPU, a C++ compiler such as g++ is needed",
                stacklevel=2,
            )
    return _piece_by_piece(function, own, other, *weights)


@cache
def _compiled(function: Function) -> Function:
    compiled: Function = torch.compile(function, dynamic=True)
    return compiled


def _piece_by_piece(
    function: Function, own: Tensor, other: Tensor, *weights: Tensor
) -> tuple[Tensor, ...]:
    num_rows = max(1, PIECE // max(1, other.numel()))
    pieces = []
    for first in range(0, own.shape[1], num_rows):
        rows = slice(first, first + num_rows)
        weighed = (weight if weight.dim() == 1 else weight[:, rows] for weight in weights)
        pieces.append(function(own[:, rows], other, *weighed))
    return tuple(torch.cat(parts, dim=1) for parts in zip(*pieces, strict=True))
