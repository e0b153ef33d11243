from collections.abc import Callable

import pytest
import torch

from regard.data import DataError, Tokenizer, collate, encode_pairs, encode_sources
from regard.interfaces import BOS, EOS, PAD, UNK, Pair

PAIRS = [
    Pair("ein Hund rennt", "a dog runs"),
    Pair("ein Mann", "a man"),
    Pair("zwei Männer stehen da", "two men"),
]
GERMAN = Tokenizer.words([pair.source for pair in PAIRS], min_frequency=1)
ENGLISH = Tokenizer.words([pair.target for pair in PAIRS], min_frequency=1)


def test_sources_end_in_eos_and_targets_run_from_bos_to_eos() -> None:
    encoded, dropped = encode_pairs(PAIRS, GERMAN, ENGLISH)
    assert dropped == 0
    for (source, target), pair in zip(encoded, PAIRS, strict=True):
        assert source == [*GERMAN.encode(pair.source), EOS]
        assert target == [BOS, *ENGLISH.encode(pair.target), EOS]


@pytest.mark.parametrize(("max_len", "kept"), [(4, [0, 1, 2]), (3, [0, 1]), (2, [1])])
def test_pairs_with_a_long_side_are_dropped_and_counted(max_len: int, kept: list[int]) -> None:
    whole = encode_pairs(PAIRS, GERMAN, ENGLISH).pairs
    encoded = encode_pairs(PAIRS, GERMAN, ENGLISH, max_len=max_len)
    assert encoded.pairs == [whole[index] for index in kept]
    assert encoded.dropped == len(PAIRS) - len(kept)


@pytest.mark.parametrize("make", [Tokenizer.words, Tokenizer.bpe, Tokenizer.characters])
def test_a_line_of_a_hundred_thousand_characters_is_dropped(
    make: Callable[[list[str]], Tokenizer],
) -> None:
    long = [Pair("sehr " * 20_000, "very"), Pair("x" * 100_000, "x"), Pair("y", "ab" * 50_000)]
    tokenizer = make([text for pair in PAIRS for text in pair])
    encoded = encode_pairs([*PAIRS, *long], tokenizer, tokenizer, max_len=100)
    is_one_word = [max(map(len, map(tokenizer.tokens, pair))) <= 100 for pair in long]
    assert encoded.dropped == is_one_word.count(False) >= 1
    assert len(encoded.pairs) == len(PAIRS) + is_one_word.count(True)


def test_nothing_left_is_refused() -> None:
    with pytest.raises(DataError, match=r"all 3 pairs are longer than max_len=1 tokens$"):
        encode_pairs(PAIRS, GERMAN, ENGLISH, max_len=1)


def test_sources_of_any_kind_are_never_empty() -> None:
    assert encode_sources(["", "unbekannt"], GERMAN) == [[EOS], [UNK, EOS]]


def test_a_batch_is_padded_at_the_end() -> None:
    batch = collate([([5, EOS], [BOS, 7, 8, EOS]), ([5, 6, 4, EOS], [BOS, EOS])])
    assert batch.source.ids.tolist() == [[5, EOS, PAD, PAD], [5, 6, 4, EOS]]
    assert batch.source.lengths.tolist() == [2, 4]
    assert batch.target.ids.tolist() == [[BOS, 7, 8, EOS], [BOS, EOS, PAD, PAD]]
    assert batch.target.lengths.tolist() == [4, 2]


def test_a_batch_is_int64_on_the_cpu() -> None:
    batch = collate(encode_pairs(PAIRS, GERMAN, ENGLISH).pairs)
    for tensor in (*batch.source, *batch.target):
        assert tensor.dtype == torch.int64
        assert tensor.device.type == "cpu"
