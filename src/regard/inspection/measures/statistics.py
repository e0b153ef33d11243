"""What a table of attention weights says in numbers."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from regard.functional import masks

__all__ = [
    "coverage",
    "entropy",
    "gini",
    "mean_distance",
    "most_attended",
    "normalised_entropy",
    "sparsity",
    "weight_on_masked",
]


def entropy(weights: Float[Tensor, "*batch source"]) -> Float[Tensor, "*batch"]:
    r"""Return how widely each row looks, in nats.

    $$H(w) = -\sum_j w_j \log w_j, \quad 0 \log 0 = 0$$

    0 for a row that looks at one place or at none, $\log n$ for one that looks at n places evenly.

    >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.0000, 0.6931])
    """
    wide = weights.to(torch.promote_types(weights.dtype, torch.float32))
    terms: Tensor = torch.special.entr(wide)
    return terms.sum(-1).to(weights.dtype)


def normalised_entropy(
    weights: Float[Tensor, "*batch source"], mask: Bool[Tensor, "..."] | None = None
) -> Float[Tensor, "*batch"]:
    r"""Return how widely each row looks, as a share of how widely it could.

    $$\frac{H(w / \lVert w \rVert_1)}{\log n}$$

    where n counts what may be attended: 1 for a row that looks at all of it evenly, 0 for one that
    looks at one place, or may look at no more. So rows of texts of different lengths compare.

    Args:
        mask: True = may be attended; None = everything.

    Source: Pielou 1966, "The measurement of diversity in different types of biological
    collections" (evenness).

    >>> normalised_entropy(torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]))
    tensor([0.5000, 1.0000])
    """
    widest = _num_allowed(weights, mask).clamp(min=1).log()
    spread = entropy(_shares(weights))
    return torch.where(widest > 0, spread / widest.clamp(min=1e-9), 0).to(weights.dtype)


def coverage(weights: Float[Tensor, "*batch target source"]) -> Float[Tensor, "*batch source"]:
    r"""Return how much attention each source position gets from all target positions together.

    $$c_j = \sum_i w_{ij}$$

    Near 0: passed over. Well above 1: read again and again.

    Source: Tu et al. 2016, "Modeling Coverage for Neural Machine Translation", arXiv:1601.04811.

    Differs: the paper's linguistic coverage divides by the fertility predicted for each position.

    >>> coverage(torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]))
    tensor([1.5000, 0.5000, 0.0000])
    """
    return weights.sum(-2)


def most_attended(weights: Float[Tensor, "*batch source"]) -> Int[Tensor, "*batch"]:
    """Return the source position with the largest weight of each row; the first among equals.

    -1 for a row that looks nowhere.

    >>> most_attended(torch.tensor([[0.2, 0.8], [0.0, 0.0]]))
    tensor([ 1, -1])
    """
    # A leading column of zeros wins the tie of a row without weights, and shifts positions by one.
    return F.pad(weights, (1, 0)).argmax(-1) - 1


def mean_distance(weights: Float[Tensor, "*batch query key"]) -> Float[Tensor, "*batch"]:
    r"""Return how far from itself a query looks on average, in positions, to either side.

    $$D(w) = \frac{\sum_{ij} w_{ij} \lvert i - j \rvert}{\sum_{ij} w_{ij}}$$

    The last query stands at the last key. 0 where nobody looks anywhere.

    Source: Vig & Belinkov 2019, "Analyzing the Structure of Attention in a Transformer Language
    Model", arXiv:1906.04284, section on attention distance.

    Differs: theirs is of a causal model, where no key stands ahead.

    >>> mean_distance(torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]))
    tensor(0.5000)
    """
    wide = weights.to(torch.promote_types(weights.dtype, torch.float32))
    query_len, key_len = weights.shape[-2:]
    apart = masks.offsets(query_len, key_len, weights.device).abs().to(wide.dtype)
    total = wide.sum((-2, -1))
    return ((wide * apart).sum((-2, -1)) / total.masked_fill(total == 0, 1)).to(weights.dtype)


def sparsity(
    weights: Float[Tensor, "*batch source"], mask: Bool[Tensor, "..."] | None = None
) -> Float[Tensor, "*batch"]:
    r"""Return which share of what each row may attend has a weight of exactly 0.

    $$\frac{\lvert \{ j : m_j, w_j = 0 \} \rvert}{\lvert \{ j : m_j \} \rvert}$$

    Softmax leaves none, but for what it rounds to 0; sparsemax and entmax leave most. 0 for a row
    that may attend nothing.

    Args:
        mask: m, True = may be attended; None = everything.

    >>> sparsity(torch.tensor([0.5, 0.5, 0.0, 0.0]), torch.tensor([True, True, True, False]))
    tensor(0.3333)
    """
    zeros = weights == 0
    allowed = zeros if mask is None else zeros & mask
    return (allowed.sum(-1) / _num_allowed(weights, mask).clamp(min=1)).to(weights.dtype)


def gini(
    weights: Float[Tensor, "*batch source"], mask: Bool[Tensor, "..."] | None = None
) -> Float[Tensor, "*batch"]:
    r"""Return how unevenly each row shares its attention, without a threshold for what is little.

    $$G(w) = 1 - 2 \sum_{k=1}^{n} \frac{w_{(k)}}{\lVert w \rVert_1} \cdot
    \frac{n - k + 1/2}{n}$$

    where $w_{(1)} \le \dots \le w_{(n)}$ are the weights of the n places that may be attended. 0
    for a row that looks at all of them evenly or at none, $1 - 1/n$ for one that looks at one.

    Args:
        mask: True = may be attended; None = everything.

    Source: Hurley & Rickard 2009, "Comparing Measures of Sparsity", arXiv:0811.4706: the Gini index
    is the one of the usual measures that behaves as a measure of sparsity should in every way.

    >>> gini(torch.tensor([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]]))
    tensor([0.0000, 0.7500])
    """
    shares = _shares(weights if mask is None else weights.masked_fill(~mask, 0))
    falling = shares.sort(dim=-1, descending=True).values
    behind = torch.arange(shares.shape[-1], device=weights.device) + 0.5
    num_allowed = _num_allowed(weights, mask)
    poor = 2 * (falling * behind).sum(-1) / num_allowed.clamp(min=1)
    looks = (shares.sum(-1) > 0) & (num_allowed > 0)
    return torch.where(looks, 1 - poor, 0).to(weights.dtype)


def weight_on_masked(
    weights: Float[Tensor, "*batch query key"], mask: Bool[Tensor, "..."]
) -> Float[Tensor, "*batch query"]:
    r"""Return how much each query looks at what it may not attend: 0, or something is wrong.

    $$\sum_{j : \neg m_j} \lvert w_{ij} \rvert$$

    Args:
        mask: m, True = may be attended; padding is False.

    >>> weight_on_masked(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([[True, True, False]]))
    tensor([0.2500])
    """
    return weights.abs().masked_fill(mask, 0).sum(-1)


def _shares(weights: Tensor) -> Tensor:
    """Return the weights as shares of what those of their row are in all."""
    wide = weights.to(torch.promote_types(weights.dtype, torch.float32))
    return F.normalize(wide, p=1, dim=-1)


def _num_allowed(weights: Tensor, mask: Tensor | None) -> Tensor:
    """Return of how many places each row may attend."""
    length = weights.shape[-1]
    if mask is None:
        return weights.new_full(weights.shape[:-1], length, dtype=torch.float32)
    return mask.expand(weights.shape).sum(-1).float()
