"""From a text to the ids that a reader of texts takes, and where in the text they stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

from regard.data.sentences import split_sentences
from regard.data.tokenizers import Tokenizer
from regard.interfaces import EOS

__all__ = ["Encoder", "Keep", "SentenceEncoder", "Span", "TextEncoder"]

Keep = Literal["first", "last", "both"]
"""Which part of a text that is too long is read: its beginning, its end, or half of each."""

Span = tuple[int, int]
"""The first character of a token, and the one behind its last."""

Item = TypeVar("Item")


@runtime_checkable
class Encoder(Protocol):
    """Divides texts into tokens; no text is left out, and one without a word has no ids."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""

    def spans(self, text: str) -> list[Span]:
        """Return which characters of the text each id stands for; of `EOS`, none."""


@dataclass(frozen=True)
class TextEncoder:
    """Reads a text as one sequence.

    Args:
        max_len: tokens read of a text; what is beyond is cut off.
    """

    tokenizer: Tokenizer
    max_len: int | None = None
    keep: Keep = "first"

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [_cut(ids, self.max_len, self.keep) for ids in self.tokenizer.encode_batch(texts)]

    def spans(self, text: str) -> list[Span]:
        return _cut(self.tokenizer.spans(text), self.max_len, self.keep)


@dataclass(frozen=True)
class SentenceEncoder:
    """Reads a text as sentences, of which each ends in `EOS`.

    Args:
        max_len: tokens read of a text, `EOS` not counted; what is beyond is cut off.
        max_words: tokens of a sentence, `EOS` not counted; a longer one is divided.
    """

    tokenizer: Tokenizer
    max_len: int | None = None
    keep: Keep = "first"
    max_words: int = 50

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        divided = [split_sentences(text) for text in texts]
        encoded = iter(self.tokenizer.encode_batch([part for parts in divided for part in parts]))
        return [self._joined([next(encoded) for _ in parts], EOS) for parts in divided]

    def spans(self, text: str) -> list[Span]:
        parts, end = [], 0
        for sentence in split_sentences(text):
            start = text.index(sentence, end)
            end = start + len(sentence)
            within = self.tokenizer.spans(sentence)
            parts.append([(start + first, start + last) for first, last in within])
        return self._joined(parts, (0, 0))

    def _joined(self, sentences: list[list[Item]], end: Item) -> list[Item]:
        read = _cut_sentences(sentences, self.max_len, self.keep)
        short = [part for sentence in read for part in _parts(sentence, self.max_words)]
        return [item for sentence in short for item in (*sentence, end)]


def _cut(items: list[Item], limit: int | None, keep: Keep) -> list[Item]:
    if limit is None or len(items) <= limit:
        return items
    num_first = _num_first(limit, keep)
    return items[:num_first] + items[len(items) - limit + num_first :]


def _cut_sentences(sentences: list[list[Item]], limit: int | None, keep: Keep) -> list[list[Item]]:
    """Keep of each sentence what `_cut` would keep of all of them in one."""
    total = sum(map(len, sentences))
    if limit is None or total <= limit:
        return sentences
    first_end = _num_first(limit, keep)
    last_start = total - limit + first_end
    cut, start = [], 0
    for sentence in sentences:
        first = sentence[: max(0, first_end - start)]
        cut.append(first + sentence[max(0, last_start - start) :])
        start += len(sentence)
    return cut


def _num_first(limit: int, keep: Keep) -> int:
    return {"first": limit, "last": 0, "both": (limit + 1) // 2}[keep]


def _parts(sentence: list[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(sentence), size):
        yield sentence[start : start + size]
