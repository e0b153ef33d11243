"""What tensors of any backend have in common, and the precision that scores are computed in."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

__all__ = [
    "Shape",
    "Tensor",
    "as_tensor",
    "at_least_float32",
    "is_half",
    "leading",
    "product",
    "shape_of",
]

Tensor = Any
"""A tensor of the backend: of PyTorch, JAX or TensorFlow. Shapes stand in the docstrings."""

Shape = Sequence[int | None]
"""A shape, in which what is not known yet is None."""


def shape_of(tensor: Tensor) -> tuple[int | None, ...]:
    """Return what is known of a tensor's shape.

    >>> shape_of(keras.KerasTensor((None, 3)))
    (None, 3)
    """
    # Sizes that are left open are expressions of JAX, on which nothing may depend.
    return tuple(size if isinstance(size, int) else None for size in tensor.shape)


def as_tensor(given: Any) -> Tensor:
    """Make a tensor of nested lists; leave the rest as it is.

    >>> tuple(as_tensor([[True, False, False]]).shape)
    (1, 3)
    """
    return ops.convert_to_tensor(given) if isinstance(given, list | tuple) else given


def is_half(tensor: Tensor) -> bool:
    """Whether the tensor is of half precision."""
    return keras.backend.standardize_dtype(tensor.dtype) in ("float16", "bfloat16")


def at_least_float32(tensor: Tensor) -> Tensor:
    """Widen half precision to float32; leave the rest as it is.

    >>> keras.backend.standardize_dtype(at_least_float32(ops.zeros(1, dtype="float16")).dtype)
    'float32'
    """
    return ops.cast(tensor, "float32") if is_half(tensor) else tensor


def product(first: Tensor, second: Tensor) -> Tensor:
    """Multiply matrices in the precision of the first.

    On PyTorch the operation of Keras would narrow double precision to `floatx`.

    >>> matrix = ops.ones((2, 2))
    >>> ops.convert_to_numpy(product(matrix, matrix)).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    second = ops.cast(second, first.dtype)
    return first @ second if keras.backend.backend() == "torch" else ops.matmul(first, second)


def leading(tensor: Tensor, count: int) -> Tensor:
    """Fold the axes before the last `count` into one."""
    sizes = ops.shape(tensor)
    return ops.reshape(tensor, (-1, *sizes[len(sizes) - count :]))
