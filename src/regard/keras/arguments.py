"""What layers and scores refuse to be made of."""

from numbers import Integral
from typing import Any

__all__ = ["check_positive"]


def check_positive(argument: str, value: Any, *, optional: bool = False) -> None:
    """Refuse what is not a positive integer; a boolean is none.

    Args:
        optional: whether None is taken too.

    Raises:
        ValueError: it is something else.

    >>> check_positive("units", 3)
    >>> check_positive("units", None, optional=True)
    """
    if optional and value is None:
        return
    # Integers of NumPy are integers too, booleans of Python as well.
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        expected = "a positive integer or None" if optional else "a positive integer"
        raise ValueError(
            f"Invalid value for argument `{argument}`. Expected {expected}. "
            f"Received: {argument}={value!r}"
        )
