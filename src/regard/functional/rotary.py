"""Rotary positions: turn queries and keys so that their inner product sees only their distance."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.functional.precision import at_least_float32

__all__ = ["rotary"]


def rotary(
    vectors: Float[Tensor, "*batch length head_dim"],
    positions: Int[Tensor, " length"],
    *,
    base: float = 10_000.0,
) -> Float[Tensor, "*batch length head_dim"]:
    r"""Rotate each pair of channels by an angle that grows with the position.

    $$x'_{2i} + \mathrm{i}\, x'_{2i+1}
    = (x_{2i} + \mathrm{i}\, x_{2i+1}) \, e^{\mathrm{i} \, p \, \theta_i},
    \quad \theta_i = \text{base}^{-2i/d}$$

    Source: Su et al. 2024 (RoFormer), eq. 34.
    Cost: linear in the input.

    Raises:
        ValueError: `head_dim` is odd.

    >>> rotary(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    tensor([[1., 0.]])
    """
    head_dim = vectors.shape[-1]
    if head_dim % 2:
        raise ValueError(f"rotary positions turn pairs of channels; head_dim {head_dim} is odd")
    wide = at_least_float32(vectors)
    pair = torch.arange(0, head_dim, 2, device=vectors.device, dtype=wide.dtype)
    angles = positions.to(wide.dtype).unsqueeze(-1) * base ** (-pair / head_dim)
    cosine, sine = angles.cos(), angles.sin()
    even, odd = wide[..., 0::2], wide[..., 1::2]
    turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1)
    return turned.flatten(-2).to(vectors.dtype)
