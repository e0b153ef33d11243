r"""Tanh energy x softmax on a GPU, in memory linear in length: FlashAttention, made additive.

$$c_i = \sum_j w_{ij} v_j, \quad w_{ij} = \frac{e^{s_{ij}}}{\sum_l e^{s_{il}}}, \quad
s_{ij} = u \cdot \tanh(q_i + k_j)$$

A tile of queries reads tile after tile of keys, and keeps the highest score so far, and what sums
to its normalizer and to its context relative to that; the scores are kept nowhere. They are
factored as in `tanh_energy`. Whether the inputs are too large for that is decided on the device.
"""

import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

from regard.functional import normalizers, scores
from regard.functional.masks import Window
from regard.kernels import tanh_energy
from regard.kernels.call import Call
from regard.kernels.mapped import one_by_one

__all__ = ["attention", "declines", "refuses"]

DTYPES = (torch.float32, torch.float16, torch.bfloat16)

CAPABILITY = (8, 0)
"""What Triton asks of a GPU."""

AT_ONCE = 2048
"""Queries, counted over the batch, whose weights backward holds at a time: enough to fill a GPU of
132 multiprocessors, and so few that memory stays linear in length."""

FEW = 8
"""Fewer queries leave most of a tile empty."""

_HAS_TRITON = importlib.util.find_spec("triton") is not None
_INTERPRETS = os.environ.get("TRITON_INTERPRET") == "1"


def refuses(call: Call) -> str | None:
    """Say why this kernel does not take the call; None if it does."""
    if call.comparison is not scores.tanh_energy:
        return f"it compares by tanh_energy; this score compares by {call.compared_by}"
    if call.normalizer is not normalizers.softmax:
        return "it normalises by softmax only"
    return _obstacle(call.query.device) or _misfit(call)


def _misfit(call: Call) -> str | None:
    """Say what the programs are not written for; None if for these tensors they are."""
    compared = (call.query, call.key, call.bound["energy"])
    if len({tensor.shape[-1] for tensor in compared}) > 1:
        return "query, key and energy differ in width"
    if wider := {tensor.dtype for tensor in (*compared, call.value)} - set(DTYPES):
        return f"it computes in float32; there is {wider.pop()}"
    longest = max(call.query.shape[-2], call.key.shape[-2])
    if longest * max(call.query.shape[-1], call.value.shape[-1], AT_ONCE) >= 2**31:
        return "it counts to 2^31, which these lengths exceed"
    return None


def _obstacle(device: torch.device) -> str | None:
    """Say why programs for Triton do not run there; None if they do."""
    if device.type != "cuda" and not (device.type == "cpu" and _INTERPRETS):
        return f"it is for GPUs that PyTorch calls cuda; these tensors are on the {device.type}"
    if not _HAS_TRITON:
        return "it is written in Triton, which is not installed"
    if torch.compiler.is_compiling():
        return None  # what follows cannot be traced, and where it holds, nothing can be compiled
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < CAPABILITY:
        return "it is written in Triton, which asks for a GPU of compute capability 8.0"
    return None


def declines(call: Call) -> str | None:
    """Say why another kernel is better; None if none is."""
    if reason := tanh_energy.declines(call):
        return reason
    if call.query.device.type == "cpu":
        return "Triton's interpreter is for tests only: it is slow"
    if not torch.compiler.is_compiling() and call.query.shape[-2] < FEW:
        return "so few queries leave most of a tile empty"
    return None


def attention(call: Call) -> Tensor:
    """Compute the call.

    Source: Bahdanau et al. 2015, appendix A.1.2; Dao et al. 2022 (FlashAttention), algorithm 1.
    Cost: for every query, key and hidden unit half a reciprocal forwards, and two and a half
    backwards (half for the weights, one each for the gradients of query and key), at 16 per cycle
    and multiprocessor; memory linear in query and key, but for the mask and the bias themselves.
    """
    window = call.mask if isinstance(call.mask, Window) else Window(None, None, call.mask)
    query, key, value = (_two_axes(side, call.batch) for side in (call.query, call.key, call.value))
    batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    bias, mask = (
        None if added is None else _two_axes(torch.atleast_2d(added), call.batch)
        for added in (call.bias, window.mask)
    )
    context, _ = _attend(
        query.expand(*batch, -1, -1),
        key.expand(*batch, -1, -1),
        _autocast(value).expand(*batch, -1, -1),
        call.bound["energy"],
        bias,
        mask,
        window.before,
        window.after,
    )
    result: Tensor = context.reshape(*call.batch, *context.shape[-2:])
    return result


def _two_axes(tensor: Tensor, batch: torch.Size) -> Tensor:
    """Make the leading axes two; unless there are more, what broadcasts is not expanded."""
    if len(batch) > 2:
        return tensor.expand(*batch, *tensor.shape[-2:]).flatten(0, -4)
    return tensor[(None,) * (4 - tensor.dim())]


def _autocast(value: Tensor) -> Tensor:
    """Cast as autocast would, did it know what the operator reads out."""
    device = value.device.type
    return (
        value.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else value
    )


# Operators, so that they stay whole where a model is compiled. Their tensors have two leading axes.


@torch.library.custom_op("regard::tanh_energy_softmax", mutates_args=())
def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    energy: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    before: int | None,
    after: int | None,
) -> tuple[Tensor, Tensor]:
    """Return context and log-sum-exp."""
    from regard.kernels import tanh_energy_triton

    return tanh_energy_triton.forward(query, key, value, energy, bias, mask, before, after)


@torch.library.custom_op("regard::tanh_energy_softmax_backward", mutates_args=())
def _gradients(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    energy: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    before: int | None,
    after: int | None,
    normalizer: Tensor,
    grad: Tensor,
    is_bias_learnt: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of query, key, value, energy and bias, the last 0 if not asked for."""
    from regard.kernels import tanh_energy_triton

    given = (query, key, value, energy, bias, mask, before, after)
    with torch.autocast(query.device.type, enabled=False):
        return tanh_energy_triton.backward(*given, normalizer, grad, is_bias_learnt)


@_attend.register_fake
def _(
    query: Tensor,
    _key: Tensor,
    value: Tensor,
    _energy: Tensor,
    _bias: Tensor | None,
    _mask: Tensor | None,
    _before: int | None,
    _after: int | None,
) -> tuple[Tensor, Tensor]:
    rows = query.shape[:-1]
    return value.new_empty(*rows, value.shape[-1]), query.new_empty(rows, dtype=torch.float32)


@_gradients.register_fake
def _(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    energy: Tensor,
    bias: Tensor | None,
    _mask: Tensor | None,
    _before: int | None,
    _after: int | None,
    _normalizer: Tensor,
    grad: Tensor,
    is_bias_learnt: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    of_bias = bias if bias is not None and is_bias_learnt else grad.new_empty(())
    of_query, of_key, of_value, of_energy, of_bias = (
        given.new_empty(given.shape) for given in (query, key, value, energy, of_bias)
    )
    return of_query, of_key, of_value, of_energy, of_bias


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, before, after = inputs
    ctx.save_for_backward(*tensors, output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.window = before, after


def _differentiate(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    *given, normalizer = ctx.saved_tensors
    is_bias_learnt = ctx.needs_input_grad[4]
    *grads, of_bias = _gradients(*given, *ctx.window, normalizer, grad, is_bias_learnt)
    return *grads, of_bias if is_bias_learnt else None, None, None, None


_attend.register_autograd(_differentiate, setup_context=_keep)
_attend.register_vmap(one_by_one(_attend))
_gradients.register_vmap(one_by_one(_gradients))
