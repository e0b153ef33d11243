"""Beginnings of what is too long to be shown whole, and how they are said to be beginnings."""

from collections.abc import Sequence
from dataclasses import replace

from regard.inspection.alignment import Alignment
from regard.inspection.shading import Passage, Piece

__all__ = ["MOST_LETTERS", "MOST_TOKENS", "beginning", "cut_notice", "first_passages"]

MOST_TOKENS = 128
"""Rows, and columns, of what is shown of a matrix."""

MOST_LETTERS = 10_000
"""Of what is shown of a text."""

_WHERE_ALL = "a page has all: regard inspect --html"


def beginning(alignment: Alignment, most: int = MOST_TOKENS) -> Alignment:
    """Return the first so many target tokens and source tokens of an alignment.

    >>> import torch
    >>> both = beginning(Alignment(torch.eye(3), ["a", "b", "c"], ["x", "y", "z"]), 2)
    >>> both.source, both.target
    (['a', 'b'], ['x', 'y'])
    """
    if max(len(alignment.source), len(alignment.target)) <= most:
        return alignment
    return replace(
        alignment,
        weights=alignment.weights[:most, :most],
        source=alignment.source[:most],
        target=alignment.target[:most],
    )


def first_passages(
    passages: Sequence[Passage], most: int = MOST_LETTERS
) -> tuple[list[Passage], str]:
    """Return as much of passages as so many letters allow, and what to say of the rest, if any.

    >>> passage = Passage([Piece("one"), Piece(" "), Piece("two")], 1.0, 1.0)
    >>> [shown], _ = first_passages([passage], 6)
    >>> [piece.text for piece in shown.pieces]
    ['one', ' ', 'tw']
    """
    kept: list[Passage] = []
    room = most
    for passage in passages:
        has_room, pieces = room > 0, list[Piece]()
        for piece in passage.pieces:
            if room > 0:
                pieces.append(piece._replace(text=piece.text[:room]))
            room -= len(piece.text)
        if has_room:
            kept.append(passage._replace(pieces=pieces))
    return kept, cut_notice((most, most - room, "letters"))


def cut_notice(*counts: tuple[int, int, str]) -> str:
    """Say of what only the first are shown, and where all are; nothing where all are shown.

    Args:
        counts: how many are shown, how many there are, and of what.

    >>> cut_notice((128, 4000, "source tokens"), (3, 3, "target tokens"))
    'the first 128 of 4,000 source tokens; a page has all: regard inspect --html'
    """
    cut = [
        f"the first {most:,} of {count:,} {what}" for most, count, what in counts if count > most
    ]
    return f"{', '.join(cut)}; {_WHERE_ALL}" if cut else ""
