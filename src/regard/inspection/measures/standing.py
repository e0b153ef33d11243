"""How a figure of some weights stands among those of chance, and what that means in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["LITTLE", "MEANING", "ROUNDING", "Finding", "Standing", "pooled"]

Finding = Literal["explains", "partly", "chance", "misleads", "alike", "unmoved", "short"]
"""What it comes to."""

MEANING: dict[Finding, str] = {
    "explains": "the weights show what the prediction depends on",
    "partly": "the weights show a part of what the prediction depends on",
    "chance": "the weights explain the prediction about as well as chance",
    "misleads": "the weights mislead: tokens picked at random count for more",
    "alike": "the weights are all alike, and point to no token",
    "unmoved": "there is little to explain: whichever tokens are erased comes to much the same",
    "short": "too short to tell: a random order of so few tokens may do as well as any; "
    "several texts tell more",
}
"""What is said of each."""

LEVEL = 0.05
"""How seldom chance does as well as what is not put down to it."""

LITTLE = 0.05
"""A figure so little above chance, of a probability or in nats, that it is not worth explaining."""

ROUNDING = 1e-6
"""What figures may differ by that are the same."""


@dataclass(frozen=True)
class Standing:
    """A figure of some weights among those of chance; the larger, the better.

    Args:
        by_weights: the figure of the weights.
        by_effect: that of the tokens by what erasing each does: the best that is known.
        at_random: those of tokens that were picked at random, time and again.

    >>> Standing(0.5, 0.6, (0.1,) * 99).finding, Standing(0.1, 0.6, (0.0, 0.1, 0.2) * 33).finding
    ('explains', 'chance')
    """

    by_weights: float
    by_effect: float
    at_random: tuple[float, ...]

    @property
    def by_chance(self) -> float:
        """What tokens picked at random have on average."""
        return _mean(self.at_random)

    @property
    def best(self) -> float:
        """The better of the weights and the effects."""
        return max(self.by_weights, self.by_effect)

    @property
    def share(self) -> float:
        """How far the weights are from chance, 0, to the best that is known, 1; below 0, worse."""
        reach = self.best - self.by_chance
        return (self.by_weights - self.by_chance) / reach if reach > ROUNDING else 0.0

    @property
    def p_value(self) -> float:
        r"""How often chance does better, were the weights chance too; what is as good counts half.

        $$\frac{\lvert \{ r : s_r > s \} \rvert + \frac{1}{2} (1 + \lvert \{ r : s_r = s \} \rvert)}
        {1 + R}$$

        of R random figures, the weights' own among those that are as good.

        Source: the mid-p-value of Lancaster 1961, "Significance tests in discrete distributions".
        """
        return self._above(self.by_weights)

    @property
    def finding(self) -> Finding:
        """What it comes to, of weights that differ.

        What chance does in one of twenty cases is put down to it. Where it does as well as the best
        that is known so often, the text is too short to tell.
        """
        if self.best - self.by_chance < LITTLE:
            return "unmoved"
        if self.p_value <= LEVEL:
            return "explains" if self.share >= 0.5 else "partly"
        if self._above(self.by_effect) > LEVEL:
            return "short"
        return "misleads" if self.p_value >= 1 - LEVEL else "chance"

    def _above(self, figure: float) -> float:
        """Return the share of random figures above this one, and of half of its equals."""
        better = sum(each > figure + ROUNDING for each in self.at_random)
        equal = sum(abs(each - figure) <= ROUNDING for each in self.at_random)
        return (better + (1 + equal) / 2) / (1 + len(self.at_random))


def pooled(standings: Sequence[Standing]) -> Standing:
    """Return how the mean over several texts stands: what is too short alone may do together.

    >>> short = Standing(1.0, 1.0, (1.0, 0.0, 0.0, 0.0, 0.0) * 10)
    >>> other = Standing(1.0, 1.0, (0.0, 0.0, 0.0, 0.0, 1.0) * 10)
    >>> short.finding, pooled([short, other]).finding
    ('short', 'explains')
    """
    numbers = zip(*(each.at_random for each in standings), strict=False)
    return Standing(
        _mean([each.by_weights for each in standings]),
        _mean([each.by_effect for each in standings]),
        tuple(map(_mean, numbers)),
    )


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / max(1, len(figures))
