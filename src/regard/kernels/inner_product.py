"""Inner product x softmax, through PyTorch's fused attention: the weights are never kept."""

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.functional import normalizers, scores
from regard.kernels.call import Call

__all__ = ["attention", "refuses"]


def refuses(call: Call) -> str | None:
    """Say why this kernel does not take the call; None if it does."""
    if call.comparison is not scores.inner_product:
        return f"it compares by inner_product; this score compares by {call.compared_by}"
    if call.normalizer is not normalizers.softmax:
        return "it normalises by softmax only"
    if call.query.shape[-1] != call.key.shape[-1]:
        return f"query and key differ in width: {call.query.shape[-1]} and {call.key.shape[-1]}"
    if not call.query.dtype == call.key.dtype == call.value.dtype:
        return f"query, key, value differ: {call.query.dtype}, {call.key.dtype}, {call.value.dtype}"
    if call.bias is not None and call.query.device.type != "cpu" and _is_wider(call.bias, call):
        return f"it would round the bias from {call.bias.dtype} to {call.query.dtype}"
    return None


def _is_wider(bias: Tensor, call: Call) -> bool:
    return call.query.dtype.itemsize < min(bias.dtype.itemsize, torch.float32.itemsize)


def attention(call: Call) -> Tensor:
    """Compute the call; the score has scaled its query already.

    Source: Dao et al. 2022 (FlashAttention), algorithm 1, in PyTorch's implementation.
    Cost: query x key x width multiply-adds; memory linear in query and key, but for the mask and
    the bias themselves.
    """
    query, key, value = (
        _batch_heads(tensor, call.batch) for tensor in (call.query, call.key, call.value)
    )
    added = _mask_and_bias(call)
    if added is not None:
        added = _batch_heads(torch.atleast_2d(added), call.batch)
    context = F.scaled_dot_product_attention(query, key, value, attn_mask=added, scale=1.0)
    return context.reshape(*call.batch, *context.shape[-2:])


def _mask_and_bias(call: Call) -> Tensor | None:
    if call.bias is None:
        return call.mask
    # In float32 even where the query is not: half precision would round what is added to scores.
    dtype = torch.float32 if _is_wider(call.bias, call) else call.query.dtype
    # Clamped, so that a large bias does not turn infinite.
    limits = torch.finfo(dtype)
    bias = call.bias.clamp(limits.min, limits.max).to(dtype)
    return bias if call.mask is None else torch.where(call.mask, bias, -torch.inf)


def _batch_heads(tensor: Tensor, batch: torch.Size) -> Tensor:
    """Shape leading axes into the two (batch, heads) that the fused forms are written for."""
    rows = tensor.shape[-2:]
    if len(batch) > 2:
        return tensor.expand(*batch, *rows).flatten(0, -4)
    if len(batch) == 1:
        return tensor.expand(*batch, *rows).unsqueeze(1)
    return tensor.expand(*batch, *rows)[(None,) * (2 - len(batch))]
