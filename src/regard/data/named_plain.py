"""Plain text known by name."""

from collections.abc import Callable
from typing import NamedTuple

from regard.data.named import find_named
from regard.data.plain_splits import PlainSplits
from regard.data.python_reference import load_python_reference

__all__ = ["KNOWN_PLAIN", "NamedPlainSet", "load_named_plain"]


class NamedPlainSet(NamedTuple):
    """What is known of a text, and how it is loaded."""

    description: str
    origin: str
    licence: str
    load: Callable[[], PlainSplits]


def load_named_plain(name: str) -> PlainSplits:
    """Load a text of `KNOWN_PLAIN`.

    Raises:
        DataError: if the name is unknown, or the text is not there.
    """
    return find_named(name, KNOWN_PLAIN).load()


KNOWN_PLAIN = {
    "python-reference": NamedPlainSet(
        description="the reference of the Python language, 0.3 million characters; needs no files",
        origin="the texts behind Python's help(), of the version that runs",
        licence="Python Software Foundation License",
        load=load_python_reference,
    ),
}
"""The texts that `load_named_plain` loads."""
