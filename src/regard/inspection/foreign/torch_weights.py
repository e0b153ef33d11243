"""The weights of `torch.nn.MultiheadAttention`, from what it was asked."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.functional.precision import at_least_float32
from regard.functional.scores import inner_product, scaled_dot
from regard.inspection.foreign.foreign_masks import lower_triangle, taken_apart
from regard.kernels.weights import Weights, weights_on_demand

__all__ = ["weights_of"]


def weights_of(
    layer: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    padding: Tensor | None,
    mask: Tensor | None,
    *,
    is_hint: bool,
    norm: nn.Module | None = None,
) -> Weights:
    """Return the weights of every head, of queries and keys laid out as the layer takes them.

    Args:
        padding, mask: boolean, True = may not attend, or added to the scores.
        is_hint: the mask is not read, but taken for causal.
        norm: what queries and keys, which are the same, go through first.

    Raises:
        ValueError: a mask was taken for causal that is not.
    """
    of_texts = _real(query) if query.is_nested else None
    query, key = (_batch_first(layer, vectors) for vectors in (query, key))
    if norm is not None:
        query = key = norm(query)
    shape = torch.Size([*query.shape[:-2], layer.num_heads, query.shape[-2], key.shape[-2]])
    num_added = (layer.bias_k is not None) + layer.add_zero_attn
    allowed, bias = None, None
    if is_hint and mask is not None:
        _check_causal(mask, query.shape[-2], key.shape[-2])
        allowed = lower_triangle(query.shape[-2], key.shape[-2] + num_added, query.device)
    else:
        allowed, bias = _merged(mask, padding, shape, num_added)
    places = F.pad(key, (0, 0, 0, num_added)) if num_added else key
    return weights_on_demand(
        query.unsqueeze(-3).expand(*shape[:-1], -1),
        places.unsqueeze(-3).expand(*shape[:-2], -1, -1),
        score=_Score(layer, key),
        bias=bias,
        mask=masks.combine(allowed, of_texts),
    )


class _Score:
    r"""Compares queries and keys that are not projected yet, head by head.

    Queries are projected when they are asked for, keys once many queries were: for few it is less
    to take the keys' matrix to the other side. Of the scores of a head

    $$(W^Q x + b^Q) \cdot (W^K y + b^K) = \bigl((W^Q x + b^Q) W^K\bigr) \cdot y + c_x$$

    what all keys of a query have in common, $c_x$, changes no weight.
    """

    def __init__(self, layer: nn.MultiheadAttention, key: Tensor) -> None:
        self._layer = layer
        self._key = key
        self._keys: Tensor | None = None
        self._num_asked = 0

    def __call__(self, query: Tensor, places: Tensor) -> Tensor:
        heads = _heads(self._layer, _projected(self._layer, query[..., 0, :, :], 0))
        self._num_asked += query.shape[-2]
        if self._num_asked < self._layer.head_dim and self._is_plain(heads, places):
            matrix = _matrix(self._layer, 1).unflatten(0, (-1, self._layer.head_dim))
            turned = heads * heads.shape[-1] ** -0.5 @ matrix
            scores: Tensor = inner_product(turned.flatten(-3, -2), self._key)
            return scores.reshape(*heads.shape[:-1], self._key.shape[-2])
        if self._keys is None:
            self._keys = _keys(self._layer, self._key)
        with torch.autocast(query.device.type, enabled=False):
            return scaled_dot(at_least_float32(heads), at_least_float32(self._keys))

    def _is_plain(self, heads: Tensor, places: Tensor) -> bool:
        """Whether keys are nothing but projected: the layer adds none, and does not round them."""
        unrounded = heads.dtype == self._key.dtype == at_least_float32(heads).dtype
        return unrounded and places.shape[-2] == self._key.shape[-2]


def _keys(layer: nn.MultiheadAttention, key: Tensor) -> Float[Tensor, "*batch heads key head_dim"]:
    projected = _projected(layer, key, 1)
    if layer.bias_k is not None:
        added = layer.bias_k[0].to(projected.dtype)
        projected = torch.cat([projected, added.expand(*projected.shape[:-2], 1, -1)], dim=-2)
    return _heads(layer, F.pad(projected, (0, 0, 0, 1)) if layer.add_zero_attn else projected)


def _projected(layer: nn.MultiheadAttention, vectors: Tensor, part: int) -> Tensor:
    """Return the queries, part 0, or the keys, part 1, that the layer makes of vectors."""
    biases: Tensor | None = layer.in_proj_bias
    bias = None if biases is None else biases.chunk(3)[part]
    # Of others PyTorch rounds the product before it adds the bias.
    return F.linear(vectors.contiguous(), _matrix(layer, part), bias)


def _matrix(layer: nn.MultiheadAttention, part: int) -> Tensor:
    packed: Tensor | None = layer.in_proj_weight
    parts = (layer.q_proj_weight, layer.k_proj_weight) if packed is None else packed.chunk(3)
    return parts[part]


def _heads(layer: nn.MultiheadAttention, projected: Tensor) -> Tensor:
    heads: Tensor = projected.unflatten(-1, (layer.num_heads, layer.head_dim)).transpose(-3, -2)
    return heads


def _batch_first(layer: nn.MultiheadAttention, vectors: Tensor) -> Tensor:
    if vectors.is_nested:
        padded: Tensor = vectors.to_padded_tensor(0.0)
        return padded
    if layer.batch_first or vectors.dim() == 2:
        return vectors
    return vectors.transpose(0, 1)


def _real(texts: Tensor) -> Bool[Tensor, "batch 1 length length"]:
    """Return which pairs of positions there are in texts that are nested, not padded."""
    lengths = torch.tensor([len(text) for text in texts.unbind()], device=texts.device)
    of_keys = masks.padding(lengths, int(lengths.max()))
    return (of_keys & of_keys.mT).unsqueeze(-3)


def _check_causal(mask: Tensor, query_len: int, key_len: int) -> None:
    triangle = lower_triangle(query_len, key_len, mask.device)
    causal = ~triangle if mask.dtype == torch.bool else _added(~triangle).to(mask.dtype)
    if not torch.equal(mask, causal.expand_as(mask)):
        raise ValueError(
            "attention was called with is_causal=True and a mask that is not causal; what PyTorch "
            "makes of that depends on the kernel: leave out is_causal"
        )


def _merged(
    mask: Tensor | None, padding: Tensor | None, shape: torch.Size, num_added: int
) -> tuple[Tensor | None, Tensor | None]:
    """Return who may attend whom and a bias, of masks that say who may not.

    What the layer itself adds to the keys may be attended by all.
    """
    given = [
        F.pad(blocked, (0, num_added))
        for blocked in (
            mask if mask is None or mask.dim() == 2 else mask.reshape(shape),
            padding if padding is None else padding[..., None, None, :],
        )
        if blocked is not None
    ]
    if all(blocked.dtype == torch.bool for blocked in given):
        return masks.combine(*(~blocked for blocked in given)), None
    first, *second = map(_added, given)
    return taken_apart(first + second[0] if second else first)


def _added(blocked: Tensor) -> Tensor:
    """Return the numbers that are added to the scores where some are blocked."""
    if blocked.dtype != torch.bool:
        return blocked
    return torch.zeros(blocked.shape, device=blocked.device).masked_fill(blocked, -torch.inf)
