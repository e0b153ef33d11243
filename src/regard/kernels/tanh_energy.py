r"""Tanh energy (additive, concat) that never builds query x key x hidden, forwards or backwards.

$$\tanh(q + k) = 1 - 2 r, \quad r = \frac{1}{1 + e^{2q} e^{2k}}$$

The exponentials are computed once per query and once per key; what is left for every (query, key,
hidden) is a product and a reciprocal, and where the exponents are moderate, two reciprocals are
had for one division. The derivative is $4 v r (1 - r)$, of the same r, computed again.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.functional import attention as reference
from regard.functional import scores
from regard.functional.precision import at_least_float32
from regard.kernels.call import Call
from regard.kernels.fused import fused
from regard.kernels.mapped import one_by_one

__all__ = ["attention", "declines", "refuses", "weights"]

LARGEST = 43.0
"""Beyond, e^(2 LARGEST) leaves float32: larger sums are made before they are exponentiated."""

PAIRED = 10.0
"""Up to this sum of a query and a key, two denominators may be multiplied within float32."""

FOLDED = 32.0
"""Up to here e^(2 FOLDED) may be divided by a negligible energy within float32."""

NEGLIGIBLE = 1e-9
"""An energy that much smaller than the largest is below the rounding of the sum."""

SHARED = 4
"""How many queries are compared in one loop over the hidden units."""

TRANSPOSED = 2**20
"""How many scores have their gradients transposed at once."""

SMALL = 2**18
"""Calls with fewer hyperbolic tangents are left to the definition."""


def refuses(call: Call) -> str | None:
    """Say why this kernel does not take the call; None if it does."""
    if call.comparison is not scores.tanh_energy:
        return f"it compares by tanh_energy; this score compares by {call.compared_by}"
    compared = (call.query, call.key, call.bound["energy"])
    if len({tensor.shape[-1] for tensor in compared}) > 1:
        return "query, key and energy differ in width"
    if len({at_least_float32(tensor[..., :0]).dtype for tensor in compared}) > 1:
        return "query, key and energy differ in precision"
    return None


def declines(call: Call) -> str | None:
    """Say why the definition is better; None if it is not."""
    if torch.compiler.is_exporting():
        return "an exported program holds PyTorch's own operators, to run anywhere"
    if _is_row(call.query, call.key) and _wants_gradients(call):
        return "with one query or one key, keeping what the gradients need is faster"
    if torch.compiler.is_compiling():
        return None  # sizes may stand for any
    if call.query.shape[-2] * call.key.numel() < SMALL:
        return "so small a call is not worth its preparation"
    return None


def _is_row(query: Tensor, key: Tensor) -> bool:
    """Whether there is only one query, or one key, with as many exponentials as sums."""
    return 1 in (query.shape[-2], key.shape[-2])


def _wants_gradients(call: Call) -> bool:
    inputs = call.query, call.key, call.bound["energy"]
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)


def attention(call: Call) -> Tensor:
    """Compute the call, with this module's comparison in the place of the definition's.

    Source: Bahdanau et al. 2015, appendix A.1.2, factored as above.
    Cost: query x key x hidden reciprocals; memory for query x key.
    """
    return reference.attention(call.query, call.key, call.value, **_options(call))


def weights(call: Call) -> Tensor:
    """Compute the weights of the call, as `attention` does."""
    return reference.attention_weights(call.query, call.key, **_options(call))


def _options(call: Call) -> dict[str, Any]:
    return call._replace(compare=partial(_compare, energy=call.bound["energy"])).options


def _compare(query: Tensor, key: Tensor, *, energy: Tensor) -> Tensor:
    """Compare in at least float32, whatever the leading axes."""
    batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    # Contiguous, since a layout of its own would be compiled for anew.
    rows, columns = (
        at_least_float32(tensor)
        .expand(*batch, *tensor.shape[-2:])
        .reshape(batch.numel(), *tensor.shape[-2:])
        .contiguous()
        for tensor in (query, key)
    )
    compared: Tensor = _scores(rows, columns, at_least_float32(energy))
    return compared.reshape(*batch, query.shape[-2], key.shape[-2])


# Operators, so that they stay whole where a model is compiled or exported.


@torch.library.custom_op("regard::tanh_energy", mutates_args=())
def _scores(query: Tensor, key: Tensor, energy: Tensor) -> Tensor:
    """Return the scores of `batch query hidden` and `batch key hidden`."""
    if not query.numel() * key.numel():
        return query.new_zeros(len(query), query.shape[1], key.shape[1])
    query, key, energy = query.detach(), key.detach(), energy.detach()
    grown = _grown(query, key)
    if grown is None:
        return fused(_direct_scores, [query], [key, energy])[0]
    if grown.highest <= PAIRED and grown.highest_query <= FOLDED:
        return _paired_scores(grown.query, grown.key, energy)
    return fused(_factored_scores, [grown.query], [grown.key, energy])[0]


@torch.library.custom_op("regard::tanh_energy_backward", mutates_args=())
def _gradients(
    query: Tensor, key: Tensor, energy: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of query, key and energy."""
    if not query.numel() * key.numel():
        return torch.zeros_like(query), torch.zeros_like(key), torch.zeros_like(energy)
    query, key, energy = query.detach(), key.detach(), energy.detach()
    grad = grad.contiguous()
    sums = _direct_sums
    if (grown := _grown(query, key)) is not None:
        sums, query, key = _factored_sums, grown.query, grown.key
    # What is summed is the same from either side.
    of_query, once = fused(sums, [query, grad], [key, energy])
    of_keys = [
        fused(sums, [some_keys, column.mT.contiguous()], [query, energy])[0]
        for some_keys, column in _columns(key, grad)
    ]
    return of_query, torch.cat(of_keys, dim=1), grad.sum() - 2 * once.sum(dim=(0, 1))


def _columns(key: Tensor, grad: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut the keys so that what is transposed is never a second large matrix."""
    width = max(1, TRANSPOSED // grad.shape[:2].numel())
    return zip(key.split(width, dim=1), grad.split(width, dim=2), strict=True)


@_scores.register_fake
def _(query: Tensor, key: Tensor, _energy: Tensor) -> Tensor:
    return query.new_empty(len(query), query.shape[1], key.shape[1])


@_gradients.register_fake
def _(query: Tensor, key: Tensor, energy: Tensor, _grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(energy)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG001 (by name)
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor, Tensor] = _gradients(*ctx.saved_tensors, grad)
    return gradients


_scores.register_autograd(_differentiate, setup_context=_keep)


_scores.register_vmap(one_by_one(_scores))
_gradients.register_vmap(one_by_one(_gradients))


class _Grown(NamedTuple):
    """The exponentials e^2q and e^2k, the highest query, and the highest sum with a key."""

    query: Tensor
    key: Tensor
    highest_query: float
    highest: float


def _grown(query: Tensor, key: Tensor) -> _Grown | None:
    """Exponentiate, unless a number or a sum is too large for that, or is not finite.

    On a GPU, which would have to be waited for, nothing is known of that.
    """
    if query.device.type != "cpu" or _is_row(query, key):
        return None
    grown_query, *of_query = fused(_exponentials, [query])
    grown_key, *of_key = fused(_exponentials, [key])
    ends: list[float] = torch.stack([end.amax() for end in (*of_query, *of_key)]).tolist()
    highest = ends[0] + ends[2]
    # Not by their maximum, which may pass over a NaN.
    moderate = all(end <= LARGEST for end in (*ends, highest))
    return _Grown(grown_query, grown_key, ends[0], highest) if moderate else None


# What is compiled: rows of one side against all of the other.


def _exponentials(projected: Tensor) -> tuple[Tensor, ...]:
    return (2 * projected).exp(), projected.amax(dim=-1), (-projected).amax(dim=-1)


def _direct_scores(query: Tensor, key: Tensor, energy: Tensor) -> tuple[Tensor, ...]:
    hidden = query.unsqueeze(2) + key.unsqueeze(1)
    return ((energy - 2 * energy * torch.sigmoid(-2 * hidden)).sum(dim=-1),)


def _factored_scores(query: Tensor, key: Tensor, energy: Tensor) -> tuple[Tensor, ...]:
    reciprocals = 1 / (1 + query.unsqueeze(2) * key.unsqueeze(1))
    return ((energy - 2 * energy * reciprocals).sum(dim=-1),)


def _direct_sums(own: Tensor, grad: Tensor, other: Tensor, energy: Tensor) -> tuple[Tensor, ...]:
    """Return the sums over the other side of 4 v r (1 - r) and of r, weighed by the gradient."""
    hidden = own.unsqueeze(2) + other.unsqueeze(1)
    once = grad.unsqueeze(-1) * torch.sigmoid(-2 * hidden)
    return 4 * energy * (once * torch.sigmoid(2 * hidden)).sum(dim=2), once.sum(dim=2)


def _factored_sums(own: Tensor, grad: Tensor, other: Tensor, energy: Tensor) -> tuple[Tensor, ...]:
    """Return what `_direct_sums` does; 1 - r is had as e r, in which nothing cancels."""
    product = own.unsqueeze(2) * other.unsqueeze(1)
    reciprocals = 1 / (1 + product)
    once = grad.unsqueeze(-1) * reciprocals
    return 4 * energy * (once * (product * reciprocals)).sum(dim=2), once.sum(dim=2)


def _paired_scores(query: Tensor, key: Tensor, energy: Tensor) -> Tensor:
    """Sum v r = 1 / (1/v + (e^2q / v) e^2k) two channels at a time, for one division: 1/a + 1/b.

    Half of the two energies is taken off before they are added up, so that the sum, like the score,
    stays small. A channel whose energy is nothing gets an endless denominator. `query` is used up.
    """
    scale = energy.abs().amax().clamp(min=torch.finfo(energy.dtype).tiny)
    share = energy / scale
    counts = share.abs() > NEGLIGIBLE
    inverse = torch.where(counts, 1 / share, 0)
    offset = torch.where(counts, inverse, 1 / NEGLIGIBLE**2)
    halved = torch.where(counts, share / 2, 0)
    query.mul_(inverse)  # in place: new memory costs more than the arithmetic
    num_queries, hidden = query.shape[1:]
    if rest := hidden % 2:
        query, key = F.pad(query, (0, rest)), F.pad(key, (0, rest))
        offset = F.pad(offset, (0, rest), value=1 / NEGLIGIBLE**2)
        halved = F.pad(halved, (0, rest))
    if rest := -num_queries % SHARED:
        query = F.pad(query, (0, 0, 0, rest))
    (summed,) = fused(
        _paired_sums,
        [query.unflatten(-1, (2, -1)).unflatten(1, (-1, SHARED))],
        [key.unflatten(-1, (2, -1)), offset.unflatten(-1, (2, -1)), halved.view(2, -1).sum(0)],
    )
    # A copy only where there are rows too many: an operator's result has the layout of its shape.
    return summed.flatten(1, 2)[:, :num_queries].mul_(-2 * scale).contiguous()


def _paired_sums(query: Tensor, key: Tensor, offset: Tensor, middle: Tensor) -> tuple[Tensor, ...]:
    """Sum over `2 hidden/2`, for a few queries in one loop, which then loads each key once."""

    def summed(query: Tensor) -> Tensor:
        first, second = (
            offset[half] + query[:, :, None, half] * key[:, None, :, half] for half in (0, 1)
        )
        return ((first + second) / (first * second) - middle).sum(dim=-1)

    return (torch.stack([summed(query[:, :, row]) for row in range(SHARED)], dim=2),)
