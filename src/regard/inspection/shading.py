"""The drawing model of a text whose tokens have weights: what every shaded text is made from."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import groupby, pairwise
from typing import NamedTuple

from torch import Tensor

from regard.inspection.checks import TOLERANCE, check_floating_point, check_range
from regard.inspection.spans import border, check_spans, end_of_word, without_blanks

__all__ = ["Passage", "Piece", "ShadedText", "percentage"]


class Piece(NamedTuple):
    """A stretch of a text: what a token stands for, or what stands between tokens (weight 0).

    `shade` is how strongly it is to be shaded: 1 is the strongest of the text.
    """

    text: str
    weight: float = 0.0
    shade: float = 0.0


class Passage(NamedTuple):
    """A sentence, or a whole text without sentences: its pieces, and its share of the weight.

    `shade` is that share as a part of the largest share of any passage.
    """

    pieces: list[Piece]
    share: float
    shade: float


@dataclass(frozen=True, eq=False)
class ShadedText:
    """A text as it was written, and how much each of its tokens counts.

    `spans` says which characters of the text each token stands for: first, and one past the last.
    What no token stands for is shown without shade. Tokens that share characters, such as the bytes
    of a letter, are drawn as one. `sentences` is the number of the sentence that each token belongs
    to, where sentences have weights of their own.

    A token is shaded by its weight w over the largest weight; with sentences, by √p_s · p_w over
    the largest of these, where p_s is the weight of all tokens of the sentence, and p_w = w / p_s:
    so that a word that leads its sentence is seen even if the sentence counts for little.

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", §3.5.

    Raises:
        TypeError: the weights are no floating-point tensor, the text is no text, or spans or
            sentences are not made of whole numbers.
        ValueError: spans, weights and sentences do not fit each other or the text, or the weights
            do not sum to 1, or to 0 where nothing counts.
    """

    text: str
    spans: Sequence[tuple[int, int]]
    weights: Tensor
    sentences: Sequence[int] | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"text must be a str; got {type(self.text).__name__}")
        check_floating_point(self.weights)
        check_spans(self.spans, len(self.text))
        _check_weights(self.weights.detach(), len(self.spans))
        if self.sentences is not None:
            _check_sentences(self.sentences, len(self.spans))

    def passages(self) -> list[Passage]:
        """Return the text in sentences without the blanks around them, or whole if it has none.

        What follows the last token, behind a blank, is a passage of its own: a reader of sentences
        may stop before the end.
        """
        marks = self._marks()
        strongest = max((mark.strength for mark in marks), default=0.0) or 1.0
        sentences = self._sentences(marks)
        shares = [math.fsum(mark.weight for mark in members) for members, _ in sentences]
        largest = max(shares) or 1.0
        return [
            Passage(list(self._pieces(members, *extent, strongest)), share, share / largest)
            for (members, extent), share in zip(sentences, shares, strict=True)
        ]

    def strongest(self, count: int = 5) -> list[Piece]:
        """Return at most so many tokens with the largest weights, none of them 0, largest first."""
        pieces = (piece for passage in self.passages() for piece in passage.pieces if piece.weight)
        return nlargest(count, pieces, key=lambda piece: piece.weight)

    def why_unshaded(self) -> str:
        """Return what to say where nothing is shaded, else an empty text."""
        if not self.text:
            return "nothing to draw: the text is empty"
        if not self.spans or not self.weights.any():
            return "nothing is shaded: no token has any weight"
        return ""

    def _marks(self) -> list["_Mark"]:
        """Return where the tokens stand, without the blanks around them, and what they count."""
        weights = self.weights.detach().cpu().double().clamp(0, 1).tolist()
        sentences = self.sentences if self.sentences is not None else [0] * len(weights)
        shares: defaultdict[int, float] = defaultdict(float)
        for sentence, weight in zip(sentences, weights, strict=True):
            shares[sentence] += weight
        marks: list[_Mark] = []
        for (start, end), weight, sentence in zip(self.spans, weights, sentences, strict=True):
            first, last = without_blanks(self.text, start, end)
            strength = weight
            if self.sentences is not None and weight:
                strength /= math.sqrt(shares[sentence])
            if marks and first < marks[-1].end:
                marks[-1] = marks[-1].with_another(last, weight, strength)
            else:
                marks.append(_Mark(first, last, weight, strength, sentence))
        return marks

    def _sentences(self, marks: list["_Mark"]) -> list[tuple[list["_Mark"], tuple[int, int]]]:
        """Return the tokens of each sentence, and where it begins and ends in the text."""
        if self.sentences is None or not marks:
            return [(marks, (0, len(self.text)))]
        groups = [list(group) for _, group in groupby(marks, key=lambda mark: mark.sentence)]
        borders = [
            0,
            *(border(self.text, one[-1].end, two[0].start) for one, two in pairwise(groups)),
            end_of_word(self.text, marks[-1].end),
            len(self.text),
        ]
        extents = [without_blanks(self.text, *extent) for extent in pairwise(borders)]
        found = list(zip([*groups, []], extents, strict=True))
        return found if self.text[slice(*extents[-1])].strip() else found[:-1]

    def _pieces(
        self, marks: Sequence["_Mark"], start: int, end: int, strongest: float
    ) -> Iterator[Piece]:
        for mark in marks:
            if start < mark.start:
                yield Piece(self.text[start : mark.start])
            if mark.start < mark.end:
                yield Piece(
                    self.text[mark.start : mark.end], mark.weight, mark.strength / strongest
                )
            start = mark.end
        if start < end:
            yield Piece(self.text[start:end])


class _Mark(NamedTuple):
    """Characters of the text that one or more tokens stand for."""

    start: int
    end: int
    weight: float
    strength: float
    sentence: int

    def with_another(self, end: int, weight: float, strength: float) -> "_Mark":
        """Return the mark with a further token in it."""
        return self._replace(
            end=end, weight=self.weight + weight, strength=self.strength + strength
        )


def percentage(share: float) -> str:
    """Return a share of the weight as people read it.

    >>> percentage(0.12345), percentage(0.0004), percentage(0.0)
    ('12.3 %', '< 0.1 %', '0 %')
    """
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.1f} %" if share else "0 %"


def _check_weights(weights: Tensor, num_tokens: int) -> None:
    if tuple(weights.shape) != (num_tokens,):
        hint = " Choose one text first." if weights.ndim > 1 else " Leave out padding."
        raise ValueError(
            f"weights must have shape (tokens={num_tokens},), one for each span; "
            f"got {tuple(weights.shape)}.{hint}"
        )
    check_range(weights)
    total = weights.double().sum().item()
    if weights.any() and abs(total - 1) > TOLERANCE:
        raise ValueError(
            f"weights must sum to 1, or all be 0; got a sum of {total:.4g}. "
            "Divide them by their sum before drawing them."
        )


def _check_sentences(sentences: Sequence[int], num_tokens: int) -> None:
    if len(sentences) != num_tokens:
        raise ValueError(
            f"sentences must have a number for each of the {num_tokens} spans; got {len(sentences)}"
        )
    for position, sentence in enumerate(sentences):
        if not isinstance(sentence, int):
            raise TypeError(
                f"sentences must be whole numbers; got {type(sentence).__name__} at position "
                f"{position}"
            )
        if position and sentence < sentences[position - 1]:
            raise ValueError(
                f"sentences must never go back; got {sentence} after {sentences[position - 1]} at "
                f"position {position}. Number them in the order of the text."
            )
