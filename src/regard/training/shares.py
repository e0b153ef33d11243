"""How the shares of a weighted Transformer's branches are learnt."""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from regard.nn.branched import BranchedAttention
from regard.training.schedules import schedule

__all__ = ["ShareLearning", "branches", "named_shares", "shares_of"]


class ShareLearning(NamedTuple):
    r"""A rate of their own, which rises, falls, and is 0 at the end.

    Args:
        learning_rate: at its peak.
        warmup_steps: steps over which it rises to that.
        frozen: share of the steps, at the end, over which it is 0.

    Source: Ahmed et al. 2017, section 3.3: $(d / N)^{-1/2} \min(t^{-1/2}, t \cdot 400^{-3/2})$, for
    a width of $d$ and $N$ layers, which peaks at $(400 \, d / N)^{-1/2}$; frozen are the last
    10,000 of 60,000 to 250,000 steps.
    """

    learning_rate: float
    warmup_steps: int
    frozen: float

    def factor(self, num_steps: int) -> Callable[[int], float]:
        """Return the rate at each step, as a factor of its peak."""
        moving = schedule("inverse_sqrt", warmup_steps=self.warmup_steps, num_steps=num_steps)
        last = (1 - self.frozen) * num_steps
        return lambda step: moving(step) if step < last else 0.0


def branches(model: nn.Module) -> dict[str, BranchedAttention]:
    """Return the attentions of a model that have branches, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, BranchedAttention)
    }


def shares_of(model: nn.Module) -> list[nn.Parameter]:
    """Return the shares of all branches of a model."""
    return [
        shares
        for attention in branches(model).values()
        for shares in (attention.concatenation, attention.addition)
    ]


def named_shares(model: nn.Module) -> dict[str, float]:
    """Return the share of each branch: `shares/` with its attention, which of the two, its number.

    >>> named_shares(BranchedAttention(8, 1, feedforward_dim=8))
    {'shares//concatenation/0': 1.0, 'shares//addition/0': 1.0}
    """
    return {
        f"shares/{name}/{kind}/{number}": share
        for name, attention in branches(model).items()
        for kind in ("concatenation", "addition")
        for number, share in enumerate(getattr(attention, kind).tolist())
    }
