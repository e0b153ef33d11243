"""Whether a translation depends on the source tokens that it looks at."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.inspection.measures.ranks import kendall
from regard.inspection.measures.standing import LITTLE, MEANING, ROUNDING, Finding, Standing
from regard.inspection.measures.statistics import most_attended

__all__ = ["SourceFaithfulness", "source_faithfulness"]

_NUM_RANDOM = 999


@dataclass(frozen=True, eq=False)
class SourceFaithfulness:
    """Whether the tokens of a translation depend on the source tokens that they look at.

    Args:
        weights: where each target token looks.
        effects: how much log-probability each target token loses without each source token, in
            nats, when the same translation is written.
        flips: whether the model would rather write another token there.
        standing: of the effect of the source token that a target token looks at most, the mean over
            those that look at one; at random, of any.
        of_any: the mean effect of any source token on them.
        num_needing: how many of them lose anything without some source token.
        found: for which share of these it is the one that they look at most.
        flipped: which share of all that look would be other tokens without the source token that
            they look at most, and without a random one.
        correlation: of the weights of a target token with the effects, the mean over those where it
            can be told; None if there is none.
    """

    weights: Float[Tensor, "target source"]
    effects: Float[Tensor, "target source"]
    flips: Bool[Tensor, "target source"]
    standing: Standing
    of_any: float
    num_needing: int
    found: float
    flipped: tuple[float, float]
    correlation: float | None

    @property
    def finding(self) -> Finding:
        """What the comparison with chance comes to."""
        num_target, num_source = self.effects.shape
        if not num_target or num_source < 2:
            return "short"
        spread = self.weights.amax(-1) - self.weights.amin(-1)
        if bool((spread <= ROUNDING * self.weights.abs().amax(-1)).all()):
            return "alike"
        return self.standing.finding

    @property
    def verdict(self) -> str:
        """The finding in words, with the figures that it is seen by."""
        meaning = MEANING[self.finding]
        if self.finding in ("alike", "unmoved") or not self.effects.numel():
            return meaning
        return (
            f"{meaning}; without the source token that it looks at most, a target token loses "
            f"{self.standing.by_weights:.2f} nats of log-probability, without a random one "
            f"{self.of_any:.2f}, without the one it needs most "
            f"{self.standing.by_effect:.2f}"
        )


def source_faithfulness(
    weights: Float[Tensor, "target source"],
    effects: Float[Tensor, "target source"],
    flips: Bool[Tensor, "target source"],
    *,
    generator: torch.Generator,
) -> SourceFaithfulness:
    r"""Compare where the tokens of a translation look with what they lose without it.

    $$\frac{1}{\lvert T \rvert} \sum_t \log p(y_t \mid x, y_{<t}) -
    \log p(y_t \mid x \setminus x_{j(t)}, y_{<t}), \quad j(t) = \arg\max_j w_{tj}$$

    is the figure that is compared, with that of random source tokens in place of $j(t)$.

    Args:
        effects, flips: see `SourceFaithfulness`.
        generator: by which source tokens are picked: the same gives the same.

    Source: erasing single inputs, Li, Monroe & Jurafsky 2016, arXiv:1612.08220.

    >>> effects = 3 * torch.eye(6)  # each target token needs one source token
    >>> found = source_faithfulness(
    ...     torch.eye(6), effects, effects > 1, generator=torch.Generator().manual_seed(0)
    ... )
    >>> print(found.verdict)
    the weights show what the prediction depends on; without the source token that it looks at
    most, a target token loses 3.00 nats of log-probability, without a random one 0.50, without the
    one it needs most 3.00
    """
    best = most_attended(weights)
    looks = best >= 0
    looking, at = effects[looks], best[looks].unsqueeze(-1)
    if not looking.numel():
        nothing = Standing(0.0, 0.0, ())
        return SourceFaithfulness(weights, effects, flips, nothing, 0.0, 0, 0.0, (0.0, 0.0), None)
    of_best = looking.gather(1, at).squeeze(1)
    of_most = looking.amax(-1)
    hits = (of_best >= of_most - ROUNDING)[of_most >= LITTLE]
    flipped = flips[looks].gather(1, at), flips[looks]
    return SourceFaithfulness(
        weights,
        effects,
        flips,
        Standing(float(of_best.mean()), float(of_most.mean()), _at_random(looking, generator)),
        of_any=float(looking.mean()),
        num_needing=len(hits),
        found=float(hits.float().mean()) if len(hits) else 0.0,
        flipped=(float(flipped[0].float().mean()), float(flipped[1].float().mean())),
        correlation=_mean_correlation(weights[looks], looking),
    )


def _at_random(
    effects: Float[Tensor, "target source"], generator: torch.Generator
) -> tuple[float, ...]:
    """Return the mean effect of source tokens that are picked at random, time and again."""
    num_target, num_source = effects.shape
    size = (_NUM_RANDOM, num_target)
    picked: Int[Tensor, "times target"] = torch.randint(num_source, size, generator=generator)
    return tuple(effects[torch.arange(num_target), picked].mean(-1).tolist())


def _mean_correlation(
    weights: Float[Tensor, "target source"], effects: Float[Tensor, "target source"]
) -> float | None:
    found = [kendall(*rows) for rows in zip(weights, effects.round(decimals=6), strict=True)]
    known = [each for each in found if not math.isnan(each)]
    return sum(known) / len(known) if known else None
