r"""Tanh energy on JAX and TensorFlow without query x key x hidden, forwards or backwards.

$$\tanh(q + k) = 1 - 2 r, \quad r = \frac{1}{1 + e^{2q} e^{2k}}$$

The exponentials are computed once per query and once per key. What is left is done for a few hidden
units at a time, whose sum is all that is kept; the gradients compute r again. On PyTorch the core's
own kernel does the same, see `regard.kernels`.
"""

from collections.abc import Callable
from functools import cache

import keras
from keras import ops

from regard.keras.tensors import Tensor, at_least_float32, leading, shape_of

__all__ = ["factored", "is_worth_it"]

LARGEST = 20.0
"""Up to here e^(2 LARGEST), its square and the inverses of both are normal numbers of float32."""

UNITS = 16
"""How many hidden units the scores gain at a time."""

UNITS_BACK = 4
"""For how many hidden units the gradients are found at a time; a divisor of the other."""

SMALL = 2**18
"""Calls with fewer hyperbolic tangents are left to the definition."""

Pair = tuple[Tensor, Tensor]


def is_worth_it(query: Tensor, key: Tensor) -> bool:
    """Whether there is more than a little to compute, as far as is known, and a gradient to keep.

    With one query or one key, what the definition keeps is no larger than the keys or queries.
    """
    if keras.backend.backend() not in ("jax", "tensorflow"):
        return False
    *batch, query_len, _ = shape_of(query)
    key_len, hidden = shape_of(key)[-2:]
    sizes = (*batch, query_len, key_len, hidden)
    if 1 in (query_len, key_len):
        return False
    total = 1
    for size in sizes:
        if size is None:
            return True
        total *= size
    return total >= SMALL


def factored(query: Tensor, key: Tensor, *, energy: Tensor) -> Tensor:
    """Compute `regard.keras.scores.tanh_energy` of queries and keys, whose leading axes broadcast.

    Source: Bahdanau et al. 2015, appendix A.1.2, factored as above.
    Cost: query x key x hidden reciprocals; memory for a few times query x key.
    """
    query, key = _of_one_batch(at_least_float32(query), at_least_float32(key))
    *batch, query_len, _ = ops.shape(query)
    rows, columns = (leading(side, 2) for side in (query, key))
    scores = _operator()(rows, columns, ops.cast(energy, rows.dtype))
    return ops.reshape(scores, (*batch, query_len, ops.shape(key)[-2]))


def _of_one_batch(query: Tensor, key: Tensor) -> Pair:
    """Broadcast the axes before the last two, whose sizes may not be known yet."""
    of_query, of_key = shape_of(query)[:-2], shape_of(key)[:-2]
    if of_query == of_key and None not in of_query:
        return query, key
    return query + _zeros_of(key), key + _zeros_of(query)


def _zeros_of(vectors: Tensor) -> Tensor:
    """Return 0 with the leading axes of these, of which there may be none."""
    return ops.zeros_like(ops.sum(vectors, axis=-2, keepdims=True))


@cache
def _operator() -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return the scores of `batch query hidden` and `batch key hidden`, with their gradient."""
    operator: Callable[[Tensor, Tensor, Tensor], Tensor] = ops.custom_gradient(_with_gradient)
    if keras.backend.backend() == "jax":
        import jax

        # Outside of a compiled program loops would be compiled at every call.
        compiled: Callable[[Tensor, Tensor, Tensor], Tensor] = jax.jit(operator)
        return compiled
    return operator


def _with_gradient(
    query: Tensor, key: Tensor, energy: Tensor
) -> tuple[Tensor, Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]]:
    padded = _padded(energy)
    moderate = _is_moderate(query, key)
    scores = ops.cond(
        moderate,
        lambda: _scores(*_exponentials(query, key), padded, _by_product),
        lambda: _scores(query, key, padded, _by_sum),
    )

    def gradients(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        of_query, of_key, once = ops.cond(
            moderate,
            lambda: _sums(*_exponentials(query, key), upstream, _product_sums),
            lambda: _sums(query, key, upstream, _direct_sums),
        )
        return 4 * energy * of_query, 4 * energy * of_key, ops.sum(upstream) - 2 * once

    return scores, gradients


def _is_moderate(query: Tensor, key: Tensor) -> Tensor:
    """Whether every number may be exponentiated; not so if one is not a number."""
    return ops.logical_and(*(ops.max(ops.abs(side)) <= LARGEST for side in (query, key)))


def _exponentials(query: Tensor, key: Tensor) -> Pair:
    return ops.exp(2 * query), ops.exp(2 * key)


def _by_product(query: Tensor, key: Tensor) -> Tensor:
    return 1 / (1 + query * key)


def _by_sum(query: Tensor, key: Tensor) -> Tensor:
    return ops.sigmoid(-2 * (query + key))


def _scores(
    query: Tensor, key: Tensor, energy: Tensor, reciprocals: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    rows, columns = _units(query, UNITS), _units(key, UNITS)
    energies = ops.reshape(energy, (-1, UNITS))

    def gain(number: Tensor, total: Tensor) -> Tensor:
        row, column, weight = rows[number], columns[number], energies[number]
        for unit in range(UNITS):
            compared = reciprocals(row[unit][..., None], column[unit][:, None])
            total = total + weight[unit] * compared
        return total

    nothing = ops.zeros_like(rows[0, 0][..., None] + columns[0, 0][:, None])
    total = ops.fori_loop(0, ops.shape(energies)[0], gain, nothing)
    return ops.sum(energy) - 2 * total


def _sums(
    query: Tensor,
    key: Tensor,
    upstream: Tensor,
    sums: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]],
) -> tuple[Tensor, Tensor, Tensor]:
    """Sum r (1 - r) over keys and over queries, and r over both, weighed by the gradient."""
    hidden = ops.shape(query)[-1]
    of_query, of_key, once = ops.map(
        lambda sides: sums(sides[0], sides[1], upstream),
        (_units(query, UNITS_BACK), _units(key, UNITS_BACK)),
    )
    return (
        _vectors(of_query)[..., :hidden],
        _vectors(of_key)[..., :hidden],
        ops.reshape(once, (-1,))[:hidden],
    )


def _product_sums(query: Tensor, key: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sum by products of matrices: r (1 - r) is e^2q r^2 e^2k, and r is r^2 + r (1 - r)."""
    reciprocals = _by_product(query[..., None], key[:, :, None])
    squares = upstream * reciprocals * reciprocals
    over_keys = ops.matmul(squares, ops.stack([key, ops.ones_like(key)], axis=-1))
    over_queries = ops.matmul(query[:, :, None], squares)[:, :, 0]
    of_query = query * over_keys[..., 0]
    return of_query, key * over_queries, ops.sum(over_keys[..., 1] + of_query, axis=(1, 2))


def _direct_sums(query: Tensor, key: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    hidden = query[..., None] + key[:, :, None]
    once = upstream * ops.sigmoid(-2 * hidden)
    twice = once * ops.sigmoid(2 * hidden)
    return ops.sum(twice, axis=-1), ops.sum(twice, axis=-2), ops.sum(once, axis=(1, 2, 3))


# Layouts: hidden units come first, so that a few of them are a few matrices.


def _padded(vectors: Tensor) -> Tensor:
    """Add hidden units that count for nothing, up to a multiple of what is done at a time."""
    *others, hidden = ops.shape(vectors)
    lacking = -hidden % UNITS
    return ops.pad(vectors, [*((0, 0) for _ in others), (0, lacking)]) if lacking else vectors


def _units(vectors: Tensor, count: int) -> Tensor:
    """Lay out `batch length hidden` as `hidden/count count batch length`."""
    first = ops.transpose(_padded(vectors), (2, 0, 1))
    _, batch, length = ops.shape(first)
    return ops.reshape(first, (-1, count, batch, length))


def _vectors(units: Tensor) -> Tensor:
    """Undo `_units`."""
    _, _, batch, length = ops.shape(units)
    return ops.transpose(ops.reshape(units, (-1, batch, length)), (1, 2, 0))
