"""Whole texts to ids and back, with the ends of their lines."""

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from regard.data.files import StrPath
from regard.data.tokenizers import Tokenizer
from regard.interfaces import BOS, EOS, PAD, UNK

__all__ = ["LineTokenizer"]

_END, _END_AS_BYTE = "\n", "<0x0A>"


class LineTokenizer:
    """A tokenizer of lines that is used on texts, where the end of a line is a token of its own.

    Sub-words know blanks within a line only. Here the byte that ends a line stands between lines;
    of other blanks, sub-words keep no more than one.

    Args:
        lines: of characters, or of sub-words.
    """

    def __init__(self, lines: Tokenizer) -> None:
        self._lines = lines
        vocab = lines.vocab()
        self._end = vocab.get(_END, vocab.get(_END_AS_BYTE))

    @property
    def vocab_size(self) -> int:
        return self._lines.vocab_size

    def encode(self, text: str) -> list[int]:
        """Return the ids of the tokens of a text, without `BOS` and `EOS`."""
        [ids] = self.encode_batch([text])
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what `encode` returns for each text, computed in parallel."""
        lines = [text.split(_END) for text in texts]
        encoded = iter(self._lines.encode_batch(list(chain.from_iterable(lines))))
        return [self._joined(list(islice(encoded, len(each)))) for each in lines]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; `PAD`, `BOS` and `EOS` are left out, `UNK` is written `<unk>`.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        lines: list[list[int]] = [[]]
        for id_ in ids:
            if id_ == self._end:
                lines.append([])
            elif id_ not in (PAD, BOS, EOS):
                lines[-1].append(id_)
        return _END.join(map(self._lines.decode, lines))

    def id_tokens(self, ids: Iterable[int]) -> list[str]:
        """Return the token that each id stands for, a line feed for the end of a line.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        given = list(ids)
        tokens = self._lines.id_tokens(given)
        return [
            _END if id_ == self._end else token for id_, token in zip(given, tokens, strict=True)
        ]

    def unknown(self, text: str) -> str | None:
        """Return the first character of a text that no token stands for, if there is one."""
        for line in text.split(_END):
            ids, tokens = self._lines.encode(line), self._lines.tokens(line)
            for id_, token in zip(ids, tokens, strict=True):
                if id_ == UNK:
                    return token
        return _END if self._end is None and _END in text else None

    def num_characters(self, text: str) -> int:
        """Return how many characters a text has as it is encoded."""
        lines = text.split(_END)
        return sum(len(self._lines.normalize(line)) for line in lines) + len(lines) - 1

    def save(self, path: StrPath) -> None:
        """Write the tokenizer to a JSON file, wholly or not at all."""
        self._lines.save(path)

    @classmethod
    def load(cls, path: StrPath) -> "LineTokenizer":
        """Read a tokenizer that `save` wrote.

        Raises:
            DataError: if the file cannot be read or is damaged.
        """
        return cls(Tokenizer.load(path))

    def _joined(self, lines: list[list[int]]) -> list[int]:
        end = UNK if self._end is None else self._end
        first, *others = lines
        return first + [id_ for line in others for id_ in (end, *line)]
