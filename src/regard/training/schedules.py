"""How the learning rate changes with the step, as a factor of its peak."""

from collections.abc import Callable
from typing import Literal

__all__ = ["Schedule", "schedule"]

Schedule = Literal["constant", "linear", "inverse_sqrt"]


def schedule(name: Schedule, *, warmup_steps: int, num_steps: int) -> Callable[[int], float]:
    r"""Rise linearly for `warmup_steps`; then stay ("constant"), or fall.

    "linear" falls to 0 at the end, "inverse_sqrt" as $\sqrt{\text{warmup} / \text{step}}$ (Vaswani
    et al. 2017, eq. 3, whose peak is $(d \cdot \text{warmup})^{-1/2}$ for a width of $d$).

    >>> factor = schedule("linear", warmup_steps=2, num_steps=6)
    >>> [factor(step) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        if name == "constant":
            return 1.0
        if name == "inverse_sqrt":
            return float((max(1, warmup_steps) / (step + 1)) ** 0.5)
        return max(0.0, (num_steps - step) / max(1, num_steps - warmup_steps))

    return factor
