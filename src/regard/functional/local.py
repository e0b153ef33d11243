"""How much a query attends to the keys around a centre of its own; `regard.local` says more.

A kind of local attention is a form: what makes of a normalizer one that weakens keys further off,
by the logarithm of a Gaussian. Weights are the definition; contexts are what they read.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from regard.functional import attention as everywhere
from regard.functional import masks
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.precision import at_least_float32
from regard.functional.scores import project, scaled_dot
from regard.interfaces import Normalizer

__all__ = [
    "Form",
    "Reach",
    "attention_weights",
    "biased",
    "biased_attention_weights",
    "check",
    "damped",
    "damped_attention_weights",
    "predicted_centre",
    "reach",
    "reach_at",
    "undamped",
]

Form = Callable[[Normalizer, Tensor], Normalizer]
"""Makes a normalizer that weakens by the logarithm of a Gaussian, which fits its scores."""


def predicted_centre(
    query: Float[Tensor, "*batch query query_dim"],
    lengths: Int[Tensor, "*#batch"],
    *,
    weight: Float[Tensor, "hidden query_dim"],
    energy: Float[Tensor, " hidden"],
) -> Float[Tensor, "*batch query"]:
    r"""Predict from each query where among its keys to look.

    $$p_i = S \cdot \sigma(v \cdot \tanh(W q_i))$$

    Args:
        lengths: S, how many keys each sequence really has.

    Source: Luong et al. 2015, eq. 9.
    Differs: positions count from 0; where the paper's count from 1, the same number there means the
    key before. In at least float32: half precision does not tell far positions from each other.
    Cost: query x query_dim x hidden multiply-adds.

    Raises:
        ValueError: `weight` is for queries of another width, `energy` not for as many hidden units,
            or `lengths` does not broadcast to the leading axes of the queries.

    >>> query, lengths = torch.ones(2, 1, 3), torch.tensor([4, 10])
    >>> predicted_centre(query, lengths, weight=torch.zeros(5, 3), energy=torch.ones(5))
    tensor([[2.],
            [5.]])
    """
    if energy.shape != weight.shape[:1]:
        raise ValueError(
            f"energy must have a number for each of the {weight.shape[0]} hidden units of weight; "
            f"got shape {tuple(energy.shape)}"
        )
    if not everywhere.broadcasts_to(lengths.shape, query.shape[:-2]):
        raise ValueError(
            f"lengths must broadcast to {tuple(query.shape[:-2])}, the leading axes of the "
            f"queries: a length for each sequence; got shape {tuple(lengths.shape)}"
        )
    with torch.autocast(query.device.type, enabled=False):
        hidden = torch.tanh(project(at_least_float32(query), at_least_float32(weight)))
        return lengths.unsqueeze(-1) * torch.sigmoid(hidden @ at_least_float32(energy))


def attention_weights(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query key"]:
    r"""Return how much each query attends to the keys around its centre.

    $$w_i = \operatorname{normalizer}(\operatorname{score}(q_i, k), \; |j - p_i| \le D)$$

    Where each query's centre is its own position, counted from the end of the keys as everywhere,
    `regard.attention` computes this with `mask=masks.Window(D, D)`. A decoder that counts from the
    beginning of the source has `centre=torch.arange(target_len)`.

    Args:
        centre: p, in key positions from 0; broadcastable to `*batch query`.
        half_width: D; at most 2 D + 1 keys are within reach.
        score: as for `regard.attention`; so `mask`, which restricts further, and `normalizer`.

    Source: Luong et al. 2015, section 3.2 (local-m, with p_t = t).
    Cost: that of the score; one query x key matrix.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `centre` or `mask` does not broadcast, or `half_width` is not positive.

    >>> query, key, centre = torch.zeros(1, 2), torch.zeros(5, 2), torch.tensor([3.0])
    >>> attention_weights(query, key, centre, half_width=1)
    tensor([[0.0000, 0.0000, 0.3333, 0.3333, 0.3333]])
    """
    within = reach(query, key, centre, half_width, mask)
    return _weights(query, key, score, within, normalizer, undamped)


def damped_attention_weights(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query key"]:
    r"""Return the weights around a centre times a Gaussian: they need not sum to one.

    $$w_{ij} = \operatorname{normalizer}(\operatorname{score}(q_i, k), \; |j - p_i| \le D)_j \cdot
    e^{-(j - p_i)^2 / 2 \sigma^2}, \quad \sigma = D / 2$$

    The arguments are those of `attention_weights`.

    Source: Luong et al. 2015, eq. 10 (local-p).
    Cost: that of the score; one query x key matrix.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `centre` or `mask` does not broadcast, or `half_width` is not positive.

    >>> query, key, centre = torch.zeros(1, 2), torch.zeros(4, 2), torch.tensor([2.0])
    >>> damped_attention_weights(query, key, centre, half_width=1)
    tensor([[0.0000, 0.0451, 0.3333, 0.0451]])
    """
    within = reach(query, key, centre, half_width, mask)
    return _weights(query, key, score, within, normalizer, damped)


def biased_attention_weights(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query key"]:
    r"""Return the weights around a centre, a Gaussian's logarithm being added to the scores.

    $$w_i = \operatorname{normalizer}\left(\operatorname{score}(q_i, k) -
    \frac{(j - p_i)^2}{2 \sigma^2}, \; |j - p_i| \le D\right), \quad \sigma = D / 2$$

    Under the softmax these are the weights of `damped_attention_weights`, made to sum to one. The
    arguments are those of `attention_weights`.

    Source: Yang et al. 2018 (Modeling Localness for Self-Attention Networks), eq. 4-5, within the
    reach of Luong et al. 2015, section 3.2.
    Cost: that of the score; one query x key matrix.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `centre` or `mask` does not broadcast, or `half_width` is not positive.

    >>> query, key, centre = torch.zeros(1, 2), torch.zeros(4, 2), torch.tensor([2.0])
    >>> biased_attention_weights(query, key, centre, half_width=1)
    tensor([[0.0000, 0.1065, 0.7870, 0.1065]])
    """
    within = reach(query, key, centre, half_width, mask)
    return _weights(query, key, score, within, normalizer, biased)


def _weights(
    query: Tensor,
    key: Tensor,
    score: Callable[[Tensor, Tensor], Tensor],
    within: "Reach",
    normalizer: Normalizer,
    form: Form,
) -> Tensor:
    return everywhere.attention_weights(
        query,
        key,
        score=score,
        mask=within.mask,
        normalizer=form(normalizer, within.log_gaussian),
    )


# What the kinds are made of, for scores of any keys.


def undamped(normalizer: Normalizer, _: Tensor) -> Normalizer:
    """Weaken nothing.

    Source: Luong et al. 2015, section 3.2 (local-m).
    """
    return normalizer


def damped(normalizer: Normalizer, log_gaussian: Tensor) -> Normalizer:
    """Weaken the weights.

    Source: Luong et al. 2015, eq. 10.
    """
    return partial(_damp, normalizer, log_gaussian)


def biased(normalizer: Normalizer, log_gaussian: Tensor) -> Normalizer:
    """Weaken the scores.

    Source: Yang et al. 2018, eq. 4.
    """
    return partial(_bias, normalizer, log_gaussian)


class Reach(NamedTuple):
    """Which keys are within reach of each query, and how their distance weakens them."""

    mask: Tensor
    log_gaussian: Tensor


def reach(
    query: Tensor,
    key: Tensor,
    centre: Tensor,
    half_width: int,
    mask: Tensor | Window | None,
) -> Reach:
    """Spell out for every query and key what `reach_at` says.

    Source: Luong et al. 2015, section 3.2.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `centre` or `mask` does not broadcast, or `half_width` is not positive.
    """
    shape = everywhere.scores_shape(query, key)
    check(shape, centre, half_width, mask)
    positions = torch.arange(shape[-1], device=centre.device)
    within = reach_at(positions, centre, half_width)
    spelt_out = masks.dense(mask, *shape[-2:], device=query.device)
    return within._replace(mask=within.mask if spelt_out is None else within.mask & spelt_out)


def reach_at(positions: Tensor, centre: Tensor, half_width: int) -> Reach:
    r"""Say which of some key positions are at most `half_width` away from each centre, and more.

    $$|j - p| \le D, \quad -(j - p)^2 / 2 \sigma^2, \quad \sigma = D / 2$$

    Args:
        positions: the same for every query, or for each its own: broadcastable to `*batch query n`.

    Source: Luong et al. 2015, eq. 10.
    """
    # Half precision would not tell positions beyond a few hundred from each other.
    offset = positions - at_least_float32(centre).unsqueeze(-1)
    return Reach(offset.abs() <= half_width, -2 * (offset / half_width).square())


def check(shape: torch.Size, centre: Tensor, half_width: int, mask: Tensor | Window | None) -> None:
    """Refuse what does not fit scores of this shape.

    Source: the convention of this module.

    Raises:
        TypeError: `mask` is not boolean, or `centre` is.
        ValueError: `centre` or `mask` does not broadcast, or `half_width` is not positive.
    """
    everywhere.check(shape, bias=None, mask=mask)
    if centre.dtype == torch.bool or centre.is_complex():
        raise TypeError(
            f"centre must have real numbers, positions of keys from 0; got {centre.dtype}"
        )
    if isinstance(half_width, float) or half_width < 1:
        raise ValueError(f"half_width counts keys on either side, 1 or more; got {half_width}")
    if not everywhere.broadcasts_to(centre.shape, shape[:-1]):
        *batch, query = shape[:-1]
        sizes = ", ".join([*(f"batch={size}" for size in batch), f"query={query}"])
        raise ValueError(
            f"centre must broadcast to ({sizes}), a position for each query; got "
            f"{tuple(centre.shape)}"
        )


def _damp(
    normalizer: Normalizer, log_gaussian: Tensor, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    return normalizer(scores, mask) * log_gaussian.exp()


def _bias(
    normalizer: Normalizer, log_gaussian: Tensor, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    return normalizer(scores + log_gaussian, mask)
