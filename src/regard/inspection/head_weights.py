"""The drawing model of heads: what a picture of all heads of an attention is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.inspection.checks import check_floating_point, check_range
from regard.inspection.measures.statistics import entropy

__all__ = ["HeadWeights"]


@dataclass(frozen=True, eq=False)
class HeadWeights:
    """Where all heads of all layers of one attention looked, in one text.

    Args:
        name: of the attention, such as "encoder self-attention".
        layers: the weights of each layer, `heads query key`.
        query, key: the texts of the tokens; they may come from anywhere.
        mask: boolean `query key`, True = may attend; what none may stays blank. None = everything.

    Raises:
        TypeError: weights are no floating-point tensor, or the mask is not boolean.
        ValueError: there is nothing to draw, what is given does not fit together, or weights do
            not lie in 0…1.
    """

    name: str
    layers: Sequence[Tensor]
    query: Sequence[str]
    key: Sequence[str]
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        size = (len(self.query), len(self.key))
        if not self.layers or not all(size):
            raise ValueError(
                f"{self.name} has nothing to draw: {len(self.layers)} layers, "
                f"{size[0]} query × {size[1]} key tokens"
            )
        if self.mask is not None:
            _check_mask(self.mask, size)
        for number, weights in enumerate(self.layers):
            check_floating_point(weights)
            if weights.dim() != 3 or not len(weights) or weights.shape[1:] != size:
                raise ValueError(
                    f"weights of layer {number} of {self.name} must have shape (heads, "
                    f"query={size[0]}, key={size[1]}); got {tuple(weights.shape)}"
                )
            check_range(weights.detach())

    def entropies(self) -> list[list[float]]:
        """Return how widely each head of each layer looks, in nats, the mean over the queries.

        Weights are taken as shares of what those of a query are in all, which need not be 1.
        """
        return [_mean_entropy(weights.detach()) for weights in self.layers]


def _mean_entropy(weights: Tensor) -> list[float]:
    shares = F.normalize(weights.float(), p=1, dim=-1)
    nats: list[float] = entropy(shares).mean(dim=-1).tolist()
    return nats


def _check_mask(mask: Tensor, size: tuple[int, int]) -> None:
    if mask.dtype != torch.bool:
        raise TypeError(f"the mask must be boolean, True = may attend; got {mask.dtype}")
    if mask.shape != size:
        raise ValueError(
            f"the mask must have shape (query={size[0]}, key={size[1]}); got {tuple(mask.shape)}"
        )
