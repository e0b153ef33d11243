"""Pairs of text to pairs of ids, and ids to the padded tensors a model reads."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from regard.data.files import DataError
from regard.data.tokenizers import Tokenizer
from regard.interfaces import BOS, EOS, PAD, Pair, Tokens, TranslationBatch

__all__ = ["EncodedPair", "EncodedText", "collate", "encode_pairs", "encode_sources", "pad"]


class EncodedPair(NamedTuple):
    """A pair as ids: the source ends in `EOS`, the target runs from `BOS` to `EOS`."""

    source: list[int]
    target: list[int]


class EncodedText(NamedTuple):
    """Encoded pairs, and how many were dropped because a side was too long."""

    pairs: list[EncodedPair]
    dropped: int


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


def collate(pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> TranslationBatch:
    """Make a batch of encoded pairs."""
    sources, targets = zip(*pairs, strict=True)
    return TranslationBatch(pad(sources), pad(targets))


def pad(sequences: Sequence[Sequence[int]]) -> Tokens:
    """Make a tensor of id sequences, padded at the end with `PAD` to the longest."""
    longest = max(map(len, sequences))
    rows = [[*sequence, *[PAD] * (longest - len(sequence))] for sequence in sequences]
    return Tokens(torch.tensor(rows), torch.tensor([len(sequence) for sequence in sequences]))
