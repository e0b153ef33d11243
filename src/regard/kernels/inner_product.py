"""Inner product x softmax, through PyTorch's fused attention: the weights are never kept."""

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.functional import normalizers, scores
from regard.functional.exported import for_onnx
from regard.kernels.call import Call

__all__ = ["attention", "declines", "refuses"]

COMPARISONS = (scores.inner_product, scores.scaled_dot)

FEW_KEYS = 512
"""Up to so many, PyTorch's backward in half precision takes longer on a CPU than in float32."""


def refuses(call: Call) -> str | None:
    """Say why this kernel does not take the call; None if it does."""
    if call.comparison not in COMPARISONS:
        return f"it compares by inner_product; this score compares by {call.compared_by}"
    if call.normalizer is not normalizers.softmax:
        return "it normalises by softmax only"
    if for_onnx():
        return "in ONNX, a query that may attend nothing would get a mean"
    return _misfit(call)


def _misfit(call: Call) -> str | None:
    """Say what of a call does not go together here; None if all does."""
    if call.query.shape[-1] != call.key.shape[-1]:
        return f"query and key differ in width: {call.query.shape[-1]} and {call.key.shape[-1]}"
    if not call.query.dtype == call.key.dtype == call.value.dtype:
        return f"query, key, value differ: {call.query.dtype}, {call.key.dtype}, {call.value.dtype}"
    if call.bias is not None and call.query.device.type != "cpu" and _is_wider(call.bias, call):
        return f"it would round the bias from {call.bias.dtype} to {call.query.dtype}"
    return None


def declines(call: Call) -> str | None:
    """Say why this kernel is no faster for the call; None if it is."""
    query = call.query
    if query.device.type != "cpu" or query.dtype not in (torch.float16, torch.bfloat16):
        return None
    if torch.compiler.is_compiling():
        return None  # sizes may stand for any
    # A decoder's step. PyTorch's fused form takes two to three times as long for it, and four
    # backwards: it is made for many queries.
    if query.shape[-2] == 1 and not _is_grouped(call):
        return "one query is read sooner without it on a CPU, in half precision"
    return None


def _is_wider(bias: Tensor, call: Call) -> bool:
    return call.query.dtype.itemsize < min(bias.dtype.itemsize, torch.float32.itemsize)


def attention(call: Call) -> Tensor:
    """Compute the call.

    Source: Dao et al. 2022 (FlashAttention), algorithm 1, in PyTorch's implementation.
    Cost: query x key x width multiply-adds, half of them where the window is causal; memory linear
    in query and key, but for the mask and the bias themselves.
    """
    if not _learns_sooner_widened(call):
        return _fused(call)
    query, key, value = call.query.float(), call.key.float(), call.value.float()
    with torch.autocast("cpu", enabled=False):
        context = _fused(call._replace(query=query, key=key, value=value))
    return context.to(call.query.dtype)


def _learns_sooner_widened(call: Call) -> bool:
    """Whether float32 is the faster way to a gradient, casts included: three times, of 27 keys."""
    if call.query.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    narrowed = (torch.float32,) if torch.is_autocast_enabled("cpu") else ()
    if call.query.dtype not in (torch.float16, torch.bfloat16, *narrowed):
        return False
    is_learning = any(given.requires_grad for given in (call.query, call.key, call.value))
    # A program that is compiled stands for any size.
    return is_learning and (torch.compiler.is_compiling() or call.key.shape[-2] <= FEW_KEYS)


def _fused(call: Call) -> Tensor:
    causal = _is_causal(call)
    query, key, value, batch = call.query, call.key, call.value, call.batch
    added = None if causal else _mask_and_bias(call)
    grouped = _is_grouped(call)
    if grouped:
        query, key, value = _on_one_axis(query, batch), key.squeeze(-3), value.squeeze(-3)
        added = None if added is None else _shared_on_one_axis(added, batch)
        batch = torch.Size([*batch[:-2], -1])
    context = F.scaled_dot_product_attention(
        _batch_heads(query, batch),
        _batch_heads(key, batch),
        _batch_heads(value, batch),
        attn_mask=None if added is None else _shared_heads(added, batch),
        is_causal=causal,
        scale=None if call.comparison is scores.scaled_dot else 1.0,
        enable_gqa=grouped,
    )
    return context if len(call.batch) == 2 else context.reshape(*call.batch, *context.shape[-2:])


def _is_causal(call: Call) -> bool:
    """Whether PyTorch's own causal mask, which is aligned to the first key, says the same."""
    if call.window is None or call.bias is not None or call.window.mask is not None:
        return False
    looks_back = call.window.before is None and call.window.after == 0
    # A program that stands for any size has no plain bool here.
    return bool(looks_back and call.query.shape[-2] == call.key.shape[-2])


def _is_grouped(call: Call) -> bool:
    """Whether the last of the leading axes is for queries that share keys and values."""
    if len(call.batch) < 3:
        return False
    shared = torch.Size([*call.batch[:-1], 1])
    # Branches, since a program that stands for any size has no plain bool to return.
    if call.key.shape[:-2] == call.value.shape[:-2] == shared:  # noqa: SIM103
        return True
    return False


def _on_one_axis(tensor: Tensor, batch: torch.Size) -> Tensor:
    """Merge groups with the queries in them, which PyTorch wants as heads."""
    return tensor.expand(*batch, *tensor.shape[-2:]).flatten(-4, -3)


def _shared_on_one_axis(added: Tensor, batch: torch.Size) -> Tensor:
    if any(size != 1 for size in added.shape[-4:-2]):
        return _on_one_axis(added, batch)
    return added.squeeze(-3) if added.dim() > 2 else added


def _mask_and_bias(call: Call) -> Tensor | None:
    mask = call.allowed
    if call.bias is None:
        return None if mask is None else torch.atleast_2d(mask)
    # In float32 even where the query is not: half precision would round what is added to scores.
    dtype = torch.float32 if _is_wider(call.bias, call) else call.query.dtype
    bias, limits = torch.atleast_2d(call.bias), torch.finfo(dtype)
    if torch.finfo(bias.dtype).max > limits.max:  # clamped, so that it does not turn infinite
        bias = bias.clamp(limits.min, limits.max)
    bias = bias.to(dtype)
    return bias if mask is None else torch.where(mask, bias, -torch.inf)


def _batch_heads(tensor: Tensor, batch: torch.Size) -> Tensor:
    """Shape leading axes into the two (batch, heads) that the fused forms are written for."""
    if tensor.shape[:-2] != batch:
        tensor = tensor.expand(*batch, *tensor.shape[-2:])
    if len(batch) == 2:
        return tensor
    if len(batch) > 2:
        return tensor.flatten(0, -4)
    return tensor.unsqueeze(1) if len(batch) == 1 else tensor[None, None]


def _shared_heads(added: Tensor, batch: torch.Size) -> Tensor:
    """Shape a mask or bias likewise, but not one for all into as many: that would copy it."""
    added = added[(None,) * (len(batch) + 2 - added.dim())]
    if len(batch) < 2:
        return added.unsqueeze(1) if len(batch) == 1 else added[None, None]
    if len(batch) > 2 and any(size != 1 for size in added.shape[:-3]):
        added = added.expand(*batch[:-1], *added.shape[-3:])
    return added.flatten(0, -4)
