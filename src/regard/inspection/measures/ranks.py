"""How far two measures of the same things put them in the same order."""

import math

from jaxtyping import Float
from torch import Tensor

__all__ = ["kendall", "kendall_deviation"]

_ROWS = 1024  # compared with all others at once


def kendall(left: Float[Tensor, " items"], right: Float[Tensor, " items"]) -> float:
    r"""Return the rank correlation of two measures of the same things, ties taken into account.

    $$\tau_b = \frac{C - D}{\sqrt{(n_0 - n_\text{left})(n_0 - n_\text{right})}}$$

    where C counts the pairs of things that both put in the same order, D those that they put in
    opposite ones, $n_0$ all pairs, and the others those that a measure ties. NaN where a measure
    ties all.

    Source: Kendall 1945, "The treatment of ties in ranking problems".

    Cost: time quadratic in the number of things, memory 1024 times it.

    >>> import torch
    >>> kendall(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.3, 0.2]))
    0.3333333333333333
    """
    agreed = of_left = of_right = 0
    for first in range(0, len(left), _ROWS):
        some = slice(first, first + _ROWS)
        ahead, behind = (
            (each[some].unsqueeze(1) > each).int() - (each[some].unsqueeze(1) < each).int()
            for each in (left, right)
        )
        agreed += int((ahead * behind).sum())
        of_left += int(ahead.abs().sum())
        of_right += int(behind.abs().sum())
    if not of_left or not of_right:
        return math.nan
    return agreed / math.sqrt(of_left * of_right)


def kendall_deviation(num_items: int) -> float:
    r"""Return the standard deviation of `kendall` of measures that have nothing in common.

    $$\sqrt{\frac{2 (2n + 5)}{9 n (n - 1)}}$$

    without ties; NaN of fewer than two things.

    Source: Kendall 1938, "A new measure of rank correlation".

    >>> round(kendall_deviation(10), 3)
    0.248
    """
    if num_items < 2:
        return math.nan
    return math.sqrt(2 * (2 * num_items + 5) / (9 * num_items * (num_items - 1)))
