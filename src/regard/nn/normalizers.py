"""Normalizers with parameters. Those without are functions, `regard.normalizers`."""

import math

import torch
from torch import Tensor, nn

from regard.functional.normalizers import entmax, gumbel_hardmax, hardmax

__all__ = ["Entmax", "StraightThroughGumbel"]


class Entmax(nn.Module):
    """Weigh by alpha-entmax with a learnt alpha between 1 and 2, one per head or one for all.

    Args:
        num_heads: how many alphas; above 1 the scores must have heads before query and key.
        alpha: where they start, strictly between 1 and 2.

    Source: Correia et al. 2019 (Adaptively Sparse Transformers), section 3; alpha = 1 + sigmoid(a).

    Raises:
        ValueError: `alpha` is not strictly between 1 and 2.
    """

    def __init__(self, num_heads: int = 1, *, alpha: float = 1.5) -> None:
        super().__init__()
        if not 1 < alpha < 2:
            raise ValueError(f"alpha must lie strictly between 1 and 2; got {alpha}")
        start = math.log((alpha - 1) / (2 - alpha))
        self.logit = nn.Parameter(torch.full((num_heads, 1, 1), start))

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        alpha = 1 + self.logit.sigmoid()
        if len(alpha) == 1:
            return entmax(scores, mask, alpha=alpha.view(1))
        if scores.dim() < 3 or scores.shape[-3] != len(alpha):
            raise ValueError(
                f"there is an alpha for each of {len(alpha)} heads, which must stand before query "
                f"and key; got scores of shape {tuple(scores.shape)}"
            )
        return entmax(scores, mask, alpha=alpha)


class StraightThroughGumbel(nn.Module):
    """Put the whole weight on one key: one drawn in training, with a gradient; else the best.

    Args:
        temperature: of the softmax whose gradient stands in for that of the draw.

    Source: Jang et al. 2017, section 2.2; see `regard.normalizers.gumbel_hardmax` and `hardmax`.

    Raises:
        ValueError: `temperature` is not above 0.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0; got {temperature}")
        self.temperature = temperature

    def forward(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.training:
            return gumbel_hardmax(scores, mask, temperature=self.temperature)
        return hardmax(scores, mask)
