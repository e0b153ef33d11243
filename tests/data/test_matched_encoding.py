import numpy as np
import pytest
import torch

from regard.data import (
    DataError,
    EncodedMatched,
    Grades,
    Labels,
    PairFeatures,
    TextEncoder,
    Tokenizer,
    collate_matched,
    encode_matched,
    pair_lengths,
    split_words,
)
from regard.interfaces import Matched

ROWS = [Matched("a b c d", "b", "no"), Matched("b", "", "yes", "g"), Matched("猫", "🍎 a", "no")]
TOKENIZER = Tokenizer.words([f"{row.left} {row.right}" for row in ROWS], min_frequency=1)
ENCODER = TextEncoder(TOKENIZER, max_len=3)
LABELS = Labels(("no", "yes"))
GRADES = Grades(0.0, 4.0)


def ids(text: str) -> list[int]:
    known = TOKENIZER.vocab()
    return [known[word] for word in text.split()]


def test_each_side_is_encoded_and_cut() -> None:
    encoded = encode_matched(ROWS, ENCODER, LABELS)
    assert encoded == [
        EncodedMatched(ids("a b c"), ids("b"), [], 0),
        EncodedMatched(ids("b"), [], [], 1),
        EncodedMatched(ids("猫"), ids("🍎 a"), [], 0),
    ]


def test_grades_become_shares() -> None:
    rows = [Matched("a", "b", "1"), Matched("a", "b", "3.5")]
    assert [each.target for each in encode_matched(rows, ENCODER, GRADES)] == [[0.25], [0.875]]


def test_features_see_what_is_cut_off() -> None:
    features = PairFeatures.learn(ROWS)
    row = Matched("a b c d", "d", "no")
    [encoded] = encode_matched([row], ENCODER, LABELS, features)
    assert encoded.features == features.of(split_words("a b c d"), split_words("d"))
    assert encoded.features != features.of(split_words("a b c"), split_words("d"))


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(DataError, match="label 'maybe' does not stand in the training text"):
        encode_matched([*ROWS, Matched("a", "b", "maybe")], ENCODER, LABELS)


def test_a_label_outside_the_grades_is_named() -> None:
    with pytest.raises(DataError, match=r"label '5' lies outside the grades 0…4"):
        encode_matched([Matched("a", "b", "5")], ENCODER, GRADES)


def test_nothing_is_encoded_to_nothing() -> None:
    assert encode_matched([], ENCODER, LABELS) == []


def test_a_batch_is_padded_side_by_side() -> None:
    batch = collate_matched(encode_matched(ROWS, ENCODER, LABELS))
    assert batch.left.ids.tolist() == [ids("a b c"), [*ids("b"), 0, 0], [*ids("猫"), 0, 0]]
    assert batch.left.lengths.tolist() == [3, 1, 1]
    assert batch.right.ids.tolist() == [[*ids("b"), 0], [0, 0], ids("🍎 a")]
    assert batch.right.lengths.tolist() == [1, 0, 2]
    assert batch.target.tolist() == [0, 1, 0]
    assert batch.target.dtype == torch.int64


def test_without_features_there_are_no_columns() -> None:
    batch = collate_matched(encode_matched(ROWS, ENCODER, LABELS))
    assert batch.features.shape == (3, 0)
    assert batch.features.dtype == torch.float32


def test_features_are_rows_of_numbers() -> None:
    features = PairFeatures.learn(ROWS)
    batch = collate_matched(encode_matched(ROWS, ENCODER, LABELS, features))
    expected = [features.of(split_words(row.left), split_words(row.right)) for row in ROWS]
    assert batch.features.dtype == torch.float32
    assert torch.equal(batch.features, torch.tensor(expected))


def test_targets_of_grades_are_a_column() -> None:
    rows = [Matched("a", "b", "1"), Matched("a", "b", "4")]
    target = collate_matched(encode_matched(rows, ENCODER, GRADES)).target
    assert target.tolist() == [[0.25], [1.0]]
    assert target.dtype == torch.float32


def test_a_batch_may_have_empty_sides_only() -> None:
    batch = collate_matched(encode_matched([Matched("", "b", "no")], ENCODER, LABELS))
    assert batch.left.ids.shape == (1, 0)
    assert batch.left.lengths.tolist() == [0]


def test_a_pair_is_as_long_as_both_its_sides() -> None:
    assert pair_lengths(encode_matched(ROWS, ENCODER, LABELS)) == [4, 1, 3]
    arrays = EncodedMatched(np.zeros(5, np.int32), np.zeros(2, np.int32), [], 0)
    assert pair_lengths([arrays]) == [7]
