"""Who is attended, and how much: from scores to weights over the last axis, on any backend.

Every normalizer takes `(scores, mask)`, computes in at least float32, returns the dtype of the
scores, gives exactly 0 where `mask` is False, and gives a row of zeros (with gradient 0) to a
query that may attend nothing. Without a mask each is an activation, too:
`keras.layers.Dense(10, activation=normalizers.sparsemax)`.
"""

from collections.abc import Callable

import keras
from keras import ops

from regard.keras.tensors import Tensor, at_least_float32

__all__ = ["entmax15", "hardmax", "sigmoid", "softmax", "sparsemax"]

registered = keras.saving.register_keras_serializable(package="regard")


def _where_allowed(
    scores: Tensor, mask: Tensor | None, normalize: Callable[[Tensor], Tensor]
) -> Tensor:
    """Normalise what `mask` allows, guarding empty rows before and after."""
    wide = at_least_float32(scores)
    if mask is None:
        return ops.cast(normalize(wide), scores.dtype)
    # An empty row is normalised as a row of zeros, so that its gradient is never NaN.
    masked = ops.where(ops.any(mask, axis=-1, keepdims=True), -float("inf"), 0.0)
    weights = normalize(ops.where(mask, wide, ops.cast(masked, wide.dtype)))
    return ops.cast(ops.where(mask, weights, ops.zeros_like(weights)), scores.dtype)


@registered
def softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Weigh by exponentials.

    $$w_j = \frac{e^{s_j}}{\sum_i e^{s_i}}$$

    Sums to one: yes. Sparse: no. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Bahdanau et al. 2015, section 3.1.

    >>> ops.convert_to_numpy(softmax(ops.zeros(4))).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return _where_allowed(scores, mask, lambda allowed: ops.softmax(allowed, axis=-1))


@registered
def sparsemax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Weigh by the Euclidean projection of the scores onto the simplex.

    $$w = \operatorname{argmin}_{p \in \Delta} \lVert p - s \rVert^2 = [s - \tau]_+$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Martins & Astudillo 2016, algorithm 1.
    Cost: that of sorting the keys.

    >>> ops.convert_to_numpy(sparsemax(ops.convert_to_tensor([-2.0, 0.0, 0.5]))).tolist()
    [0.0, 0.25, 0.75]
    """
    return _where_allowed(scores, mask, _sparsemax)


@registered
def entmax15(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Weigh by 1.5-entmax, half-way between softmax and sparsemax.

    $$w_j = [s_j / 2 - \tau]_+^2$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Peters et al. 2019, algorithm 2.
    Cost: that of sorting the keys.

    >>> weights = ops.convert_to_numpy(entmax15(ops.convert_to_tensor([-2.0, 0.0, 0.5])))
    >>> [round(float(weight), 4) for weight in weights]
    [0.0, 0.326, 0.674]
    """
    return _where_allowed(scores, mask, _entmax15)


@registered
def sigmoid(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Weigh each key on its own, without competition.

    $$w_j = \frac{1}{1 + e^{-s_j}}$$

    Sums to one: no. Sparse: no. Monotone: yes. A constant added to the scores: changes the weights.
    Source: Ramapuram et al. 2025 (Theory, Analysis, and Best Practices for Sigmoid Self-Attention).

    >>> ops.convert_to_numpy(sigmoid(ops.zeros(2))).tolist()
    [0.5, 0.5]
    """
    return _where_allowed(scores, mask, ops.sigmoid)


@registered
def hardmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Put the whole weight on the best key, the first of equals; no gradient reaches the scores.

    $$w_j = [j = \operatorname{argmax}_i s_i]$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Xu et al. 2015, section 4.1, at test time.

    >>> ops.convert_to_numpy(hardmax(ops.convert_to_tensor([1.0, 3.0, 3.0]))).tolist()
    [0.0, 1.0, 0.0]
    """

    def one_hot(allowed: Tensor) -> Tensor:
        best = ops.argmax(allowed, axis=-1, keepdims=True)
        return ops.cast(ops.cast(_counting(allowed) - 1, best.dtype) == best, allowed.dtype)

    return _where_allowed(ops.stop_gradient(scores), mask, one_hot)


# Which keys are above the threshold is found without a gradient. Given them, the threshold has a
# closed form, and with it the weights have all their derivatives.


def _sparsemax(scores: Tensor) -> Tensor:
    scaled = _below_zero(scores)
    ordered, count = _in_order(scaled)
    total = ops.cumsum(ordered, axis=-1)
    support = _at_least(scaled, ordered, 1 + count * ordered > total)
    size = ops.sum(support, axis=-1, keepdims=True)
    threshold = (ops.sum(support * scaled, axis=-1, keepdims=True) - 1) / size
    return ops.relu(scaled - threshold) * support


def _entmax15(scores: Tensor) -> Tensor:
    scaled = _below_zero(scores / 2)
    ordered, count = _in_order(scaled)
    mean = ops.cumsum(ordered, axis=-1) / count
    spread = ops.cumsum(ops.square(ordered), axis=-1) - count * ops.square(mean)
    thresholds = mean - ops.sqrt(ops.relu((1 - spread) / count))
    support = _at_least(scaled, ordered, thresholds < ordered)
    size = ops.sum(support, axis=-1, keepdims=True)
    mean = ops.sum(support * scaled, axis=-1, keepdims=True) / size
    spread = ops.sum(support * ops.square(scaled - mean), axis=-1, keepdims=True)
    threshold = mean - ops.sqrt((1 - spread) / size)
    return ops.square(ops.relu(scaled - threshold) * support)


def _below_zero(scores: Tensor) -> Tensor:
    """Let the largest be 0, and none be below -1, where no weight is: sums then stay exact."""
    highest = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
    return ops.maximum(scores - highest, -1)


def _in_order(scaled: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scores, the largest first, and which of them each is, from 1."""
    ordered = -ops.sort(-ops.stop_gradient(scaled), axis=-1)
    return ordered, _counting(ordered)


def _counting(scores: Tensor) -> Tensor:
    return ops.cumsum(ops.ones_like(scores), axis=-1)


def _at_least(scaled: Tensor, ordered: Tensor, is_in: Tensor) -> Tensor:
    """Return 1 for each score that is as large as the last of those that are in, else 0."""
    last = ops.min(ops.where(is_in, ordered, ops.zeros_like(ordered)), axis=-1, keepdims=True)
    return ops.stop_gradient(ops.cast(scaled >= last, scaled.dtype))
