"""Links between the words of a sentence and of its translation, in the format of Pharaoh."""

import re
from collections.abc import Sequence

from regard.data.files import DataError, StrPath, read_lines
from regard.interfaces import Links, Pair

__all__ = ["Links", "read_links"]

_LINK = re.compile(r"([0-9]{1,9})([-?p])([0-9]{1,9})")

_SHOWN = 40  # characters of what is no link


def read_links(path: StrPath, pairs: Sequence[Pair]) -> list[Links]:
    """Read a line of links for each pair, of the words that stand between its blanks.

    `0-2` is a sure link, from the first word of the source to the third of the target; `0p2` or
    `0?2` is a possible one, as they are written in hand-made references. A line may be empty.

    Raises:
        DataError: if the file cannot be read, holds anything else, or links words that are not
            there, or does not have a line for each pair.
    """
    lines = read_lines(path)
    if len(lines) != len(pairs):
        raise DataError(
            f"{path} has {len(lines):,} lines, but there are {len(pairs):,} pairs; links have a"
            " line for each pair, and a pair with an empty side is none"
        )
    return [
        _links(line, pair, f"{path}, line {number}")
        for number, (line, pair) in enumerate(zip(lines, pairs, strict=True), start=1)
    ]


def _links(line: str, pair: Pair, where: str) -> Links:
    num_words = len(pair.source.split()), len(pair.target.split())
    sure, possible = set(), set()
    for written in line.split():
        parts = _LINK.fullmatch(written)
        if parts is None:
            raise DataError(
                f"{where}: {written[:_SHOWN]!r} is no link; expected 0-2, or 0?2 for a possible one"
            )
        link = int(parts[1]), int(parts[3])
        for side, word, count in zip(("source", "target"), link, num_words, strict=True):
            if word >= count:
                raise DataError(
                    f"{where}: {written} links word {word} of the {side}, of which there are"
                    f" {count}; the first is 0"
                )
        possible.add(link)
        if parts[2] == "-":
            sure.add(link)
    return Links(frozenset(sure), frozenset(possible))
