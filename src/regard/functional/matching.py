"""How two texts match, position by position, and averages that such a match weighs (ABCNN).

Nothing here is normalised: a position counts as much as it matches the other text, all in all.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from regard.functional import scores
from regard.functional.precision import at_least_float32

__all__ = ["coverage", "match", "similarities", "total_average", "window_average"]


def match(
    left: Float[Tensor, "*#batch left width"],
    right: Float[Tensor, "*#batch right width"],
    mask: Bool[Tensor, "*#batch left right"] | None = None,
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scores.distance,
) -> Float[Tensor, "*#batch left right"]:
    r"""Score every position of a text against every position of another: the attention matrix.

    $$A_{ij} = \operatorname{score}(l_i, r_j)$$

    Args:
        mask: True where both positions are real; elsewhere the match is 0.

    Source: Yin et al. 2016 (ABCNN), section 5.1.
    Cost: that of the score.

    >>> import torch
    >>> match(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    tensor([[1.0000, 0.5000]])
    """
    matched: Tensor = score(left, right)
    return matched if mask is None else matched.masked_fill(~mask, 0)


def window_average(
    columns: Float[Tensor, "*batch columns width"],
    window: int,
    weights: Float[Tensor, "*batch columns"] | None = None,
) -> Float[Tensor, "*batch positions width"]:
    r"""Average over a window that slides by one: w-ap, back to as many positions as were convolved.

    $$p_j = \frac{1}{w} \sum_{k=j}^{j+w-1} c_k, \quad
    \text{with weights:} \quad p_j = \sum_{k=j}^{j+w-1} a_k c_k$$

    There are `columns - window + 1` positions, down to none.

    Args:
        weights: how much each column counts; they are not normalised, as in the paper.

    Source: Yin et al. 2016 (ABCNN), sections 4 (w-ap) and 5.2.
    Cost: columns x window x width operations.

    Raises:
        ValueError: the window is wider than what a text, even an empty one, is convolved to.

    >>> import torch
    >>> window_average(torch.tensor([[1.0], [3.0], [5.0]]), 2).flatten()
    tensor([2., 4.])
    >>> window_average(torch.tensor([[1.0], [3.0], [5.0]]), 2, torch.tensor([1.0, 0.0, 2.0]))
    tensor([[ 1.],
            [10.]])
    """
    num_columns, width = columns.shape[-2:]
    if not 1 <= window <= num_columns + 1:
        raise ValueError(
            f"window must lie in 1…{num_columns + 1}, for {num_columns} columns; got {window}"
        )
    if window > num_columns:
        return columns.new_zeros(*columns.shape[:-2], 0, width)
    weighed = columns if weights is None else columns * weights.unsqueeze(-1)
    windows = at_least_float32(weighed).unfold(-2, window, 1)
    found: Tensor = windows.mean(dim=-1) if weights is None else windows.sum(dim=-1)
    return found.to(columns.dtype)


def total_average(
    columns: Float[Tensor, "*batch columns width"],
    mask: Bool[Tensor, "*#batch columns"] | None = None,
    weights: Float[Tensor, "*batch columns"] | None = None,
) -> Float[Tensor, "*batch width"]:
    r"""Average over all columns: all-ap.

    $$p = \frac{1}{n} \sum_k c_k, \quad
    \text{with weights:} \quad p = \frac{\sum_k a_k c_k}{\sum_k |a_k|}$$

    The average of none is 0, and so is one whose weights are all 0.

    Args:
        mask: True for the columns that count.
        weights: how much each column counts.

    Source: Yin et al. 2016 (ABCNN), sections 4 (all-ap) and 5.2.
    Differs: the paper writes out the weighted average over a window alone. That over all columns,
    by which its network of one convolution attends, is normalised here.
    Cost: columns x width operations.

    >>> import torch
    >>> total_average(torch.tensor([[1.0], [3.0], [8.0]]), torch.tensor([True, True, False]))
    tensor([2.])
    """
    wide = at_least_float32(columns)
    counted = wide.new_ones(columns.shape[:-1]) if weights is None else at_least_float32(weights)
    if mask is not None:
        counted = counted.masked_fill(~mask, 0)
    total = counted.abs().sum(dim=-1, keepdim=True)
    # Guarded before the division: where there is nothing, its gradient would be no number.
    shares = counted / total.masked_fill(total == 0, 1)
    return (shares.unsqueeze(-2) @ wide).squeeze(-2).to(columns.dtype)


def similarities(
    left: Float[Tensor, "*batch width"], right: Float[Tensor, "*batch width"]
) -> Float[Tensor, "*batch 2"]:
    r"""Say how alike two vectors are, in two ways.

    $$\left[\cos(l, r); \frac{1}{1 + \lVert l - r \rVert}\right]$$

    With a vector of 0 the cosine is 0, and so is its gradient; at distance 0 that of the closeness
    is.

    Source: Yin et al. 2016 (ABCNN), section 6, what the output layer is told of each level.
    Cost: width operations.

    >>> import torch
    >>> similarities(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0]))
    tensor([0.0000, 0.1667])
    """
    one, other = at_least_float32(left), at_least_float32(right)
    nothing = _is_nothing(one) | _is_nothing(other)
    cosine = (scores.unit(one) * scores.unit(other)).sum(dim=-1, keepdim=True)
    distance = torch.linalg.vector_norm(one - other, dim=-1, keepdim=True)
    found = torch.cat([cosine.masked_fill(nothing, 0), 1 / (1 + distance)], dim=-1)
    return found.to(left.dtype)


def coverage(
    left: Float[Tensor, "*batch left width"],
    right: Float[Tensor, "*batch right width"],
    mask: Bool[Tensor, "*#batch left right"],
    weights: Float[Tensor, "*batch left"],
) -> Float[Tensor, "*batch 2"]:
    r"""Say how much of a text has its like in another, and how much has not.

    $$m_i = \max_j \cos(l_i, r_j), \quad
    \left[\frac{\sum_i w_i m_i}{\sum_i w_i}; \sum_i w_i (1 - m_i)\right]$$

    Where the other text is empty, nothing has its like: $m_i = 0$.

    Args:
        mask: True where both positions are real.
        weights: how much each position counts, above 0; of padding, 0.

    Source: Mihalcea et al. 2006, section 3, eq. 1, of one text, any weights in place of idf.
    Cost: left x right x width operations.

    >>> import torch
    >>> left, right = torch.eye(2), torch.tensor([[2.0, 0.0]])
    >>> coverage(left, right, torch.ones(2, 1).bool(), torch.tensor([3.0, 1.0]))
    tensor([0.7500, 1.0000])
    """
    one, other = at_least_float32(left), at_least_float32(right)
    nothing = _is_nothing(one) | _is_nothing(other).transpose(-1, -2)
    matched = scores.cosine(one, other).masked_fill(nothing, 0)
    # Nothing is less alike than this, and where there is nothing at all, it is no match.
    best = F.pad(matched.masked_fill(~mask, -1), (0, 1), value=-1).amax(dim=-1)
    best = best.masked_fill(~mask.any(dim=-1), 0)
    counted = at_least_float32(weights)
    total = counted.sum(dim=-1)
    covered = (counted * best).sum(dim=-1) / total.masked_fill(total == 0, 1)
    missing = (counted * (1 - best)).sum(dim=-1)
    return torch.stack([covered, missing], dim=-1).to(left.dtype)


def _is_nothing(vectors: Float[Tensor, "*batch width"]) -> Bool[Tensor, "*batch 1"]:
    """Say which vectors are 0: they have no direction, and the gradient of an angle has no end."""
    return (vectors == 0).all(dim=-1, keepdim=True)
