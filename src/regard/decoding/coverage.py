"""The coverage penalty: hypotheses that leave a part of the source unread are ranked lower."""

import math
from collections.abc import Iterable

from regard.interfaces import Hypothesis

__all__ = ["check_coverage_penalty", "rank_by_coverage"]

LEAST = 0.01
"""A source position counts as looked at so much at least: sparse weights may leave one out."""


def rank_by_coverage(hypotheses: Iterable[Hypothesis], coverage_penalty: float) -> list[Hypothesis]:
    r"""Add to each score what the hypothesis has covered, and rank them by that.

    $$s' = s + \beta \sum_j \log \min\Big(\sum_i w_{ij}, 1\Big)$$

    with `coverage_penalty` for $\beta$, over all positions j of the source.

    Source: Wu et al. 2016, eq. 14.
    Differs: finished hypotheses are ranked by it, the search itself is not guided by it; a position
    that was hardly looked at counts as looked at by 0.01; where the hypothesis looked when it ended
    does not count, though the source's own `EOS`, where it has one, is one of its positions.
    Cost: target x source additions for each hypothesis.

    Raises:
        ValueError: `coverage_penalty` is negative or not finite.
    """
    check_coverage_penalty(coverage_penalty)
    ranked = [
        each._replace(score=each.score + coverage_penalty * _covered(each)) for each in hypotheses
    ]
    return sorted(ranked, key=lambda each: -each.score)


def check_coverage_penalty(coverage_penalty: float) -> None:
    """Refuse what is no penalty."""
    if not (math.isfinite(coverage_penalty) and coverage_penalty >= 0):
        raise ValueError(f"coverage_penalty must be 0 or a positive number; got {coverage_penalty}")


def _covered(hypothesis: Hypothesis) -> float:
    looked = hypothesis.alignment.sum(dim=0)
    return float(looked.clamp(LEAST, 1).log().sum())
