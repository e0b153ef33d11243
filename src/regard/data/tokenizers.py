"""Text to ids and back: words, sub-words or characters, on top of the `tokenizers` library.

Every kind first normalizes: lower case if asked for, then Unicode NFC (canonical composition;
unlike NFKC it keeps what a person wrote, such as `½` or `…`). Words and sub-words also turn every
run of blanks into one space and drop the outer ones.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import not_

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from regard.data.files import DataError, StrPath, read_lines
from regard.data.names import find_names
from regard.files import replacing
from regard.interfaces import BOS, EOS, PAD, UNK

__all__ = ["SPECIALS", "Tokenizer"]

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
"""How `PAD`, `UNK`, `BOS` and `EOS` are written; within a text these are ordinary characters."""

_UNKNOWN = SPECIALS[UNK]
_SPACE = "▁"  # the space before a sub-word
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


class Tokenizer:
    """Divides text into the tokens of a vocabulary that begins with `SPECIALS`."""

    def __init__(self, backend: Backend) -> None:
        if tuple(map(backend.id_to_token, (PAD, UNK, BOS, EOS))) != SPECIALS:
            raise ValueError(f"the vocabulary must begin with {', '.join(SPECIALS)}")
        # Otherwise a text that spells "<eos>" would be read as the end of the sequence.
        backend.encode_special_tokens = True
        self._backend = backend
        self._for_ascii = _for_ascii(backend)

    def __reduce__(self) -> tuple[type["Tokenizer"], tuple[Backend]]:
        # The library does not pickle what `__init__` sets.
        return Tokenizer, (self._backend,)

    @classmethod
    def words(
        cls,
        texts: Iterable[str],
        *,
        min_frequency: int = 2,
        vocab_size: int | None = None,
        lowercase: bool = True,
        names: bool = True,
    ) -> "Tokenizer":
        r"""Learn words (`\w+`) and other single signs that stand in `texts` at least so often.

        Any other word is `UNK`. Decoding joins tokens with spaces: it does not restore the text.

        Args:
            vocab_size: how many tokens at most, special ones counted: the most frequent, of equally
                frequent ones the first in the order of their characters.
            names: False leaves out what is mostly written with a capital within sentences; `texts`
                are then read twice.

        Raises:
            ValueError: if `vocab_size` has no room for a word.
        """
        if vocab_size is not None and vocab_size <= len(SPECIALS):
            raise ValueError(f"vocab_size must be at least {len(SPECIALS) + 1}, got {vocab_size}")
        backend = Backend(models.WordLevel({}, unk_token=_UNKNOWN))
        backend.normalizer = _normalizer(lowercase, one_line=True)
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True)
        if names:
            return cls(_train_word_level(backend, texts, min_frequency, vocab_size))
        texts = list(texts) if isinstance(texts, Iterator) else texts
        left_out = find_names(texts)
        room = None if vocab_size is None else vocab_size + len(left_out)
        trained = _train_word_level(backend, texts, min_frequency, room)
        return cls(_without(trained, left_out, vocab_size))

    @classmethod
    def characters(cls, texts: Iterable[str], *, lowercase: bool = False) -> "Tokenizer":
        """Learn the characters (code points) of `texts`, blanks among them; any other is `UNK`."""
        backend = Backend(models.WordLevel({}, unk_token=_UNKNOWN))
        backend.normalizer = _normalizer(lowercase, one_line=False)
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        backend.decoder = decoders.Fuse()
        return cls(_train_word_level(backend, texts, min_frequency=1))

    @classmethod
    def bpe(
        cls, texts: Iterable[str], *, vocab_size: int = 8_000, lowercase: bool = False
    ) -> "Tokenizer":
        """Learn at most `vocab_size` sub-words by byte-pair encoding (Sennrich et al. 2016).

        Sub-words cross neither blanks nor punctuation; `▁` opens one that follows a space. What
        the vocabulary lacks is spelt in its bytes, so nothing is ever `UNK`, and decoding gives
        back the normalized text (`▁` itself is normalized to `_`). `texts` are read twice: of an
        iterator, all are kept in memory.

        Raises:
            ValueError: if `vocab_size` has no room for the special tokens, bytes and characters.
        """
        room = vocab_size - len(SPECIALS) - len(_BYTES)
        if room < 2:
            smallest = vocab_size - room + 2
            raise ValueError(f"vocab_size must be at least {smallest}, got {vocab_size}")
        backend = Backend(models.BPE(unk_token=_UNKNOWN))
        backend.normalizer = _normalizer(lowercase, one_line=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Metaspace(_SPACE, prepend_scheme="always", split=False),
                pre_tokenizers.Split(Regex(rf"{_SPACE}?(?:\w+|[^\w{_SPACE}])"), "isolated"),
            ]
        )
        backend.decoder = decoders.Sequence(
            [
                decoders.Replace(_SPACE, " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", left=1, right=0),
            ]
        )
        texts = list(texts) if isinstance(texts, Iterator) else texts
        alphabet = _frequent_characters(texts, backend.normalizer, room // 2 - 1)
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size - len(_BYTES),
            special_tokens=list(SPECIALS),
            initial_alphabet=[_SPACE, *alphabet],
            limit_alphabet=1 + len(alphabet),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        backend.model = _with_bytes(backend)
        return cls(backend)

    @property
    def vocab_size(self) -> int:
        return int(self._backend.get_vocab_size())

    def vocab(self) -> dict[str, int]:
        """Return the id of every token."""
        return dict(self._backend.get_vocab())

    def normalize(self, text: str) -> str:
        """Return the text as it is encoded."""
        return str(self._backend.normalizer.normalize_str(text))

    def as_written(self, text: str) -> str:
        """Return the text as a model with this tokenizer would write it, no word unknown to it."""
        return self.decode_tokens(self.tokens(text))

    def encode(self, text: str) -> list[int]:
        """Return the ids of the tokens of a text, without `BOS` and `EOS`."""
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what `encode` returns for each text, computed in parallel."""
        is_ascii = [text.isascii() for text in texts]
        plain, other = (
            iter(backend.encode_batch_fast(some, add_special_tokens=False))
            for backend, some in (
                (self._for_ascii, list(compress(texts, is_ascii))),
                (self._backend, list(compress(texts, map(not_, is_ascii)))),
            )
        )
        return [list(next(plain if ascii_ else other).ids) for ascii_ in is_ascii]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text, one per id of `encode`; an unknown one as it stands."""
        text = self.normalize(text)
        encoding = self._backend.encode(text, add_special_tokens=False)
        found = zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        return [text[start:end] if id_ == UNK else token for id_, token, (start, end) in found]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return which characters of a text the token of each id of `encode` stands for."""
        return list(self._backend.encode(text, add_special_tokens=False).offsets)

    def id_tokens(self, ids: Iterable[int]) -> list[str]:
        """Return the token that each id stands for.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        return [self._token(id_) for id_ in ids]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; `PAD`, `BOS` and `EOS` are left out, `UNK` is written `<unk>`.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        return self.decode_tokens(self.id_tokens(id_ for id_ in ids if id_ not in (PAD, BOS, EOS)))

    def decode_tokens(self, tokens: Sequence[str]) -> str:
        """Return the text of tokens, of which some may have been replaced by others."""
        if self._backend.decoder is None:
            return " ".join(tokens)
        return str(self._backend.decoder.decode(list(tokens)))

    def save(self, path: StrPath) -> None:
        """Write the tokenizer to a JSON file, wholly or not at all."""
        with replacing(path) as draft:
            draft.write_text(self._backend.to_str(pretty=True), encoding="utf-8")

    @classmethod
    def load(cls, path: StrPath) -> "Tokenizer":
        """Read a tokenizer that `save` wrote.

        Raises:
            DataError: if the file cannot be read or is damaged.
        """
        content = "\n".join(read_lines(path))
        try:
            return cls(Backend.from_str(content))
        except Exception as error:  # noqa: BLE001  the library raises nothing more specific
            reason = str(error).partition("\n")[0]
            raise DataError(f"{path}: damaged or not a tokenizer ({reason})") from None

    def _token(self, id_: int) -> str:
        if not 0 <= id_ < self.vocab_size:
            raise ValueError(f"ids must be from 0 to {self.vocab_size - 1}, got {id_}")
        return str(self._backend.id_to_token(id_))


def _normalizer(lowercase: bool, *, one_line: bool) -> normalizers.Normalizer:
    steps: list[normalizers.Normalizer] = [normalizers.Lowercase()] if lowercase else []
    steps.append(normalizers.NFC())
    if one_line:
        steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
        steps.append(normalizers.Replace(_SPACE, "_"))
    return normalizers.Sequence(steps)


def _for_ascii(backend: Backend) -> Backend:
    """Return what encodes ASCII text alike, twice as fast: without all that leaves it as it is."""
    steps: list[normalizers.Normalizer] = []
    if backend.normalizer.normalize_str("A") == "a":
        steps.append(normalizers.Lowercase())
    if isinstance(backend.model, models.BPE):  # words are found between blanks, however many
        steps += [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    fast = Backend(backend.model)
    fast.normalizer = normalizers.Sequence(steps)
    fast.pre_tokenizer = backend.pre_tokenizer
    return fast


def _frequent_characters(
    texts: Iterable[str], normalizer: normalizers.Normalizer, number: int
) -> list[str]:
    """Return the characters that stand in `texts` most often, the same in every process.

    The trainer's own choice among equally rare ones varies from process to process, and processes
    that train together would not agree on their vocabulary.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    del counts[" "]  # which stands as _SPACE
    return sorted(counts, key=lambda character: (-counts[character], character))[:number]


def _train_word_level(
    backend: Backend, texts: Iterable[str], min_frequency: int, vocab_size: int | None = None
) -> Backend:
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocab_size or 2**31,  # no limit
        min_frequency=min_frequency,
        special_tokens=list(SPECIALS),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def _without(backend: Backend, words: set[str], vocab_size: int | None) -> Backend:
    """Take words out of a vocabulary, in whatever case, and keep so many of the others."""
    learnt: dict[str, int] = backend.get_vocab()
    kept = [word for word in sorted(learnt, key=learnt.__getitem__) if word.lower() not in words]
    vocab = {word: number for number, word in enumerate(kept[:vocab_size])}
    backend.model = models.WordLevel(vocab, unk_token=_UNKNOWN)
    return backend


def _with_bytes(backend: Backend) -> models.BPE:
    """Return the trained model with a token for every byte, to spell what it does not know.

    Were the bytes special tokens of the trainer, decoding would have to tell them from the others.
    """
    learnt = json.loads(backend.to_str())["model"]
    vocab: dict[str, int] = learnt["vocab"]
    for byte in _BYTES:
        vocab[byte] = len(vocab)
    merges = [(left, right) for left, right in learnt["merges"]]
    return models.BPE(vocab, merges, unk_token=_UNKNOWN, byte_fallback=True)
