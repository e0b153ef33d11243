"""Texts to try a run with, by the data it has learnt from."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from regard.data.files import DataError, read_lines

__all__ = ["examples_for", "read_examples"]

Texts = list[str]

SHOWN = 6
"""Examples of a run, at most."""

REVIEWS = [
    ["What a wonderful film, and how moving the last half hour is."],
    ["The story is dull, the acting is worse, and nothing happens for two hours."],
    ["I did not expect much. It begins slowly, but the second half is great."],
]
QUESTIONS = [["How far is it to the moon?"], ["Who wrote the first novel?"]]
CAPTIONS = {
    "de": [["ein mann mit einem hut ."], ["zwei hunde spielen im schnee ."]],
    "en": [["a man with a hat ."], ["two dogs play in the snow ."]],
}
SIMILAR = [
    ["A man is playing a guitar.", "Somebody makes music."],
    ["Two dogs run through the snow.", "The dogs are asleep."],
]
ANSWERS = [
    ["how far is it to the moon ?", "The moon is 384,400 km away from the earth."],
    ["who wrote the first novel ?", "The moon is 384,400 km away from the earth."],
]
BEGINNINGS = [["The class"], ["If "], ["A function "]]

KNOWN: dict[tuple[str, str], list[Texts]] = {
    ("classify", "movie-reviews"): REVIEWS,
    ("classify", "imdb"): REVIEWS,
    ("classify", "mr"): REVIEWS,
    ("classify", "trec"): QUESTIONS,
    ("classify", "trec-fine"): QUESTIONS,
    ("match", "sick"): SIMILAR,
    ("match", "sick-relatedness"): SIMILAR,
    ("match", "msrp"): SIMILAR,
    ("match", "wikiqa"): ANSWERS,
    ("generate", "python-reference"): BEGINNINGS,
}
"""By what a run does, and the named data set it has learnt from."""


def examples_for(kind: str, data: object, given: Sequence[Texts] = ()) -> list[Texts]:
    """Return texts for a run: those that are given and fit it, else what its data set looks like.

    Files that a run names are not opened: whoever sees the page would see what stands in them.

    Args:
        kind: what the run does.
        data: its settings of data.
        given: one text each, or two.
    """
    wanted = 2 if kind == "match" else 1
    if fitting := [texts for texts in given if len(texts) == wanted]:
        return fitting[:SHOWN]
    if getattr(data, "train", None) is not None:
        return []
    name = str(getattr(data, "name", ""))
    if (kind, name) == ("translate", "dates"):
        return _dates()
    if kind == "translate":
        return CAPTIONS.get(getattr(data, "source", None) or "de", [])
    return KNOWN.get((kind, name), [])


def read_examples(path: Path) -> list[Texts]:
    """Read a file of texts, one a line, or two with a tab between.

    Raises:
        DataError: it cannot be read, a line has more tabs, or there is none.
    """
    examples = []
    for number, line in enumerate(read_lines(path), start=1):
        texts = line.split("\t")
        if len(texts) > 2:
            raise DataError(f"{path}, line {number}: expected a text, or two with a tab between")
        if line.strip():
            examples.append(texts)
    if not examples:
        raise DataError(f"{path} holds no text")
    return examples


def _dates() -> list[Texts]:
    # Imported here: it brings in Babel, which nothing else needs.
    from regard.data.dates import write_date

    day = date(1998, 5, 5)
    return [
        [write_date(day, "de", "full")],
        [write_date(day, "fr", "long")],
        [write_date(day, "ja", "full")],
        [write_date(day, "ar-EG", "long")],
        [write_date(day, "en-US", "short")],
    ]
