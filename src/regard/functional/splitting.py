"""A score taken apart: two projections and a comparison, which kernels are chosen by."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from regard.interfaces import Split

__all__ = ["compared", "comparison", "split", "splits_into"]

Function = TypeVar("Function", bound=Callable[..., Any])


def split(score: Callable[..., Tensor], query: Tensor, key: Tensor) -> Split | None:
    """Take a score apart at this query and key, or return None where that cannot be done.

    Works for the scores of `regard.scores`, for a `functools.partial` of one, and for score
    modules.

    Source: Luong et al. 2015, section 3.1, read as two projections and a comparison.
    """
    function, bound = (score.func, score.keywords) if isinstance(score, partial) else (score, {})
    if isinstance(score, partial) and score.args:
        return None
    take_apart: Callable[..., Split] | None = getattr(function, "split", None)
    return None if take_apart is None else take_apart(query, key, **bound)


def splits_into(take_apart: Callable[..., Split]) -> Callable[[Function], Function]:
    """Let a score be taken apart by this function of query, key and its parameters.

    Source: see `split`.
    """

    def attach(function: Function) -> Function:
        function.split = take_apart  # type: ignore[attr-defined]
        return function

    return attach


def comparison(function: Function) -> Function:
    """Mark a function whose arguments are already projected: it splits into itself.

    Source: see `split`.
    """

    def take_apart(query: Tensor, key: Tensor, **bound: Any) -> Split:
        return Split(query, key, partial(function, **bound) if bound else function)

    return splits_into(take_apart)(function)


def compared(parts: Split) -> Tensor:
    """Return the scores of what was taken apart.

    Source: see `split`.
    """
    return parts.compare(parts.query, parts.key)
