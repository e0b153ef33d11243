from pathlib import Path

import pytest

from regard.data import DataError, hold_out, splits_from_files
from regard.interfaces import Pair

# Every German sentence has three translations; upper case does not make it another sentence.
PAIRS = [
    Pair(f"Satz {number}" if number % 2 else f"SATZ {number // 3}", f"sentence {number}")
    for number in range(600)
] + [Pair(f"satz  {number}", f"phrase {number}") for number in range(200)]


def sentences(pairs: list[Pair]) -> set[str]:
    return {" ".join(pair.source.lower().split()) for pair in pairs}


def write(path: Path, pairs: list[Pair]) -> Path:
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    return path


def test_hold_out_divides_by_sentence() -> None:
    rest, held_out = hold_out(PAIRS, 30, by=lambda pair: pair.source, seed=1)
    assert len(sentences(held_out)) == 30
    assert not sentences(rest) & sentences(held_out)
    assert sorted(rest + held_out) == sorted(PAIRS)


def test_hold_out_keeps_the_order() -> None:
    for part in hold_out(PAIRS, 30, by=lambda pair: pair.source, seed=1):
        assert [pair for pair in PAIRS if pair in set(part)] == part


def test_hold_out_is_decided_by_the_seed() -> None:
    once, again, other = (
        hold_out(PAIRS, 30, by=lambda pair: pair.source, seed=seed) for seed in (1, 1, 2)
    )
    assert once == again
    assert once != other


def test_hold_out_leaves_something_to_learn_from() -> None:
    with pytest.raises(DataError, match="cannot hold out 2 of 2 distinct sentences and have any"):
        hold_out([Pair("ja", "yes"), Pair("nein", "no")], 2, by=lambda pair: pair.source, seed=0)


def test_given_splits_are_read_as_they_are(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", PAIRS[:500])
    validation = write(tmp_path / "validation.tsv", PAIRS[500:600])
    test = write(tmp_path / "test.tsv", PAIRS[600:])
    splits = splits_from_files(train, validation, test)
    assert [split.pairs for split in splits] == [
        PAIRS[:500],
        PAIRS[500:600],
        [Pair(" ".join(pair.source.split("\u00a0")), pair.target) for pair in PAIRS[600:]],
    ]


def test_aligned_files_and_columns_can_be_mixed(tmp_path: Path) -> None:
    (tmp_path / "train.de").write_text("ja\nnein\n\n")
    (tmp_path / "train.en").write_text("yes\nno\nnothing\n")
    (tmp_path / "validation.csv").write_text("en,de\nhello,hallo\n")
    train = (tmp_path / "train.de", tmp_path / "train.en")
    splits = splits_from_files(train, tmp_path / "validation.csv", source="de", target="en")
    assert splits.train.pairs == [Pair("ja", "yes"), Pair("nein", "no")]
    assert splits.train.skipped == 1
    assert splits.validation.pairs == [Pair("hallo", "hello")]
    assert splits.test.pairs == []


def test_without_validation_a_twentieth_of_the_sentences_is_held_out(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", [*PAIRS, Pair("", "nothing")])
    splits = splits_from_files(train)
    num_sentences = len(sentences(PAIRS))
    assert len(sentences(splits.validation.pairs)) == int(num_sentences * 0.05)
    assert not sentences(splits.train.pairs) & sentences(splits.validation.pairs)
    assert len(splits.train.pairs) + len(splits.validation.pairs) == len(PAIRS)
    assert splits.train.skipped == 1
    assert splits_from_files(train) == splits
    assert splits_from_files(train, seed=1) != splits


def test_at_most_a_thousand_sentences_are_held_out(tmp_path: Path) -> None:
    pairs = [Pair(f"Satz {number}", "sentence") for number in range(30_000)]
    splits = splits_from_files(write(tmp_path / "train.tsv", pairs))
    assert len(splits.validation.pairs) == 1_000


def test_one_sentence_cannot_be_shared(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", [Pair("ja", "yes"), Pair("Ja", "yep")])
    message = r"train\.tsv: one distinct sentence, none to hold out; pass a validation file$"
    with pytest.raises(DataError, match=message):
        splits_from_files(train)


def test_one_aligned_sentence_cannot_be_shared(tmp_path: Path) -> None:
    (tmp_path / "train.de").write_text("ja\n")
    (tmp_path / "train.en").write_text("yes\n")
    with pytest.raises(DataError, match=r"train\.de and .*train\.en: one distinct sentence"):
        splits_from_files((tmp_path / "train.de", tmp_path / "train.en"))
