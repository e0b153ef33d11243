"""Arithmetic whose intermediate results are never kept: compiled, or done piece by piece."""

import warnings
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

__all__ = ["fused"]

Function = Callable[..., tuple[Tensor, ...]]

PIECE = 2**22
"""How many numbers a piece holds in between, where there is no compiler."""

_not_compiled: set[str] = set()
"""Types of devices for which compiling has failed."""


def fused(
    function: Function, rows: Sequence[Tensor], whole: Sequence[Tensor] = ()
) -> tuple[Tensor, ...]:
    """Call a function whose results have a row for every row of some of its arguments.

    It is compiled when it is first called, for sizes of all kinds. Where there is no compiler, that
    is said once, and a few rows are computed at a time.

    Args:
        rows: the first arguments of the function, of as many rows each: `batch rows ...`.
        whole: the others.
    """
    # Imported here: it takes a second, and only those who get here need it.
    from torch._dynamo.exc import TorchDynamoException

    device = rows[0].device.type
    if device not in _not_compiled:
        try:
            return _compiled(function)(*rows, *whole)
        except TorchDynamoException as error:
            _not_compiled.add(device)
            reason = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"attention is slower here than it could be, since nothing can be compiled "
                f"({reason}); on a CPU, a C++ compiler such as g++ is needed",
                stacklevel=2,
            )
    return _piece_by_piece(function, rows, whole)


@cache
def _compiled(function: Function) -> Function:
    compiled: Function = torch.compile(function, dynamic=True)
    return compiled


def _piece_by_piece(
    function: Function, rows: Sequence[Tensor], whole: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    num_rows, others = rows[0].shape[1], max([1, *(tensor.numel() for tensor in whole)])
    step = max(1, PIECE // others)
    pieces = [
        function(*(tensor[:, first : first + step] for tensor in rows), *whole)
        for first in range(0, num_rows, step)
    ]
    return tuple(torch.cat(parts, dim=1) for parts in zip(*pieces, strict=True))
