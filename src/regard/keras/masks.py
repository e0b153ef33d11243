"""Keras's masks of steps, and what they allow: True = may attend."""

import keras
from keras import ops

from regard.keras.tensors import Shape, Tensor, shape_of

__all__ = [
    "as_booleans",
    "both",
    "causal",
    "check_attention_mask",
    "check_mask",
    "last_state",
    "of_keys",
    "where_asked",
    "with_heads",
]


def check_mask(mask: Tensor | None, name: str, shape: Shape) -> None:
    """Refuse a mask that is not of this shape, or not boolean; sizes that are not known fit any.

    Raises:
        ValueError: it has another rank or size, or is no tensor of booleans or integers.
    """
    if mask is None:
        return
    received = _shape_of_booleans(mask, name)
    if not _fits(received, shape, broadcast=False):
        raise ValueError(
            f"Expected `{name}` to have the shape {tuple(shape)}. Received: {name}.shape={received}"
        )


def check_attention_mask(mask: Tensor | None, shape: Shape) -> None:
    """Refuse a mask of queries and keys that does not broadcast to `batch heads query key`.

    Raises:
        ValueError: it does not, or is no tensor of booleans or integers.
    """
    if mask is None:
        return
    received = _shape_of_booleans(mask, "attention_mask")
    batch, heads, *lengths = shape
    spelt = {2: lengths, 3: [batch, *lengths], 4: [batch, heads, *lengths]}
    if not _fits(received, spelt.get(len(received), ()), broadcast=True):
        raise ValueError(
            f"Expected `attention_mask` to have the shape {tuple(spelt[3])}, perhaps with an axis "
            f"of heads, or an axis of 1. Received: attention_mask.shape={received}"
        )


def _shape_of_booleans(mask: Tensor, name: str) -> Shape:
    if not hasattr(mask, "dtype"):
        raise ValueError(
            f"Expected `{name}` to be a tensor. Received: {name} of type {type(mask).__name__}"
        )
    dtype = keras.backend.standardize_dtype(mask.dtype)
    if "float" in dtype:
        raise ValueError(
            f"Expected `{name}` to be boolean, True where there is something to attend to. "
            f"Received: {name}.dtype={dtype}"
        )
    return shape_of(mask)


def _fits(received: Shape, shape: Shape, *, broadcast: bool) -> bool:
    return len(received) == len(shape) and all(
        None in sizes or len(set(sizes)) == 1 or (broadcast and sizes[0] == 1)
        for sizes in zip(received, shape, strict=True)
    )


def as_booleans(mask: Tensor | None) -> Tensor | None:
    """Return a mask, which may consist of 0 and 1, as booleans."""
    return None if mask is None else ops.cast(mask, "bool")


def of_keys(mask: Tensor | None) -> Tensor | None:
    """Give a mask of keys, `batch key`, an axis for the queries."""
    return None if mask is None else ops.expand_dims(mask, -2)


def with_heads(mask: Tensor | None) -> Tensor | None:
    """Give a mask of queries and keys the axes that it lacks of `batch heads query key`."""
    if mask is None:
        return None
    *leading, _, _ = shape_of(mask)
    axis = (0, 1) if not leading else (1,)
    return mask if len(leading) == 2 else ops.expand_dims(mask, axis)


def both(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Allow what both masks allow; None allows everything."""
    if first is None or second is None:
        return second if first is None else first
    return ops.logical_and(first, second)


def causal(query: Tensor, key: Tensor) -> Tensor:
    """Allow each query its own position and those before it, `1 query key`.

    The last query stands at the last key, as everywhere in Regard.

    Source: Vaswani et al. 2017, section 3.2.3.

    >>> ops.convert_to_numpy(causal(ops.zeros((1, 2, 4)), ops.zeros((1, 3, 4)))).tolist()
    [[[True, True, False], [True, True, True]]]
    """
    query_len, key_len = ops.shape(query)[-2], ops.shape(key)[-2]
    rows = ops.expand_dims(ops.arange(query_len), -1) + (key_len - query_len)
    return ops.expand_dims(ops.arange(key_len) <= rows, 0)


def where_asked(results: Tensor, query_mask: Tensor | None) -> Tensor:
    """Let queries that are masked themselves have nothing; `results` are `batch query any`."""
    if query_mask is None:
        return results
    return ops.where(ops.expand_dims(query_mask, -1), results, ops.zeros_like(results))


def last_state(sequence: Tensor, mask: Tensor | None) -> Tensor:
    """Return the last real step of each sequence, `batch 1 width`; 0 of an empty one.

    >>> steps = ops.convert_to_tensor([[[1.0], [3.0], [9.0]]])
    >>> ops.convert_to_numpy(last_state(steps, ops.convert_to_tensor([[True, True, False]])))
    array([[[3.]]], dtype=float32)
    """
    if mask is None:
        return sequence[:, -1:]
    numbers = ops.cumsum(ops.cast(mask, "int32"), axis=-1)
    is_last = ops.logical_and(mask, numbers == numbers[:, -1:])
    # Taken by its place, not summed: what is masked may be infinite.
    place = ops.argmax(ops.cast(is_last, "int32"), axis=-1)
    last = ops.take_along_axis(sequence, place[:, None, None], axis=1)
    return ops.where(ops.any(mask, axis=-1)[:, None, None], last, ops.zeros_like(last))
