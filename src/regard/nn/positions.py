"""Where a token stands, as a vector that is added to its embedding."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LearnedPositions", "SinusoidPositions"]


class SinusoidPositions(nn.Module):
    r"""Add sines and cosines of the position, at falling frequencies.

    $$P_{p, i} = \sin(p / 10000^{i/h}), \quad P_{p, h + i} = \cos(p / 10000^{i/h})$$

    with $h$ for half of the width. They have no end.

    Source: Vaswani et al. 2017, section 3.5.
    Differs: sines stand before cosines, not between them, as in Tensor2Tensor.

    >>> SinusoidPositions()(torch.zeros(1, 2))
    tensor([[0., 1.]])
    """

    def forward(
        self, embedded: Float[Tensor, "*batch length embed"], first: int = 0
    ) -> Float[Tensor, "*batch length embed"]:
        """Add to each vector that of its position, of which the first is `first`."""
        *_, length, width = embedded.shape
        half = (width + 1) // 2
        place = torch.arange(half, device=embedded.device)
        frequency = torch.exp(place * (-math.log(10_000.0) / half))
        position = torch.arange(first, first + length, device=embedded.device)
        angles = position.unsqueeze(1) * frequency
        sinusoids = torch.cat([angles.sin(), angles.cos()], dim=-1)[:, :width]
        return embedded + sinusoids.to(embedded.dtype)


class LearnedPositions(nn.Module):
    """Add a vector that is learnt for each position, up to `max_len`.

    Source: Gehring et al. 2017, section 3.1.

    >>> LearnedPositions(3, 2)(torch.zeros(1, 2)).shape
    torch.Size([1, 2])
    """

    def __init__(self, max_len: int, embed_dim: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(max_len, embed_dim)

    @property
    def max_len(self) -> int:
        """How many positions are known."""
        return self.vectors.num_embeddings

    def forward(
        self, embedded: Float[Tensor, "*batch length embed"], first: int = 0
    ) -> Float[Tensor, "*batch length embed"]:
        """Add to each vector that of its position, of which the first is `first`.

        Raises:
            ValueError: there are not as many.
        """
        last = first + embedded.shape[-2]
        if last > self.max_len:
            raise ValueError(
                f"there are {self.max_len} learnt positions (max_len); got a text of {last} "
                "tokens. Cut it, or use sinusoids or rotary positions, which have no end"
            )
        return embedded + self.vectors.weight[first:last]
