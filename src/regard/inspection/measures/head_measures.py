"""What the weights of every head of every layer say in numbers."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from regard.inspection.head_weights import HeadWeights
from regard.inspection.measures.agreement import agreement
from regard.inspection.measures.statistics import (
    entropy,
    gini,
    mean_distance,
    normalised_entropy,
    sparsity,
    weight_on_masked,
)

__all__ = ["HeadMeasures", "measure_heads"]


class HeadMeasures(NamedTuple):
    """What the weights of one head say in numbers; each the mean over the queries.

    Args:
        entropy: how widely it looks, in nats.
        normalised_entropy: the same as a share of how widely it could.
        gini: how unevenly it looks, 0 evenly.
        sparsity: which share of the weights that might be above 0 is exactly 0.
        distance: how far from itself it looks, in positions; None where a text is not its own.
        agreement: how far it looks where the others of its layer do: 1 at the same places.
        on_masked: the largest weight that a query has for what it may not attend: 0, or something
            is wrong.
    """

    layer: int
    head: int
    entropy: float
    normalised_entropy: float
    gini: float
    sparsity: float
    distance: float | None
    agreement: float
    on_masked: float


def measure_heads(attention: HeadWeights) -> list[HeadMeasures]:
    """Return what every head of every layer does, one after another.

    Weights are taken as shares of what those of a query are in all, which need not be 1. Whether a
    text attends to itself is seen by its tokens.

    >>> weights = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
    >>> [one, other] = measure_heads(HeadWeights("example", [weights], ["a", "b"], ["a", "b"]))
    >>> one.distance, other.distance, one.agreement, one.sparsity
    (0.0, 0.5, 0.5, 0.5)
    """
    mask = attention.mask
    is_own = list(attention.query) == list(attention.key)
    return [
        HeadMeasures(layer, head, *figures)
        for layer, weights in enumerate(attention.layers)
        for head, figures in enumerate(_of_layer(weights.detach().float(), mask, is_own=is_own))
    ]


def _of_layer(
    weights: Float[Tensor, "heads query key"],
    mask: Bool[Tensor, "query key"] | None,
    *,
    is_own: bool,
) -> list[tuple[float, float, float, float, float | None, float, float]]:
    """Return the figures of each head, in their order."""
    shares = torch.nn.functional.normalize(weights, p=1, dim=-1)
    everything = torch.ones(weights.shape[1:], dtype=torch.bool, device=weights.device)
    allowed = everything if mask is None else mask.to(weights.device)
    distance: list[float] | list[None] = [None] * len(weights)
    if is_own:
        distance = mean_distance(shares).tolist()
    columns = (
        entropy(shares).mean(-1).tolist(),
        normalised_entropy(shares, allowed).mean(-1).tolist(),
        gini(shares, allowed).mean(-1).tolist(),
        sparsity(weights, allowed).mean(-1).tolist(),
        distance,
        agreement(shares).tolist(),
        weight_on_masked(weights, allowed).amax(-1).tolist(),
    )
    return list(zip(*columns, strict=True))
