"""The reference of the Python language, as `help()` shows it: text that is always there."""

from collections.abc import Iterable
from importlib import import_module

from regard.data.files import DataError
from regard.data.plain_splits import PlainSplits, hold_out_ends
from regard.data.plain_text import PlainText, pieces_of

__all__ = ["load_python_reference"]

_HELD_OUT = 0.05  # for test, and of the rest for validation


def load_python_reference() -> PlainSplits:
    """Load the topics of the reference, each a text; the ends of all are for test and validation.

    What stands in several topics is kept in the longest; tables are left out. Python's versions
    differ: so do figures.

    Raises:
        DataError: if this Python comes without its reference.
    """
    try:
        topics: dict[str, str] = import_module("pydoc_data.topics").topics
    except ModuleNotFoundError:
        raise DataError(
            "python-reference is in the module pydoc_data, which this Python lacks; give a text of"
            " your own (data.train)"
        ) from None
    longest_first = sorted(topics, key=lambda name: (-len(topics[name]), name))
    prose = (_without_tables(topics[name]) for name in longest_first)
    texts = _without_repetitions(prose)
    in_pieces = [tuple(pieces_of(text.split("\n"))) for text in texts]
    reference = PlainText(in_pieces, "python-reference")
    rest, test = hold_out_ends(reference, _HELD_OUT)
    train, validation = hold_out_ends(rest, _HELD_OUT)
    return PlainSplits(train, validation, test)


def _without_tables(text: str) -> str:
    """Leave out paragraphs that are drawn with bars and crosses."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(each for each in paragraphs if not each.lstrip().startswith(("|", "+-")))


def _without_repetitions(texts: Iterable[str]) -> list[str]:
    """Leave out paragraphs that stood before, however indented, and texts that are mostly such."""
    seen: set[str] = set()
    kept = []
    for text in texts:
        paragraphs = [each.strip("\n") for each in text.split("\n\n") if each.strip()]
        fresh = []
        for paragraph in paragraphs:
            words = " ".join(paragraph.split())
            if words not in seen:
                fresh.append(paragraph)
            seen.add(words)
        if 2 * len(fresh) > len(paragraphs):
            kept.append("\n\n".join(fresh))
    return kept
