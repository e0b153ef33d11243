"""What a table of attention weights says in numbers."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

__all__ = ["coverage", "entropy", "most_attended"]


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
    return functional.pad(weights, (1, 0)).argmax(-1) - 1
