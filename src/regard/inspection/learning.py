"""What there is to draw of a training: the figures that it logged, over its steps."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["Learning", "Points"]

Points = Sequence[tuple[int, float]]
"""Steps, rising, and what was logged there."""


class Learning(NamedTuple):
    """What a training logged.

    Args:
        figures: by name, such as `validation_loss`.
        shares: of attentions with branches, by name; of each its kinds of shares by name, a curve
            for every branch, which is a head. Of a log that has just begun some may be missing.
    """

    name: str
    figures: Mapping[str, Points]
    shares: Mapping[str, Mapping[str, Sequence[Points]]]
