"""What there is to say of a picture that could not be drawn as it should be."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["told"]


@contextmanager
def told(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell, line by line, what is warned of while pictures are drawn, once they are there."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        yield
    for note in noted:
        tell(str(note.message))
