"""What becomes of a prediction without some of its tokens: whether those that are shown matter.

All functions take `predict`: asked with rows that say which tokens are kept, it returns the
probability of every class for each row. An order has the tokens that are erased first in front,
such as those with the largest weights (`falling_order`); the figures of one say little without
those of random orders (`random_orders`).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = [
    "SHARES",
    "Effects",
    "Predict",
    "comprehensiveness",
    "erase",
    "falling_order",
    "first_flip",
    "kept_without",
    "leave_one_out",
    "random_orders",
    "sufficiency",
]

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Which shares of the tokens are erased, one after another: those of DeYoung et al. 2020."""

Predict = Callable[[Bool[Tensor, "variants tokens"]], Float[Tensor, "variants classes"]]
"""Returns the probability of every class, of a text of which only some tokens are kept."""

_ROUNDING = 1e-9  # 0.07 * 100 is more than 7


class Effects(NamedTuple):
    """What erasing has changed.

    Args:
        drop: how much less probable the class is that is predicted from all tokens.
        change: the total variation distance between the probabilities: half of what all classes
            together have won and lost.
        flips: another class is predicted.
    """

    drop: Float[Tensor, "*variants"]
    change: Float[Tensor, "*variants"]
    flips: Bool[Tensor, "*variants"]


def erase(predict: Predict, kept: Bool[Tensor, "*variants tokens"]) -> Effects:
    r"""Return what it changes to keep only some tokens.

    $$p_c(x) - p_c(x'), \quad \frac{1}{2} \sum_k \lvert p_k(x) - p_k(x') \rvert, \quad
    \arg\max_k p_k(x') \ne c$$

    with $c = \arg\max_k p_k(x)$, for each x' that is left of the whole text x.

    Source: the drop, DeYoung et al. 2020, section 4.2; the change, Jain & Wallace 2019, algorithm
    1; the flip, Serrano & Smith 2019, section 4.

    >>> def predict(kept):  # only the second token says anything
    ...     return torch.where(kept[:, 1:2], torch.tensor([0.9, 0.1]), torch.tensor([0.3, 0.7]))
    >>> erase(predict, torch.tensor([[True, False, True], [True, True, False]]))
    Effects(drop=tensor([0.6000, 0.0000]), change=tensor([0.6000, 0.0000]),
    flips=tensor([ True, False]))
    """
    num_tokens = kept.shape[-1]
    whole = kept.new_ones(1, num_tokens)
    rows = kept.reshape(math.prod(kept.shape[:-1]), num_tokens)
    found = predict(torch.cat([whole, rows])).detach().to(kept.device)
    before, after = found[0], found[1:].reshape(*kept.shape[:-1], found.shape[1])
    predicted = before.argmax()
    return Effects(
        drop=before[predicted] - after[..., predicted],
        change=(before - after).abs().sum(-1) / 2,
        flips=after.argmax(-1) != predicted,
    )


def falling_order(
    weights: Float[Tensor, " tokens"], generator: torch.Generator
) -> Int[Tensor, " tokens"]:
    """Return the tokens by their weight, the largest first; among equals, in a random order.

    >>> falling_order(torch.tensor([0.1, 0.6, 0.3]), torch.Generator().manual_seed(0))
    tensor([1, 2, 0])
    """
    shuffled = torch.randperm(len(weights), generator=generator).to(weights.device)
    return shuffled[weights[shuffled].argsort(descending=True, stable=True)]


def random_orders(
    num_tokens: int, num_orders: int, generator: torch.Generator
) -> Int[Tensor, "orders tokens"]:
    """Return orders that know nothing of the tokens, by which the figures of others are read.

    >>> random_orders(4, 2, torch.Generator().manual_seed(0)).sort().values
    tensor([[0, 1, 2, 3],
            [0, 1, 2, 3]])
    """
    return torch.rand(num_orders, num_tokens, generator=generator).argsort(-1)


def kept_without(
    order: Int[Tensor, "*orders tokens"], shares: Sequence[float] = SHARES
) -> Bool[Tensor, "*orders shares tokens"]:
    """Return which tokens are kept where each of these shares is erased, the first of the order.

    At least one is erased; of what is not whole, the next whole number.

    >>> kept_without(torch.tensor([2, 0, 1]), [0.1, 0.5]).long()
    tensor([[1, 1, 0],
            [0, 1, 0]])
    """
    counts = torch.tensor(shares, dtype=torch.float64, device=order.device) * order.shape[-1]
    erased = (counts - _ROUNDING).ceil().clamp(min=1)
    place = order.argsort(-1).unsqueeze(-2)
    return place >= erased.unsqueeze(-1)


def comprehensiveness(
    predict: Predict, order: Int[Tensor, "*orders tokens"], shares: Sequence[float] = SHARES
) -> Float[Tensor, "*orders"]:
    r"""Return how much less probable the prediction is without the first tokens of an order.

    $$\frac{1}{\lvert B \rvert} \sum_{b \in B} p_c(x) - p_c(x \setminus x_{:b})$$

    over the shares B of the tokens: the area over the curve. High where they were needed.

    Source: DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models",
    arXiv:1911.03429, section 4.2.

    Differs: the mean is over these shares, without one of nothing, which changes nothing.

    >>> def predict(kept):
    ...     return torch.where(kept[:, 1:2], torch.tensor([0.9, 0.1]), torch.tensor([0.3, 0.7]))
    >>> comprehensiveness(predict, torch.tensor([[1, 0, 2, 3], [0, 2, 1, 3]]))
    tensor([0.6000, 0.0000])
    """
    return erase(predict, kept_without(order, shares)).drop.mean(-1)


def sufficiency(
    predict: Predict, order: Int[Tensor, "*orders tokens"], shares: Sequence[float] = SHARES
) -> Float[Tensor, "*orders"]:
    r"""Return how much less probable the prediction is from the first tokens of an order alone.

    $$\frac{1}{\lvert B \rvert} \sum_{b \in B} p_c(x) - p_c(x_{:b})$$

    over the shares B of the tokens. Low where they suffice.

    Source: DeYoung et al. 2020, section 4.2.

    Differs: as `comprehensiveness`.

    >>> def predict(kept):
    ...     return torch.where(kept[:, 1:2], torch.tensor([0.9, 0.1]), torch.tensor([0.3, 0.7]))
    >>> sufficiency(predict, torch.tensor([[1, 0, 2, 3], [0, 2, 1, 3]]))
    tensor([0.0000, 0.6000])
    """
    return erase(predict, ~kept_without(order, shares)).drop.mean(-1)


def first_flip(
    predict: Predict, order: Int[Tensor, "*orders tokens"], shares: Sequence[float] = SHARES
) -> Float[Tensor, "*orders"]:
    """Return the first share without which another class is predicted; 1 if none does.

    Low where the first tokens of an order decide.

    Args:
        shares: in rising order.

    Source: Serrano & Smith 2019, "Is Attention Interpretable?", arXiv:1906.03731, section 5.

    Differs: tokens are erased, not weights, and only so many at a time.

    >>> def predict(kept):
    ...     return torch.where(kept[:, 1:2], torch.tensor([0.9, 0.1]), torch.tensor([0.3, 0.7]))
    >>> first_flip(predict, torch.tensor([[0, 1, 2, 3], [3, 2, 0, 1]]))
    tensor([0.5000, 1.0000])
    """
    flips = erase(predict, kept_without(order, shares)).flips
    at = torch.tensor(shares, device=flips.device).expand(flips.shape)
    return at.masked_fill(~flips, 1).amin(-1)


def leave_one_out(predict: Predict, num_tokens: int) -> Effects:
    """Return what it changes to erase each token alone.

    Source: Li, Monroe & Jurafsky 2016, "Understanding Neural Networks through Representation
    Erasure", arXiv:1612.08220; Jain & Wallace 2019, "Attention is not Explanation",
    arXiv:1902.10186, algorithm 1.

    Cost: asks for as many variants as there are tokens.

    >>> def predict(kept):
    ...     return torch.where(kept[:, 1:2], torch.tensor([0.9, 0.1]), torch.tensor([0.3, 0.7]))
    >>> leave_one_out(predict, 3).drop
    tensor([0.0000, 0.6000, 0.0000])
    """
    return erase(predict, ~torch.eye(num_tokens, dtype=torch.bool))
