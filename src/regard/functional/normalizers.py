"""Who is attended, and how much: from scores to weights over the last axis.

Every normalizer takes `(scores, mask)`, computes in at least float32, returns the dtype of the
scores, gives exactly 0 where `mask` is False, and gives a row of zeros (with gradient 0) to a
query that may attend nothing.
"""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.functional.masks import check_boolean
from regard.functional.precision import at_least_float32

__all__ = ["entmax", "entmax15", "hardmax", "sigmoid", "softmax", "sparsemax"]

Scores = Float[Tensor, "*batch key"]
Mask = Bool[Tensor, "*#batch #key"] | None


def _where_allowed(
    scores: Tensor, mask: Tensor | None, normalize: Callable[[Tensor], Tensor]
) -> Tensor:
    """Normalise what `mask` allows, guarding empty rows before and after.

    An empty row is normalised as if nothing were masked and zeroed afterwards, so that neither its
    weights nor its gradient ever are NaN.
    """
    check_boolean(mask)
    if scores.shape[-1] == 0:
        return scores
    wide = at_least_float32(scores)
    if mask is None:
        return normalize(wide).to(scores.dtype)
    empty = ~mask.any(dim=-1, keepdim=True)
    weights = normalize(wide.masked_fill(~(mask | empty), -torch.inf))
    return weights.masked_fill(~mask, 0).to(scores.dtype)


def softmax(scores: Scores, mask: Mask = None) -> Scores:
    r"""Weigh by exponentials.

    $$w_j = \frac{e^{s_j}}{\sum_i e^{s_i}}$$

    Sums to one: yes. Sparse: no. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Bahdanau et al. 2015, section 3.1.
    Cost: linear in the number of keys.

    >>> softmax(torch.tensor([0.0, 0.0, 5.0]), torch.tensor([True, True, False]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    return _where_allowed(scores, mask, lambda allowed: allowed.softmax(dim=-1))


def sparsemax(scores: Scores, mask: Mask = None) -> Scores:
    r"""Weigh by the Euclidean projection of the scores onto the simplex.

    $$w = \operatorname{argmin}_{p \in \Delta} \lVert p - s \rVert^2 = [s - \tau]_+$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Martins & Astudillo 2016, algorithm 1.
    Cost: a sort of the keys.

    >>> sparsemax(torch.tensor([-2.0, 0.0, 0.5]))
    tensor([0.0000, 0.2500, 0.7500])
    """
    return _where_allowed(scores, mask, lambda allowed: _entmax(allowed, 2.0, _sparsemax_threshold))


def entmax15(scores: Scores, mask: Mask = None) -> Scores:
    r"""Weigh by 1.5-entmax, half-way between softmax and sparsemax.

    $$w_j = [s_j / 2 - \tau]_+^2$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Peters et al. 2019, algorithm 2.
    Cost: a sort of the keys.

    >>> entmax15(torch.tensor([-2.0, 0.0, 0.5]))
    tensor([0.0000, 0.3260, 0.6740])
    """
    return _where_allowed(scores, mask, lambda allowed: _entmax(allowed, 1.5, _entmax15_threshold))


def entmax(
    scores: Scores, mask: Mask = None, *, alpha: float | Float[Tensor, "..."] = 1.5
) -> Scores:
    r"""Weigh by alpha-entmax: softmax as alpha goes to 1, sparsemax at 2, sparser beyond.

    $$w_j = [(\alpha - 1) s_j - \tau]_+^{1 / (\alpha - 1)}$$

    Args:
        alpha: above 1; a tensor broadcastable to the scores (one per head, say) may be learnt, and
            is not checked.

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Peters et al. 2019, eq. 4; learnt alpha: Correia et al. 2019, section 3.
    Cost: some thirty passes over the keys (bisection).

    Raises:
        ValueError: alpha is a number and not above 1.

    >>> entmax(torch.tensor([-2.0, 0.0, 0.5]), alpha=2.0)
    tensor([0.0000, 0.2500, 0.7500])
    """
    if not isinstance(alpha, Tensor) and alpha <= 1:
        raise ValueError(f"alpha must be above 1 (softmax is the limit at 1); got {alpha}")
    threshold = partial(_bisect_threshold, alpha=alpha)
    return _where_allowed(scores, mask, lambda allowed: _entmax(allowed, alpha, threshold))


def sigmoid(scores: Scores, mask: Mask = None) -> Scores:
    r"""Weigh each key on its own, without competition.

    $$w_j = \frac{1}{1 + e^{-s_j}}$$

    Sums to one: no. Sparse: no. Monotone: yes. A constant added to the scores: changes the weights.
    Source: Ramapuram et al. 2025 (Theory, Analysis, and Best Practices for Sigmoid Self-Attention).
    Cost: linear in the number of keys.

    >>> sigmoid(torch.zeros(2))
    tensor([0.5000, 0.5000])
    """
    return _where_allowed(scores, mask, torch.sigmoid)


def hardmax(scores: Scores, mask: Mask = None) -> Scores:
    r"""Put the whole weight on the best key, the first of equals; no gradient reaches the scores.

    $$w_j = [j = \operatorname{argmax}_i s_i]$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Xu et al. 2015, section 4.1, at test time.
    Cost: linear in the number of keys.

    >>> hardmax(torch.tensor([1.0, 3.0, 3.0]))
    tensor([0., 1., 0.])
    """

    def one_hot(allowed: Tensor) -> Tensor:
        best = allowed.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(allowed).scatter(-1, best, 1.0)

    return _where_allowed(scores.detach(), mask, one_hot)


def _entmax(scores: Tensor, alpha: Tensor | float, threshold: Callable[[Tensor], Tensor]) -> Tensor:
    """Weigh by the powers of what stands above a threshold tau, given a way to find tau.

    tau solves sum(w(tau)) = 1. It is found without gradient; a Newton step of length 0 from there
    gives it the exact gradient of the implicit function, for scores and alpha.
    """
    finite = scores > -torch.inf
    # Relative to the maximum, which changes nothing but keeps large scores exact.
    shifted = scores - scores.detach().amax(dim=-1, keepdim=True)
    scaled = (alpha - 1) * shifted.masked_fill(~finite, 0)
    exponent = 1 / (alpha - 1)

    with torch.no_grad():
        tau = threshold(scaled.masked_fill(~finite, -torch.inf))
        above = finite & (scaled > tau)

    def power(tau: Tensor, exponent: Tensor | float) -> Tensor:
        # 1 stands in below the threshold: a power of 0 has no finite gradient.
        return torch.where(above, torch.where(above, scaled - tau, 1.0) ** exponent, 0.0)

    with torch.no_grad():
        slope = exponent * power(tau, exponent - 1).sum(dim=-1, keepdim=True)
    total = power(tau, exponent).sum(dim=-1, keepdim=True)
    weights = power(tau + (total - total.detach()) / slope, exponent)
    return weights / total.detach()  # 1 up to rounding


def _sparsemax_threshold(scaled: Tensor) -> Tensor:
    descending = scaled.sort(dim=-1, descending=True).values
    rank = torch.arange(1, scaled.shape[-1] + 1, dtype=scaled.dtype, device=scaled.device)
    candidates = (descending.cumsum(dim=-1) - 1) / rank
    return _last_candidate(candidates, descending)


def _entmax15_threshold(scaled: Tensor) -> Tensor:
    descending = scaled.sort(dim=-1, descending=True).values
    rank = torch.arange(1, scaled.shape[-1] + 1, dtype=scaled.dtype, device=scaled.device)
    mean = descending.cumsum(dim=-1) / rank
    mean_square = descending.square().cumsum(dim=-1) / rank
    spread = rank * (mean_square - mean.square())
    candidates = mean - ((1 - spread) / rank).clamp(min=0).sqrt()
    return _last_candidate(candidates, descending)


def _last_candidate(candidates: Tensor, descending: Tensor) -> Tensor:
    """Take the candidate threshold of the longest prefix whose members all stand above it."""
    support_size = (candidates < descending).sum(dim=-1, keepdim=True)
    return candidates.gather(-1, (support_size - 1).clamp(min=0))


def _bisect_threshold(scaled: Tensor, alpha: Tensor | float) -> Tensor:
    """Halve the interval that holds the threshold until it is as narrow as the dtype allows."""
    high = scaled.amax(dim=-1, keepdim=True)
    low = high - 1
    for _ in range(26 if scaled.dtype == torch.float32 else 55):
        middle = (low + high) / 2
        total = ((scaled - middle).clamp(min=0) ** (1 / (alpha - 1))).sum(dim=-1, keepdim=True)
        low, high = torch.where(total >= 1, middle, low), torch.where(total >= 1, high, middle)
    return low
