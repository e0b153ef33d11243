"""What is read around a centre: by the definition, or from the keys within reach alone."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Real
from torch import Tensor

from regard.functional.attention import scores_shape
from regard.functional.local import (
    Form,
    biased,
    check,
    damped,
    reach,
    reach_at,
    undamped,
)
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.precision import at_least_float32
from regard.functional.scores import scaled_dot
from regard.functional.splitting import split
from regard.interfaces import Normalizer
from regard.kernels.call import Call, take_apart
from regard.kernels.dispatch import attend, forced, weigh
from regard.kernels.local.around import (
    Around,
    block_length,
    in_blocks,
    one_by_one,
    weights_one_by_one,
)

__all__ = ["attention", "biased_attention", "damped_attention", "spelt_out", "weights"]

NARROW = 8
"""Where all keys are fewer times those within reach, the definition is faster."""

SMALL = 2**12
"""Calls with fewer scores than that are left to the definition,"""

LIGHT = 2**17
"""unless as many numbers are read for them: one step of a decoder with wide states is no call to
go through a long text for."""

FEW = 4
"""Where a block of keys has fewer queries than that, each is given its own keys."""


def attention(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    value: Float[Tensor, "*#batch key value_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query value_dim"]:
    r"""Return the values around a centre, weighed by `attention_weights`.

    $$c_i = \sum_{|j - p_i| \le D} w_{ij} v_j$$

    Where each query's centre is its own position, counted from the end of the keys as everywhere,
    `regard.attention` with `mask=masks.Window(half_width, half_width)` is the same, and faster. A
    decoder that reads another sequence counts from its beginning: `centre=torch.arange(num_steps)`,
    or in a step `torch.tensor([step])`.

    Args:
        centre: in key positions from 0; broadcastable to `*batch query`.
        half_width: D; at most 2 D + 1 keys are within reach.
        score: as for `regard.attention`; so `mask`, which restricts further, and `normalizer`.

    Source: Luong et al. 2015, section 3.2 (local-m, with p_t = t).
    Cost: linear in query and key; with few queries, independent of the number of keys. A score that
    cannot be taken apart costs query x key.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `centre` or `mask` does not broadcast, `half_width` is not positive, or there
            are not as many values as keys.

    >>> query, key = torch.zeros(1, 2), torch.zeros(3, 2)
    >>> value = torch.tensor([[9.0], [1.0], [2.0]])
    >>> attention(query, key, value, torch.tensor([2]), half_width=1)
    tensor([[1.5000]])
    """
    call = take_apart(query, key, value, score, None, mask, normalizer)
    return _attend(call, centre, half_width, undamped)


def damped_attention(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    value: Float[Tensor, "*#batch key value_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query value_dim"]:
    r"""Return the values around a centre, weighed by `damped_attention_weights`.

    $$c_i = \sum_{|j - p_i| \le D} w_{ij} \, e^{-(j - p_i)^2 / 2 \sigma^2} v_j,
    \quad \sigma = D / 2$$

    Here w are the weights before they are damped, of `attention_weights`.

    The arguments are those of `local.attention`; gradients reach a centre that has any.

    Source: Luong et al. 2015, eq. 10 (local-p, with the centre of `predicted_centre`).
    Cost: that of `local.attention`.

    Raises:
        TypeError: as `local.attention`.
        ValueError: as `local.attention`.

    >>> query, key, value = torch.zeros(1, 2), torch.zeros(3, 2), torch.ones(3, 1)
    >>> damped_attention(query, key, value, torch.tensor([1.5]), half_width=1)
    tensor([[0.6065]])
    """
    call = take_apart(query, key, value, score, None, mask, normalizer)
    return _attend(call, centre, half_width, damped)


def biased_attention(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    value: Float[Tensor, "*#batch key value_dim"],
    centre: Real[Tensor, "*#batch #query"],
    *,
    half_width: int,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query value_dim"]:
    r"""Return the values around a centre, weighed by `biased_attention_weights`.

    $$c_i = \sum_{|j - p_i| \le D} w_{ij} v_j$$

    The arguments are those of `local.attention`; gradients reach a centre that has any.

    Source: Yang et al. 2018 (Modeling Localness for Self-Attention Networks), eq. 4-5, within the
    reach of Luong et al. 2015, section 3.2.
    Cost: that of `local.attention`.

    Raises:
        TypeError: as `local.attention`.
        ValueError: as `local.attention`.

    >>> query, key = torch.zeros(1, 2), torch.zeros(3, 2)
    >>> value = torch.tensor([[9.0], [1.0], [2.0]])
    >>> biased_attention(query, key, value, torch.tensor([1.5]), half_width=1)
    tensor([[1.5000]])
    """
    call = take_apart(query, key, value, score, None, mask, normalizer)
    return _attend(call, centre, half_width, biased)


def weights(call: Call, centre: Tensor, half_width: int, form: Form) -> Tensor:
    """Return the weights of a call whose queries look around centres, `*batch query key`.

    Source: see `regard.functional.local`.
    """
    shape = scores_shape(call.query, call.key)
    if _way(call, shape, 2 * half_width + 1) is not one_by_one:
        return weigh(spelt_out(call, centre, half_width, form))
    return weights_one_by_one(_around(call, centre, half_width, form, shape))


def _attend(call: Call, centre: Tensor, half_width: int, form: Form) -> Tensor:
    shape = scores_shape(call.query, call.key, call.value)
    check(shape, centre, half_width, call.mask)
    way = _way(call, shape, 2 * half_width + 1)
    if way is None:
        return attend(spelt_out(call, centre, half_width, form))
    return way(_around(call, centre, half_width, form, shape))


def _around(call: Call, centre: Tensor, half_width: int, form: Form, shape: torch.Size) -> Around:
    """Say which keys are within reach, and how they are weighed."""
    centre = at_least_float32(centre).expand(shape[:-1])
    first = (centre.detach() - half_width).ceil().long()
    positions = first.unsqueeze(-1) + torch.arange(2 * half_width + 1, device=first.device)
    within = reach_at(positions, centre, half_width)
    normalizer = form(call.normalizer, within.log_gaussian)
    allowed = within.mask & _allowed(call, positions)
    return Around(call, positions, lambda scores: normalizer(scores, allowed))


def spelt_out(call: Call, centre: Tensor, half_width: int, form: Form) -> Call:
    """Say with a mask and a normalizer for every query and key what a centre and a form say.

    Source: see `regard.functional.local`.
    """
    within = reach(call.query, call.key, centre, half_width, call.mask)
    normalizer = form(call.normalizer, within.log_gaussian)
    return call._replace(mask=within.mask, normalizer=normalizer)


def _way(call: Call, shape: torch.Size, num_keys: int) -> Callable[[Around], Tensor] | None:
    """Return how to go about it; None for the definition."""
    if forced() == "reference" or not _may_be_cut(call, shape):
        return None
    if _is_small(call, shape, num_keys):
        return None
    few = shape[-2] * block_length(num_keys) < FEW * shape[-1]
    return one_by_one if few else in_blocks


def _may_be_cut(call: Call, shape: torch.Size) -> bool:
    """Whether some keys can be scored without the others, and without knowing where they stand."""
    if split(call.compare, call.query, call.key) is None:
        return False
    # Values with leading axes of their own would have a normalizer see more scores than there are.
    return math.prod(shape) > 0 and call.batch == shape[:-2]


def _is_small(call: Call, shape: torch.Size, num_keys: int) -> bool:
    """Whether it is as well to go through all keys."""
    if torch.compiler.is_compiling():
        # A program that is exported serves all lengths, and cannot choose by them.
        return torch.compiler.is_exporting()
    if shape[-1] < NARROW * num_keys:
        return True
    num_scores = math.prod(shape)
    return num_scores < SMALL and num_scores * call.key.shape[-1] < LIGHT


def _allowed(call: Call, positions: Tensor) -> Tensor:
    """Return which positions are keys that the mask allows."""
    query_len, key_len = positions.shape[-2], call.key.shape[-2]
    allowed = (positions >= 0) & (positions < key_len)
    mask = call.mask
    if isinstance(mask, Window):
        own = torch.arange(key_len - query_len, key_len, device=positions.device)
        offset = positions - own.unsqueeze(-1)
        allowed = allowed if mask.before is None else allowed & (offset >= -mask.before)
        allowed = allowed if mask.after is None else allowed & (offset <= mask.after)
        mask = mask.mask
    if mask is None:
        return allowed
    spelt_out = mask.expand(*positions.shape[:-1], key_len)
    return allowed & spelt_out.gather(-1, positions.clamp(0, key_len - 1))
