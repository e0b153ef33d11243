"""What numbers a setting may hold."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = [
    "ABOVE_0",
    "SHARE",
    "UP_TO_1",
    "WIDTHS",
    "Limit",
    "at_least",
    "check_divides",
    "check_goes_with",
    "check_limits",
]


class Limit(NamedTuple):
    """The numbers that are allowed, or the lists of them, in words and as a test."""

    words: str
    allows: Callable[[Any], bool]


ABOVE_0 = Limit("above 0", lambda number: 0 < number < math.inf)
SHARE = Limit("at least 0 and below 1", lambda number: 0 <= number < 1)
UP_TO_1 = Limit("from 0 to 1", lambda number: 0 <= number <= 1)
WIDTHS = Limit("numbers from 1 upwards", lambda widths: min(widths, default=0) >= 1)


def at_least(smallest: int) -> Limit:
    """Allow `smallest` and more."""
    return Limit(f"at least {smallest}", lambda number: smallest <= number < math.inf)


def check_limits(settings: object, group: str, **limits: Limit) -> None:
    """Hold the settings to the limits of their names; None stands only where it is the default.

    Args:
        group: what stands before the names where a user writes them.

    Raises:
        ValueError: a number is not allowed.
    """
    for name, value in vars(settings).items():
        if value is None and getattr(type(settings), name) is not None:
            raise ValueError(f"{group}.{name} must have a value; leave it out for the default")
    for name, limit in limits.items():
        value = getattr(settings, name)
        if value is not None and not limit.allows(value):
            raise ValueError(f"{group}.{name} must be {limit.words}; got {value}")


def check_divides(name: str, number: int, what: str, whole: int) -> None:
    """Refuse a setting that does not divide something else, which `what` says in words.

    Raises:
        ValueError: it does not.
    """
    if whole % number:
        raise ValueError(f"{name} must divide {what}, {whole}; got {number}")


def check_goes_with(settings: object, group: str, choice: str, **fitting: tuple[str, ...]) -> None:
    """Refuse what would do nothing: a setting that is changed, but not used by what is chosen.

    Args:
        group: what stands before the names where a user writes them.
        choice: the setting that chooses.
        fitting: what may be chosen for each of the others.

    Raises:
        ValueError: one is changed under another choice.
    """
    chosen = getattr(settings, choice)
    for name, choices in fitting.items():
        changed = getattr(settings, name) != getattr(type(settings), name)
        if changed and chosen not in choices:
            raise ValueError(
                f"{group}.{name} goes with {group}.{choice} {' or '.join(choices)}; it is {chosen}"
            )
