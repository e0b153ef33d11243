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

from regard.functional.entmax import entmax_weights
from regard.functional.masks import check_boolean
from regard.functional.precision import at_least_float32

__all__ = ["entmax", "entmax15", "gumbel_hardmax", "hardmax", "sigmoid", "softmax", "sparsemax"]

Scores = Float[Tensor, "*batch key"]
Mask = Bool[Tensor, "*#batch #key"] | None


def _where_allowed(
    scores: Tensor, mask: Tensor | None, normalize: Callable[[Tensor], Tensor]
) -> Tensor:
    """Normalise what `mask` allows, guarding empty rows before and after.

    An empty row is normalised as a row of zeros and zeroed afterwards, so that neither its weights
    nor its gradient ever are NaN, whatever its scores.
    """
    check_boolean(mask)
    if scores.shape[-1] == 0:
        return scores
    wide = at_least_float32(scores)
    if mask is None:
        return normalize(wide).to(scores.dtype)
    masked = torch.where(mask.any(dim=-1, keepdim=True), -torch.inf, 0.0).to(wide.dtype)
    weights = normalize(torch.where(mask.expand_as(wide), wide, masked))
    return torch.where(mask, weights, 0).to(scores.dtype)


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
    Source: Martins & Astudillo 2016, eq. 1; the threshold as Michelot 1986 finds it.
    Cost: linear in the number of keys, some six times; nothing is sorted.
    Compiled or exported: a first derivative, but no second, which is an error or left out; what
        `torch.func` transforms it in cannot be compiled.

    >>> sparsemax(torch.tensor([-2.0, 0.0, 0.5]))
    tensor([0.0000, 0.2500, 0.7500])
    """
    return _where_allowed(scores, mask, partial(entmax_weights, alpha=2.0))


def entmax15(scores: Scores, mask: Mask = None) -> Scores:
    r"""Weigh by 1.5-entmax, half-way between softmax and sparsemax.

    $$w_j = [s_j / 2 - \tau]_+^2$$

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Peters et al. 2019, section 3; the threshold by Newton's method.
    Cost: linear in the number of keys, some six times; nothing is sorted.
    Compiled or exported: a first derivative, but no second, which is an error or left out; what
        `torch.func` transforms it in cannot be compiled.

    >>> entmax15(torch.tensor([-2.0, 0.0, 0.5]))
    tensor([0.0000, 0.3260, 0.6740])
    """
    return _where_allowed(scores, mask, partial(entmax_weights, alpha=1.5))


def entmax(
    scores: Scores, mask: Mask = None, *, alpha: float | Float[Tensor, "..."] = 1.5
) -> Scores:
    r"""Weigh by alpha-entmax: softmax as alpha goes to 1, sparsemax at 2, sparser beyond.

    $$w_j = [(\alpha - 1) s_j - \tau]_+^{1 / (\alpha - 1)}$$

    Args:
        alpha: above 1; a tensor, broadcastable to one number for each row of the scores (one per
            head, say), may be learnt, and is not checked to be above 1.

    Sums to one: yes. Sparse: yes. Monotone: yes. A constant added to the scores: changes nothing.
    Source: Peters et al. 2019, eq. 4; learnt alpha: Correia et al. 2019, section 3.
    Cost: linear in the number of keys, some six powers of each; beyond alpha = 2, where the
        threshold is bisected, some thirty.
    Compiled or exported: a first derivative, but no second, which is an error or left out; what
        `torch.func` transforms it in cannot be compiled.

    Raises:
        ValueError: alpha is a number and not above 1, or a tensor without one number for each row.

    >>> entmax(torch.tensor([-2.0, 0.0, 0.5]), alpha=2.0)
    tensor([0.0000, 0.2500, 0.7500])
    """
    if not isinstance(alpha, Tensor) and alpha <= 1:
        raise ValueError(f"alpha must be above 1 (softmax is the limit at 1); got {alpha}")
    return _where_allowed(scores, mask, partial(entmax_weights, alpha=alpha))


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


def gumbel_hardmax(
    scores: Scores,
    mask: Mask = None,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Scores:
    r"""Put the whole weight on one key, drawn with the probabilities of softmax.

    $$w_j = [j = \operatorname{argmax}_i (s_i + g_i)], \quad
    \frac{\partial w}{\partial s} := \frac{\partial}{\partial s}
    \operatorname{softmax}\Big(\frac{s + g}{\tau}\Big), \quad g_i \sim \operatorname{Gumbel}$$

    Args:
        temperature: of the softmax whose gradient stands in; the draw does not depend on it.
        generator: what is drawn from; PyTorch's own if not given.

    Sums to one: yes. Sparse: yes. Monotone: in probability. A constant added to the scores: changes
    nothing.
    Source: Jang et al. 2017, section 2.2 (straight-through Gumbel-softmax).
    Cost: linear in the number of keys.

    >>> gumbel_hardmax(torch.tensor([0.0, 9.0, 99.0]), torch.tensor([True, False, False]))
    tensor([1., 0., 0.])
    """
    wide = at_least_float32(scores)
    noise = -torch.empty_like(wide).exponential_(generator=generator).log()
    noisy = (wide + noise) / temperature
    soft = softmax(noisy, mask)
    # Added first to what it cancels, so that the weights are 0 and 1 to the last bit.
    return ((soft - soft.detach()) + hardmax(noisy, mask)).to(scores.dtype)
