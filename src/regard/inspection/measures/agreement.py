"""How much the heads of a layer look at the same places."""

import math
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from regard.inspection.measures.statistics import entropy

__all__ = ["agreement", "divergence"]


def divergence(
    weights: Float[Tensor, "*batch heads query key"],
) -> Float[Tensor, "*batch heads heads"]:
    r"""Return how differently each two heads look: 0 at the same places, 1 at none in common.

    $$\mathrm{JS}(p, q) = H\left(\frac{p + q}{2}\right) - \frac{H(p) + H(q)}{2}$$

    in bits: the Jensen-Shannon divergence of a query's weights, the mean over the queries by which
    both heads look somewhere; 0 if there are none.

    Source: Lin 1991, "Divergence measures based on the Shannon entropy"; of heads, Clark et al.
    2019, "What Does BERT Look At?", arXiv:1906.04341, section 6.

    Differs: they add up over the queries, in nats.

    Cost: time heads² x query x key, memory query x key.

    >>> divergence(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]]))
    tensor([[0., 1., 0.],
            [1., 0., 1.],
            [0., 1., 0.]])
    """
    num_heads = weights.shape[-3]
    wide = weights.to(torch.promote_types(weights.dtype, torch.float32))
    shares = F.normalize(wide, p=1, dim=-1)
    spread, looks = entropy(shares), (shares > 0).any(dim=-1)
    found = wide.new_zeros(*weights.shape[:-3], num_heads, num_heads)
    for left, right in combinations(range(num_heads), 2):
        mixture = (shares[..., left, :, :] + shares[..., right, :, :]) / 2
        nats = entropy(mixture) - (spread[..., left, :] + spread[..., right, :]) / 2
        both = looks[..., left, :] & looks[..., right, :]
        mean = (nats * both).sum(-1) / both.sum(-1).clamp(min=1) / math.log(2)
        # Differences of entropies can end a rounding error beyond the bounds.
        found[..., left, right] = found[..., right, left] = mean.clamp(0, 1)
    return found.to(weights.dtype)


def agreement(
    weights: Float[Tensor, "*batch heads query key"],
) -> Float[Tensor, "*batch heads"]:
    r"""Return how far each head looks where the others do: 1 at the same places, 0 nowhere.

    $$a_h = 1 - \frac{1}{n - 1} \sum_{g \ne h} \mathrm{JS}(w_h, w_g)$$

    over the n heads; 1 for one that is alone. See `divergence`.

    >>> agreement(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    num_others = max(1, weights.shape[-3] - 1)
    return 1 - divergence(weights).sum(-1) / num_others
