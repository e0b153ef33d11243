"""Attention around a centre that each query predicts, on any backend; see `regard.local`."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from keras import ops

from regard.keras import core, masks
from regard.keras.attention import Comparison, Normalizer, attention, attention_weights
from regard.keras.normalizers import softmax
from regard.keras.scores import scaled_dot
from regard.keras.tensors import Tensor, at_least_float32, product
from regard.kernels import local

__all__ = ["FORMS", "Reach", "local_attention", "local_attention_weights", "predicted_centre"]


class _Form(NamedTuple):
    """How keys further off are weakened: by the core, and by a normalizer made of another."""

    attention: Callable[..., Tensor]
    weights: Callable[..., Tensor]
    weaken: Callable[[Normalizer, Tensor, Tensor, Tensor | None], Tensor]


class Reach(NamedTuple):
    """Where each query looks, and how what is further off is weakened.

    Args:
        centre: p, in key positions from 0, `batch query`.
        half_width: D; at most 2 D + 1 keys are within reach.
        form: `damped` or `biased`.
    """

    centre: Tensor
    half_width: int
    form: str


def predicted_centre(query: Tensor, lengths: Tensor, *, kernel: Tensor, energy: Tensor) -> Tensor:
    r"""Predict from each query where among its keys to look, `batch query`.

    $$p_i = S \cdot \sigma(v \cdot \tanh(W q_i))$$

    Args:
        lengths: S, how many keys each sequence really has, `batch`.
        kernel: W, of shape `query_dim hidden`.
        energy: v, of shape `hidden`.

    Source: Luong et al. 2015, eq. 9.
    Differs: positions count from 0. In at least float32: half precision does not tell far positions
        from each other.

    >>> zeros = ops.zeros((3, 5))
    >>> centre = predicted_centre(ops.ones((1, 1, 3)), ops.ones(1), kernel=zeros, energy=zeros[0])
    >>> ops.convert_to_numpy(centre).tolist()
    [[0.5]]
    """
    query = at_least_float32(query)
    hidden = ops.tanh(product(query, kernel))
    place = ops.sigmoid(product(hidden, energy))
    return ops.expand_dims(ops.cast(lengths, query.dtype), -1) * place


def local_attention_weights(
    query: Tensor,
    key: Tensor,
    reach: Reach,
    *,
    score: Comparison = scaled_dot,
    mask: Tensor | None = None,
    normalizer: Normalizer = softmax,
) -> Tensor:
    r"""Return how much each query attends to the keys around its centre.

    $$w_{ij} = \operatorname{normalizer}(\operatorname{score}(q_i, k), \; |j - p_i| \le D)_j \cdot
    e^{-(j - p_i)^2 / 2 \sigma^2}, \quad \sigma = D / 2$$

    So for the form `damped`; `biased` adds the Gaussian's logarithm to the scores instead. The
    arguments are those of `regard.keras.attention.attention_weights`, with the same leading axes.

    Source: Luong et al. 2015, eq. 10 (local-p); biased: Yang et al. 2018, eq. 4.

    >>> query, key = ops.zeros((1, 1, 2)), ops.zeros((1, 4, 2))
    >>> weights = local_attention_weights(query, key, Reach(2 * ops.ones((1, 1)), 1, "damped"))
    >>> [round(float(weight), 4) for weight in weights[0, 0]]
    [0.0, 0.0451, 0.3333, 0.0451]
    """
    if core.computes_here():
        weights: Tensor = FORMS[reach.form].weights(
            query,
            key,
            reach.centre,
            half_width=reach.half_width,
            score=core.counterpart(score),
            mask=mask,
            normalizer=core.counterpart(normalizer),
        )
        return weights
    within, weakened = _around(key, reach, normalizer)
    mask = masks.both(mask, within)
    return attention_weights(query, key, score=score, mask=mask, normalizer=weakened)


def local_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    reach: Reach,
    *,
    score: Comparison = scaled_dot,
    mask: Tensor | None = None,
    normalizer: Normalizer = softmax,
) -> Tensor:
    """Return the values, weighed as `local_attention_weights` says.

    Source: Luong et al. 2015, section 3.2 (local-p).
    """
    if core.computes_here():
        context: Tensor = FORMS[reach.form].attention(
            query,
            key,
            value,
            reach.centre,
            half_width=reach.half_width,
            score=core.counterpart(score),
            mask=mask,
            normalizer=core.counterpart(normalizer),
        )
        return context
    within, weakened = _around(key, reach, normalizer)
    mask = masks.both(mask, within)
    return attention(query, key, value, score=score, mask=mask, normalizer=weakened)


def _around(key: Tensor, reach: Reach, normalizer: Normalizer) -> tuple[Tensor, Normalizer]:
    """Return who is within reach, and the normalizer that weakens who is further off."""
    centre = ops.expand_dims(at_least_float32(reach.centre), -1)
    offset = ops.cast(ops.arange(ops.shape(key)[-2]), centre.dtype) - centre
    log_gaussian = -2 * ops.square(offset / reach.half_width)
    weakened = partial(FORMS[reach.form].weaken, normalizer, log_gaussian)
    return ops.abs(offset) <= reach.half_width, weakened


def _damp(
    normalizer: Normalizer, log_gaussian: Tensor, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    return normalizer(scores, mask) * ops.exp(log_gaussian)


def _bias(
    normalizer: Normalizer, log_gaussian: Tensor, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    return normalizer(scores + log_gaussian, mask)


FORMS = {
    "biased": _Form(local.biased_attention, local.biased_attention_weights, _bias),
    "damped": _Form(local.damped_attention, local.damped_attention_weights, _damp),
}
"""How keys further off are weakened."""
