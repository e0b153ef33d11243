r"""The weights of alpha-entmax, for every alpha above 1: sparsemax at 2, softmax in the limit at 1.

With $z = (\alpha - 1)(s - \max s)$ and $p = 1 / (\alpha - 1)$ the weights are $[z - \tau]_+^p$; the
threshold $\tau$, between -1 and 0, is where they sum to one, that is, where

$$\lVert [z - \tau]_+ \rVert_p = 1$$

Up to alpha = 2 this norm is convex and falls as tau rises. So Newton's method, begun at -1, climbs
to the root and never passes it: no key is sorted and no interval halved.
"""

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

__all__ = ["entmax_weights"]

Alpha = float | Tensor
Tensors = tuple[Tensor, ...]

PIECE = 2**20
"""How many numbers a CPU works on at a time: what is in between then stays in its cache."""


def entmax_weights(
    scores: Float[Tensor, "*batch key"], alpha: float | Float[Tensor, "..."]
) -> Float[Tensor, "*batch key"]:
    """Weigh one key or more; a score may be minus infinity, but not every score of a row.

    Args:
        alpha: above 1, for all rows or, broadcastable, for each.

    Raises:
        ValueError: there is not one alpha for each row.
    """
    if isinstance(alpha, Tensor):
        alpha = _of_each_row(alpha, scores)
    if torch.compiler.is_compiling():
        return _linearized(scores, alpha)
    weights: Tensor = _Entmax.apply(scores, alpha)  # type: ignore[no-untyped-call]
    return weights


def _of_each_row(alpha: Tensor, scores: Tensor) -> Tensor:
    rows = (*scores.shape[:-1], 1)
    try:
        return alpha.to(scores.dtype).expand(rows)
    except RuntimeError:
        raise ValueError(
            f"alpha must be one number, or broadcast to one for each row of the scores, {rows}; "
            f"got {tuple(alpha.shape)}"
        ) from None


def _weights(scores: Tensor, alpha: Alpha) -> tuple[Tensor]:
    # Relative to the maximum, which changes nothing but keeps large scores exact.
    scaled = (scores - scores.amax(dim=-1, keepdim=True)).mul_(alpha - 1)
    weights = scaled.sub_(_threshold(scaled, alpha)).clamp_(min=0).pow_(1 / (alpha - 1))
    return (weights.div_(weights.sum(dim=-1, keepdim=True)),)  # 1 up to rounding


def _threshold(scaled: Tensor, alpha: Alpha) -> Tensor:
    """Find tau for every row: by Newton's method where the norm is convex, else by bisection."""
    tau = torch.full_like(scaled[..., :1], -1)
    convex = torch.ones_like(tau, dtype=torch.bool) & (alpha <= 2)
    tau, _ = _until_still(_newton(scaled, alpha), tau, convex)
    if isinstance(alpha, Tensor) or alpha > 2:
        tau, *_ = _until_still(_bisection(scaled, alpha), tau, torch.zeros_like(tau), ~convex)
    return tau


def _newton(scaled: Tensor, alpha: Alpha) -> Callable[..., Tensors]:
    r"""Return the step from a threshold to the next, for the rows that are moving yet.

    $$\tau + \frac{S - S^{1 - 1/p}}{\sum [z - \tau]_+^{p - 1}}, \quad S = \sum [z - \tau]_+^p$$
    """
    noise = 4 * torch.finfo(scaled.dtype).eps  # of a sum that is 1
    derive = _derivative(alpha)
    # Every step writes to the same memory: new memory costs more than the arithmetic.
    above_tau, derived = (
        None if torch.compiler.is_compiling() else torch.empty_like(scaled) for _ in range(2)
    )

    def step(tau: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
        above = torch.sub(scaled, tau, out=above_tau).clamp_(min=0)
        slopes = derive(above, out=derived)
        slope = slopes.sum(dim=-1, keepdim=True)
        total = above.mul_(slopes).sum(dim=-1, keepdim=True)
        higher = tau + (total - total ** (2 - alpha)) / slope
        moving = moving & (total > 1 + noise) & (higher > tau)
        return torch.where(moving, higher, tau), moving

    return step


def _derivative(alpha: Alpha) -> Callable[..., Tensor]:
    """Return the power p - 1, which is 0 at 0 for every p."""
    if not isinstance(alpha, Tensor):
        return torch.sign if alpha == 2 else partial(torch.pow, exponent=1 / (alpha - 1) - 1)
    least = torch.finfo(alpha.dtype).tiny  # as good as 0, but 0 to this power is 0
    return partial(torch.pow, exponent=(1 / (alpha - 1) - 1).clamp(min=least))


def _bisection(scaled: Tensor, alpha: Alpha) -> Callable[..., Tensors]:
    """Return the step that halves the intervals the thresholds are in, for as long as it can."""

    def step(low: Tensor, high: Tensor, moving: Tensor) -> Tensors:
        middle = (low + high) / 2
        total = (scaled - middle).clamp_(min=0).pow_(1 / (alpha - 1)).sum(dim=-1, keepdim=True)
        moving = moving & (low < middle) & (middle < high)
        enough = total >= 1
        low = torch.where(moving & enough, middle, low)
        return low, torch.where(moving & ~enough, middle, high), moving

    return step


def _until_still(step: Callable[..., Tensors], *state: Tensor) -> Tensors:
    """Repeat a step until no row is moving, which is the last thing that a step returns.

    A step of Newton's method quarters what the norm is above 1, times its slope; so log2(keys) / p
    steps and one for two bits of a number are enough. Mostly it takes six.
    """
    if torch.compiler.is_compiling():
        repeated: Tensors = torch.while_loop(
            lambda *now: now[-1].any(), lambda *now: _laid_out(step(*now)), _laid_out(state)
        )
        return repeated
    while state[-1].any():
        state = step(*state)
    return state


def _laid_out(state: Tensors) -> Tensors:
    """Return the state with the strides that its shape suggests: a compiled loop must keep them."""
    return tuple(part.clone(memory_format=torch.contiguous_format) for part in state)


class _Entmax(torch.autograd.Function):
    """The weights, with the gradient that their sum implies for the threshold."""

    @staticmethod
    def forward(scores: Tensor, alpha: Alpha) -> Tensor:
        return _in_pieces(_weights, scores, alpha)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Alpha], output: Tensor) -> None:
        _, alpha = inputs
        ctx.number, learnt = (None, alpha) if isinstance(alpha, Tensor) else (alpha, None)
        ctx.save_for_backward(output, learnt)
        ctx.save_for_forward(output, learnt)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        weights, learnt = ctx.saved_tensors
        if ctx.needs_input_grad[1]:
            by_scores, by_alpha = _in_pieces(_both_gradients, weights, grad, learnt)
            return by_scores, by_alpha
        alpha = ctx.number if learnt is None else learnt
        return _in_pieces(_gradient, weights, grad, alpha)[0], None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, alpha_tangent: Any) -> Tensor:
        # Without its tangents an outer derivative, also forward, would be wrong, and silently so.
        with forward_ad._set_fwd_grad_enabled(True):  # noqa: SLF001
            weights, learnt = ctx.saved_tensors
            if learnt is None:
                return _by_scores(_slopes(weights, ctx.number), tangent)
            alpha = forward_ad.unpack_dual(learnt).primal  # this derivative's own tangent is given
            slopes = _slopes(weights, alpha)
            change = _by_scores(slopes, tangent)
            return torch.addcmul(change, _by_alpha(weights, slopes, alpha), alpha_tangent)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], scores: Tensor, alpha: Alpha
    ) -> tuple[Tensor, int]:
        # Rows know nothing of each other, so that another axis is just more rows.
        def in_front(given: Any, axis: int | None) -> Any:
            if not isinstance(given, Tensor):
                return given
            if axis is None:
                return given.expand(info.batch_size, *given.shape)
            return given.movedim(axis, 0)

        return entmax_weights(*map(in_front, (scores, alpha), in_dims)), 0


def _in_pieces(function: Callable[..., Tensors], scores: Tensor, *others: Alpha) -> Tensors:
    """Call a function of rows, on a CPU for some rows at a time.

    Not so where its own derivatives may be asked for: those of many pieces are slow.
    """
    if torch.is_grad_enabled() or scores.device.type != "cpu" or scores.numel() <= PIECE:
        return function(scores, *others)
    num_rows, num_keys = scores.shape[:-1].numel(), scores.shape[-1]
    size = max(1, PIECE // num_keys)
    wholes: Tensors = ()
    pieces = (
        given.reshape(num_rows, -1).split(size) if isinstance(given, Tensor) else repeat(given)
        for given in (scores, *others)
    )
    for number, piece in enumerate(zip(*pieces, strict=False)):
        parts = function(*piece)
        wholes = wholes or tuple(part.new_empty(num_rows, part.shape[-1]) for part in parts)
        for whole, part in zip(wholes, parts, strict=True):
            whole.narrow(0, number * size, len(part)).copy_(part)
    return tuple(whole.view(*scores.shape[:-1], -1) for whole in wholes)


def _gradient(weights: Tensor, grad: Tensor, alpha: Alpha) -> tuple[Tensor]:
    return (_by_scores(_slopes(weights, alpha), grad),)


def _both_gradients(weights: Tensor, grad: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    slopes = _slopes(weights, alpha)
    by_alpha = (grad * _by_alpha(weights, slopes, alpha)).sum(dim=-1, keepdim=True)
    return _by_scores(slopes, grad), by_alpha


def _slopes(weights: Tensor, alpha: Alpha) -> Tensor:
    """Return the power p - 1 of what is above the threshold, from the weights: w^(2 - alpha)."""
    if not isinstance(alpha, Tensor) and alpha == 2:
        return weights.sign()
    off = weights.sign().sub_(1)  # 0 on the support, -1 off it, where 1 stands in for the weight 0:
    return (weights - off) ** (2 - alpha) + off  # a power of 0 has no finite gradient


def _by_scores(slopes: Tensor, vector: Tensor) -> Tensor:
    """Multiply by the derivative of the weights by the scores, a symmetric matrix.

    Source: Peters et al. 2019, the gradient of alpha-entmax.
    """
    product = slopes * vector
    mean = product.sum(dim=-1, keepdim=True) / slopes.sum(dim=-1, keepdim=True)
    return torch.addcmul(product, slopes, mean, value=-1)


def _by_alpha(weights: Tensor, slopes: Tensor, alpha: Tensor) -> Tensor:
    """Return the derivative of the weights by alpha.

    Source: Correia et al. 2019, proposition 1; weights and slopes, which are alike where alpha is
    near 1, are not subtracted.
    """
    logs = (weights + (1 - weights.sign())).log()
    entropies = weights * logs
    excess = weights * torch.expm1((1 - alpha) * logs)  # slopes - weights
    total = slopes.sum(dim=-1, keepdim=True)
    spread = weights * excess.sum(dim=-1, keepdim=True) - excess
    tilt = slopes * entropies.sum(dim=-1, keepdim=True) - entropies * total
    return (spread / (alpha - 1) + tilt) / ((alpha - 1) * total)


def _linearized(scores: Tensor, alpha: Alpha) -> Tensor:
    """Return the weights and what gives them their first derivative, but no second.

    It is all that a compiled program can have, and made of operators that an exported one keeps:
    of `_Entmax` it would keep the search for tau, and differentiate through that.
    """
    fixed = alpha.detach() if isinstance(alpha, Tensor) else alpha
    (weights,) = _weights(scores.detach(), fixed)
    slopes = _slopes(weights, fixed)
    supported = torch.where(weights > 0, scores, 0)  # the others may be infinite
    linear = weights + _by_scores(slopes, supported - supported.detach())
    if isinstance(fixed, Tensor):
        linear = linear + _by_alpha(weights, slopes, fixed) * (alpha - fixed)
    return linear
