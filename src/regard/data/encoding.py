"""Pairs of text to pairs of ids, and ids to the padded tensors a model reads."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from regard.data.files import DataError
from regard.data.tokenizers import Tokenizer
from regard.interfaces import BOS, EOS, PAD, LabelledBatch, Pair, Tokens, TranslationBatch

__all__ = [
    "EncodedLabelled",
    "EncodedPair",
    "EncodedText",
    "Ids",
    "collate",
    "collate_labelled",
    "encode_pairs",
    "encode_sources",
    "longer_sides",
    "pad",
]

Ids = Sequence[int] | NDArray[np.int32]


class EncodedPair(NamedTuple):
    """A pair as ids: the source ends in `EOS`, the target runs from `BOS` to `EOS`."""

    source: list[int]
    target: list[int]


class EncodedText(NamedTuple):
    """Encoded pairs, and how many were dropped because a side was too long."""

    pairs: list[EncodedPair]
    dropped: int


class EncodedLabelled(NamedTuple):
    """A text as ids, and its target (see `Labels.target`)."""

    ids: Ids
    target: int | list[float]


def encode_pairs(
    pairs: Sequence[Pair],
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    *,
    max_len: int | None = None,
) -> EncodedText:
    """Encode pairs; those with a side of more than `max_len` tokens are dropped and counted.

    `BOS` and `EOS` do not count. Without `max_len` every pair is kept.

    Raises:
        DataError: if every pair is too long.
    """
    sources = encode_sources([pair.source for pair in pairs], source_tokenizer)
    targets = target_tokenizer.encode_batch([pair.target for pair in pairs])
    encoded = [
        EncodedPair(source, [BOS, *target, EOS])
        for source, target in zip(sources, targets, strict=True)
        if max_len is None or max(len(source) - 1, len(target)) <= max_len
    ]
    if pairs and not encoded:
        raise DataError(f"all {len(pairs):,} pairs are longer than max_len={max_len} tokens")
    return EncodedText(encoded, len(pairs) - len(encoded))


def encode_sources(texts: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
    """Encode texts that are to be read; each ends in `EOS`, so that none is empty."""
    return [[*ids, EOS] for ids in tokenizer.encode_batch(texts)]


def longer_sides(pairs: Iterable[EncodedPair]) -> list[int]:
    """Return how many ids the longer side of each pair has."""
    return [max(len(source), len(target)) for source, target in pairs]


def collate(pairs: Iterable[tuple[Ids, Ids]]) -> TranslationBatch:
    """Make a batch of encoded pairs."""
    sources, targets = zip(*pairs, strict=True)
    return TranslationBatch(pad(sources), pad(targets))


def collate_labelled(examples: Iterable[EncodedLabelled]) -> LabelledBatch:
    """Make a batch of encoded texts with their targets."""
    texts, targets = zip(*examples, strict=True)
    return LabelledBatch(pad(texts), torch.tensor(targets))


def pad(sequences: Sequence[Ids]) -> Tokens:
    """Make a tensor of id sequences, padded at the end with `PAD` to the longest."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    ids = np.full((len(sequences), lengths.max()), PAD, dtype=np.int64)
    for row, length, sequence in zip(ids, lengths, sequences, strict=True):
        row[:length] = sequence
    return Tokens(torch.from_numpy(ids), torch.from_numpy(lengths))
