"""How `torch.func.vmap` maps an operator that is written for one batch axis."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["one_by_one"]


def one_by_one(operator: Callable[..., Any]) -> Callable[..., Any]:
    """Return how to map an operator over another axis: one call for each of its elements."""

    def mapped(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
        results = [
            operator(
                *(
                    argument if axis is None else argument.select(axis, element)
                    for argument, axis in zip(arguments, in_dims, strict=True)
                )
            )
            for element in range(info.batch_size)
        ]
        if isinstance(results[0], Tensor):
            return torch.stack(results), 0
        return tuple(map(torch.stack, zip(*results, strict=True))), (0,) * len(results[0])

    return mapped
