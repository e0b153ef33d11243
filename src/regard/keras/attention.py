"""The mechanism itself, on any backend: score, normalise under the mask, read out."""

from collections.abc import Callable
from functools import partial

from keras import ops

from regard import kernels
from regard.keras import core, scores, tanh_energy
from regard.keras.normalizers import softmax
from regard.keras.scores import scaled_dot
from regard.keras.tensors import Tensor, at_least_float32

__all__ = ["attention", "attention_weights", "compare"]

Comparison = Callable[[Tensor, Tensor], Tensor]
Normalizer = Callable[[Tensor, Tensor | None], Tensor]


def attention_weights(
    query: Tensor,
    key: Tensor,
    *,
    score: Comparison = scaled_dot,
    mask: Tensor | None = None,
    normalizer: Normalizer = softmax,
) -> Tensor:
    r"""Return how much each query attends to each key, `... query key`.

    $$w_i = \operatorname{normalizer}(\operatorname{score}(q_i, k), \; m_i)$$

    Args:
        query, key: of shape `... query width` and `... key width`, with the same leading axes.
        score: a comparison of `regard.keras.scores`, its parameters bound.
        mask: boolean, True = may attend, broadcastable to `... query key`.

    Source: Bahdanau et al. 2015, eq. 6, for any score and normalizer.

    >>> weights = attention_weights(ops.zeros((1, 2)), ops.zeros((4, 2)))
    >>> ops.convert_to_numpy(weights).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    if core.computes_here():
        weights: Tensor = kernels.attention_weights(
            query,
            key,
            score=core.counterpart(score),
            mask=mask,
            normalizer=core.counterpart(normalizer),
        )
        return weights
    return ops.cast(normalizer(compare(score, query, key), mask), query.dtype)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    score: Comparison = scaled_dot,
    mask: Tensor | None = None,
    normalizer: Normalizer = softmax,
) -> Tensor:
    r"""Return the values, `... query value_dim`, weighed by how much each query attends to them.

    $$c_i = \sum_j w_{ij} v_j$$

    The arguments are those of `attention_weights`. A query that may attend nothing gets 0.

    Source: Bahdanau et al. 2015, eq. 5.

    >>> value = ops.convert_to_tensor([[1.0], [3.0]])
    >>> ops.convert_to_numpy(attention(ops.zeros((1, 2)), ops.zeros((2, 2)), value)).tolist()
    [[2.0]]
    """
    if core.computes_here():
        context: Tensor = kernels.attention(
            query,
            key,
            value,
            score=core.counterpart(score),
            mask=mask,
            normalizer=core.counterpart(normalizer),
        )
        return context
    weights = attention_weights(query, key, score=score, mask=mask, normalizer=normalizer)
    return ops.matmul(ops.cast(weights, value.dtype), value)


def compare(score: Comparison, query: Tensor, key: Tensor) -> Tensor:
    """Score in at least float32, tanh energies in their factored form."""
    query, key = at_least_float32(query), at_least_float32(key)
    if (
        isinstance(score, partial)
        and score.func is scores.tanh_energy
        and tanh_energy.is_worth_it(query, key)
    ):
        return tanh_energy.factored(query, key, **score.keywords)
    return score(query, key)
