"""The mechanism itself: score, add the bias, normalise under the mask, read out."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from regard.functional import masks
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.precision import at_least_float32
from regard.functional.scores import scaled_dot
from regard.functional.splitting import split
from regard.interfaces import Normalizer

__all__ = [
    "attention",
    "attention_weights",
    "broadcasts_to",
    "check",
    "leading_axes",
    "scores_shape",
]


def attention_weights(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query key"]:
    r"""Return how much each query attends to each key.

    $$w_i = \operatorname{normalizer}(\operatorname{score}(q_i, k) + b_i, \; m_i)$$

    Args:
        score: a score of `regard.scores` with its parameters bound, a score module, or any function
            of query and key.
        bias: finite numbers added to the scores, broadcastable to `*batch query key`.
        mask: boolean, True = may attend, broadcastable to `*batch query key`, or a `masks.Window`;
            None = everything.
        normalizer: a normalizer of `regard.normalizers`, or any function of scores and mask.

    Source: Bahdanau et al. 2015, eq. 6, for any score and normalizer.
    Cost: that of the score; one query x key matrix.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `bias` or `mask` does not broadcast to the scores, or query and key not to each
            other.

    >>> attention_weights(torch.zeros(1, 2), torch.zeros(4, 2))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    shape = scores_shape(query, key)
    check(shape, bias=bias, mask=mask)
    scores = _scores(score, query, key)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    allowed = masks.dense(mask, *shape[-2:], device=query.device)
    return normalizer(scores, allowed).to(query.dtype)


def attention(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    value: Float[Tensor, "*#batch key value_dim"],
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Float[Tensor, "*batch query value_dim"]:
    r"""Return the values, weighed by how much each query attends to their keys.

    $$c_i = \sum_j w_{ij} v_j$$

    The arguments are those of `attention_weights`. A query that may attend nothing gets 0.

    Source: Bahdanau et al. 2015, eq. 5.
    Cost: that of the score; one query x key matrix.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `bias` or `mask` does not broadcast to the scores, or there are not as many
            values as keys.

    >>> attention(torch.zeros(1, 2), torch.zeros(2, 2), torch.tensor([[1.0], [3.0]]))
    tensor([[2.]])
    """
    scores_shape(query, key, value)
    weights = attention_weights(
        query, key, score=score, bias=bias, mask=mask, normalizer=normalizer
    )
    return weights.to(value.dtype) @ value


def _scores(score: Callable[[Tensor, Tensor], Tensor], query: Tensor, key: Tensor) -> Tensor:
    """Score in at least float32 where the score can be taken apart, without rounding in between."""
    parts = split(score, query, key)
    if parts is None:
        return score(query, key)
    # Outside autocast, which would compare in half precision what has just been widened.
    with torch.autocast(query.device.type, enabled=False):
        return parts.compare(at_least_float32(parts.query), at_least_float32(parts.key))


def scores_shape(query: Tensor, key: Tensor, value: Tensor | None = None) -> torch.Size:
    """Return the shape of the scores of query and key; refuse tensors that do not fit each other.

    Raises:
        ValueError: one has no axis for positions, leading axes do not broadcast, or there are not
            as many values as keys.
    """
    tensors = {"query": query, "key": key} | ({} if value is None else {"value": value})
    for name, tensor in tensors.items():
        if tensor.dim() < 2:
            raise ValueError(
                f"{name} must have an axis for positions and one for their vectors, (..., {name}, "
                f"{name}_dim); got shape {tuple(tensor.shape)}"
            )
    if value is not None and value.shape[-2] != key.shape[-2]:
        raise ValueError(
            f"there must be one value per key; got {key.shape[-2]} keys and "
            f"{value.shape[-2]} values"
        )
    try:
        leading_axes(*tensors.values())
        batch = leading_axes(query, key)
    except RuntimeError:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(
            f"the axes before the last two must broadcast to each other; got {shapes}"
        ) from None
    return torch.Size([*batch, query.shape[-2], key.shape[-2]])


def leading_axes(first: Tensor, *others: Tensor) -> torch.Size:
    """Return the axes before the last two, broadcast against each other."""
    axes = first.shape[:-2]
    for other in others:
        if other.shape[:-2] != axes:
            # Only now: it takes longer than a small attention does.
            broadcast: torch.Size = torch.broadcast_shapes(axes, *(o.shape[:-2] for o in others))
            return broadcast
    return axes


def check(shape: torch.Size, *, bias: Tensor | None, mask: Tensor | Window | None) -> None:
    """Refuse a mask or bias that does not fit scores of this shape.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `bias` or `mask` does not broadcast to `shape`, or a window counts below 0.
    """
    if isinstance(mask, Window):
        masks.check_window(mask)
        mask = mask.mask
    masks.check_boolean(mask)
    for name, tensor in (("mask", mask), ("bias", bias)):
        if tensor is not None and not broadcasts_to(tensor.shape, shape):
            raise ValueError(_misfit(name, tensor.shape, shape))


def broadcasts_to(shape: torch.Size, target: torch.Size) -> bool:
    """Whether a shape broadcasts to another, and not the other way round."""
    if len(shape) > len(target):
        return False
    sizes = zip(reversed(shape), reversed(target), strict=False)
    # Not `in`: of sizes that vary, torch.compile then finds no 1.
    return all(have == want or have == 1 for have, want in sizes)  # noqa: PLR1714


def _misfit(name: str, shape: torch.Size, target: torch.Size) -> str:
    *batch, query, key = target
    sizes = [*(f"batch={size}" for size in batch), f"query={query}", f"key={key}"]
    message = f"{name} must broadcast to ({', '.join(sizes)}); got {tuple(shape)}."
    swapped = torch.Size([*shape[:-2], shape[-1], shape[-2]]) if len(shape) > 1 else shape
    if broadcasts_to(swapped, target):
        message += " Did you swap query and key?"
    elif len(shape) > 1 and list(shape) == [*batch, key]:
        message += f" A {name} over keys alone needs an axis for the queries: {name}.unsqueeze(-2)."
    return message
