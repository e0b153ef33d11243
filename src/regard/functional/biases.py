"""Position and distance, as numbers added to the scores; broadcastable to `*batch query key`.

Positions are aligned to the end of the keys, as in `regard.masks`.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.functional.masks import offsets
from regard.functional.precision import at_least_float32

__all__ = ["alibi", "alibi_slopes", "gaussian", "relative_buckets", "relative_position"]


def alibi_slopes(num_heads: int) -> Float[Tensor, " heads"]:
    """Return the slopes of `alibi`, a geometric sequence from 2^(-8/heads) down to 2^(-8).

    Source: Press et al. 2022, section 3.
    Differs: the sequence is used as it stands for any number of heads, not only for powers of two.

    Raises:
        ValueError: `num_heads` is not positive.

    >>> alibi_slopes(2)
    tensor([0.0625, 0.0039])
    """
    if num_heads < 1:
        raise ValueError(f"num_heads must be positive; got {num_heads}")
    return 2.0 ** (-8.0 / num_heads * torch.arange(1, num_heads + 1))


def alibi(
    slopes: Float[Tensor, " heads"], query_len: int, key_len: int
) -> Float[Tensor, "heads query key"]:
    r"""Penalise each key by its distance from the query, each head with its own slope.

    $$b_{hij} = -m_h \, |i - j|$$

    Source: Press et al. 2022, section 3; both directions, as its authors do for encoders.
    Cost: heads x query x key.

    >>> alibi(torch.tensor([0.5]), 1, 3)
    tensor([[[-1.0000, -0.5000, -0.0000]]])
    """
    distance = offsets(query_len, key_len, slopes.device).abs()
    return -slopes.view(-1, 1, 1) * distance.to(slopes.dtype)


def relative_buckets(
    query_len: int,
    key_len: int,
    *,
    num_buckets: int = 32,
    max_distance: int = 128,
    device: torch.device | None = None,
) -> Int[Tensor, "query key"]:
    """Sort the offsets from query to key into buckets, exact nearby and logarithmic far away.

    The first half of the buckets is for keys at or before the query, the second for those after.

    Source: Raffel et al. 2020 (T5), section 2.1, relative position buckets.

    Raises:
        ValueError: `num_buckets` is no multiple of 4, or `max_distance` within the exact ones.

    >>> relative_buckets(1, 3, num_buckets=8, max_distance=16)
    tensor([[2, 1, 0]])
    """
    half, exact = num_buckets // 2, num_buckets // 4
    if num_buckets < 4 or num_buckets % 4 or max_distance <= exact:
        raise ValueError(
            "num_buckets must be a positive multiple of 4 and max_distance above a quarter of it; "
            f"got {num_buckets} and {max_distance}"
        )
    offset = offsets(query_len, key_len, device)
    distance = offset.abs()
    far = torch.log(distance.clamp(min=1) / exact) / math.log(max_distance / exact)
    bucket = torch.where(
        distance < exact, distance, (exact + far * (half - exact)).long().clamp(max=half - 1)
    )
    return bucket + half * (offset > 0)


def relative_position(
    table: Float[Tensor, "buckets heads"], buckets: Int[Tensor, "query key"]
) -> Float[Tensor, "heads query key"]:
    r"""Look up a learned bias for the bucket that each offset falls into.

    $$b_{hij} = T_{\text{bucket}(j - i), h}$$

    Source: Raffel et al. 2020 (T5), section 2.1.
    Cost: heads x query x key.

    >>> relative_position(torch.tensor([[1.0], [2.0]]), torch.tensor([[0, 1]]))
    tensor([[[1., 2.]]])
    """
    return table[buckets].movedim(-1, 0)


def gaussian(
    centre: Float[Tensor, "*batch query"],
    key_len: int,
    *,
    deviation: float | Float[Tensor, "*#batch query"],
) -> Float[Tensor, "*batch query key"]:
    r"""Favour keys around a centre, one per query, given in key positions from 0.

    $$b_{ij} = -\frac{(j - p_i)^2}{2 \sigma^2}$$

    Source: Yang et al. 2018 (Modeling Localness for Self-Attention Networks), eq. 4-5.
    Differs from Luong et al. 2015, section 3.2 (local-p), which multiplies the weights by the
    exponential of this after the softmax and does not renormalise.
    Cost: query x key.

    Raises:
        ValueError: `deviation` is a number and not positive.

    >>> gaussian(torch.tensor([1.0]), 3, deviation=1.0)
    tensor([[-0.5000, -0.0000, -0.5000]])
    """
    if not isinstance(deviation, Tensor) and deviation <= 0:
        raise ValueError(f"deviation must be positive; got {deviation}")
    # Half precision would not tell positions beyond a few hundred from each other.
    wide = at_least_float32(centre)
    positions = torch.arange(key_len, dtype=wide.dtype, device=centre.device)
    spread = (
        at_least_float32(deviation).unsqueeze(-1) if isinstance(deviation, Tensor) else deviation
    )
    return (-0.5 * ((positions - wide.unsqueeze(-1)) / spread).square()).to(centre.dtype)
