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
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
    from torch.fx.experimental import _config

    device = rows[0].device.type
    if device not in _not_compiled:
        try:
            # Sizes that happen to be equal are not taken for one.
            with _config.patch(use_duck_shape=False):  # type: ignore[attr-defined]
                return _compiled(function)(*rows, *whole)
        except FailOnRecompileLimitHit:
            return _piece_by_piece(function, rows, whole)
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
    # Of the whole or not at all: after too many kinds of tensors it would be run as it is written.
    compiled: Function = torch.compile(function, dynamic=True, fullgraph=True)
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
