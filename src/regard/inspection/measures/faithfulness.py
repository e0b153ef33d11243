"""Whether weights say what a prediction depends on, or no more than chance would.

Erasing is no proof: a text without some of its words is unlike those a model has learnt from.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.inspection.measures.erasure import (
    SHARES,
    Effects,
    Predict,
    erase,
    falling_order,
    kept_without,
    random_orders,
)
from regard.inspection.measures.gradients import TokenGradients
from regard.inspection.measures.ranks import kendall, kendall_deviation
from regard.inspection.measures.standing import MEANING, ROUNDING, Finding, Standing

__all__ = ["SHOWN", "Compared", "Correlations", "Faithfulness", "faithfulness"]

SHOWN = 0.2
"""The share of the tokens whose erasure is told in words."""

MOST_READ = 200_000
"""How many tokens are read, about, for either kind of erasure: of long texts, fewer variants."""


class Compared(NamedTuple):
    """A figure of the order of the weights, what random orders have on average, and the best known.

    The best known is that of the tokens in the order of what erasing each alone does.
    """

    by_weights: float
    by_chance: float
    by_effect: float


class Correlations(NamedTuple):
    """Kendall's rank correlation of the weights with other measures of the same tokens.

    None where one is missing, or has all tokens alike. `deviation` is that of what has nothing to
    do with the weights: within twice of it lies chance.
    """

    erasure: float | None
    gradient_of_input: float | None
    gradient_norm: float | None
    deviation: float | None


@dataclass(frozen=True)
class Faithfulness:
    """Whether some weights say what a prediction depends on.

    Args:
        num_tokens: that have weights.
        num_erased: how many of them are a fifth.
        num_tried: how many of them were erased alone; of a long text not all, picked at random.
        probability: of what is predicted from all tokens.
        without_all: its probability without any.
        comprehensiveness: how much less probable it is without the first tokens (see
            `erasure.comprehensiveness`): the more, the better.
        sufficiency: how much less from them alone: the less, the better.
        without_fifth: how probable it is without the first fifth of the tokens.
        fifth_alone: how probable it is from them alone.
        first_flip: the least share without which something else is predicted, 1 if none.
        top_flips: something else is predicted without the token of the largest weight.
        others_flip: the share of the single tokens without which something else is.
        correlations: with what each token does alone.
        alike: all weights are the same, so their order is none.
        standing: of comprehensiveness less sufficiency, among random orders.
    """

    num_tokens: int
    num_erased: int
    num_tried: int
    probability: float
    without_all: float
    comprehensiveness: Compared
    sufficiency: Compared
    without_fifth: Compared
    fifth_alone: Compared
    first_flip: Compared
    top_flips: bool
    others_flip: float
    correlations: Correlations
    alike: bool
    standing: Standing

    @property
    def finding(self) -> Finding:
        """What the comparison with chance comes to."""
        if self.num_tokens < 2:
            return "short"
        return "alike" if self.alike else self.standing.finding

    @property
    def verdict(self) -> str:
        """The finding in words, with the figures that it is seen by."""
        meaning = MEANING[self.finding]
        if self.finding in ("alike", "unmoved"):
            return meaning
        without, alone = self.without_fifth, self.fifth_alone
        return (
            f"{meaning}; without the {self.num_erased} most attended of {self.num_tokens} tokens "
            f"the probability goes from {self.probability:.2f} to {without.by_weights:.2f} "
            f"(without random ones {without.by_chance:.2f}), from these alone to "
            f"{alone.by_weights:.2f} ({alone.by_chance:.2f})"
        )


def faithfulness(
    predict: Predict,
    weights: Float[Tensor, " tokens"],
    *,
    generator: torch.Generator,
    gradients: TokenGradients | None = None,
) -> Faithfulness:
    """Erase tokens by their weights, one by one and at random, and compare what becomes of it.

    Args:
        predict: see `erasure`.
        weights: what is shown of each token; only their order counts.
        generator: by which ties are broken and random orders drawn: the same gives the same.
        gradients: those of the same tokens, to be compared with.

    Cost: reads a text in one variant for each token, and in ten for each of 200 random orders; of
    more than 100 tokens in fewer, so that 300,000 are read, but in 250 variants or more of any.

    Raises:
        ValueError: there is no token.

    >>> def predict(kept):  # only the second token says anything
    ...     return torch.where(kept[:, 1:2], torch.tensor([0.9, 0.1]), torch.tensor([0.4, 0.6]))
    >>> weights, generator = torch.eye(50)[1], torch.Generator().manual_seed(0)
    >>> print(faithfulness(predict, weights, generator=generator).verdict)
    the weights show what the prediction depends on; without the 10 most attended of 50 tokens the
    probability goes from 0.90 to 0.40 (without random ones 0.80), from these alone to 0.90 (0.50)
    """
    num_tokens = len(weights)
    if not num_tokens:
        raise ValueError("there is no token to erase: the text is empty")
    weights = weights.detach().float().cpu()
    tried = torch.randperm(num_tokens, generator=generator)[: _num_tried(num_tokens)]
    alone = erase(predict, _all_but(tried.unsqueeze(1), num_tokens))
    effects = torch.zeros(num_tokens).index_copy(0, tried, _rounded(alone.drop))
    chosen = [falling_order(each, generator) for each in (weights, effects)]
    at_random = random_orders(num_tokens, _num_random(num_tokens), generator)
    return _compared(
        predict,
        torch.cat([torch.stack(chosen), at_random]),
        alone,
        correlations=_correlations(weights, gradients, tried, alone),
        alike=bool(weights.max() - weights.min() <= ROUNDING * weights.abs().max()),
    )


def _compared(
    predict: Predict,
    orders: Int[Tensor, "orders tokens"],
    alone: Effects,
    *,
    correlations: Correlations,
    alike: bool,
) -> Faithfulness:
    """Erase by the weights, by the effects, and by the random orders behind them."""
    kept = kept_without(orders)
    without, only = erase(predict, kept), erase(predict, ~kept)
    all_and_none = torch.stack([torch.ones_like(kept[0, 0]), torch.zeros_like(kept[0, 0])])
    whole, nothing = predict(all_and_none).detach().float().cpu()
    top = erase(predict, _all_but(orders[:1, :1], orders.shape[1]))
    needed, lacking = without.drop.mean(-1), only.drop.mean(-1)
    by_weights, by_effect, *at_random = (needed - lacking).tolist()
    flips = torch.tensor(SHARES).expand(without.flips.shape).masked_fill(~without.flips, 1)
    shown = SHARES.index(SHOWN)
    return Faithfulness(
        num_tokens=orders.shape[1],
        num_erased=int((~kept[0, shown]).sum()),
        num_tried=len(alone.drop),
        probability=float(whole.max()),
        without_all=float(nothing[whole.argmax()]),
        comprehensiveness=_of_orders(needed),
        sufficiency=_of_orders(lacking),
        without_fifth=_of_orders(whole.max() - without.drop[:, shown]),
        fifth_alone=_of_orders(whole.max() - only.drop[:, shown]),
        first_flip=_of_orders(flips.amin(-1)),
        top_flips=bool(top.flips),
        others_flip=float(alone.flips.float().mean()),
        correlations=correlations,
        alike=alike,
        standing=Standing(by_weights, by_effect, tuple(at_random)),
    )


def _of_orders(figures: Float[Tensor, " orders"]) -> Compared:
    by_weights, by_effect, *at_random = figures.tolist()
    return Compared(by_weights, sum(at_random) / len(at_random), by_effect)


def _correlations(
    weights: Float[Tensor, " tokens"],
    gradients: TokenGradients | None,
    tried: Int[Tensor, " tried"],
    alone: Effects,
) -> Correlations:
    of_input, norm = (None, None) if gradients is None else gradients
    deviation = kendall_deviation(len(tried))
    return Correlations(
        _correlation(weights[tried], _rounded(alone.change)),
        _correlation(weights, of_input),
        _correlation(weights, norm),
        None if math.isnan(deviation) else deviation,
    )


def _correlation(
    left: Float[Tensor, " items"], right: Float[Tensor, " items"] | None
) -> float | None:
    found = math.nan if right is None else kendall(left, right)
    return None if math.isnan(found) else found


def _rounded(changes: Tensor) -> Tensor:
    """Let changes be the same that differ by rounding alone."""
    return changes.float().cpu().round(decimals=6)


def _all_but(
    erased: Int[Tensor, "variants erased"], num_tokens: int
) -> Bool[Tensor, "variants tokens"]:
    """Keep all but these tokens."""
    kept = torch.ones(len(erased), num_tokens, dtype=torch.bool)
    return kept.scatter(1, erased, value=False)


def _num_tried(num_tokens: int) -> int:
    """Return how many tokens are erased one by one."""
    return max(50, MOST_READ // num_tokens)


def _num_random(num_tokens: int) -> int:
    """Return how many random orders are drawn: so many at least that one in twenty can be told."""
    return min(200, max(20, MOST_READ // (2 * num_tokens * len(SHARES))))
