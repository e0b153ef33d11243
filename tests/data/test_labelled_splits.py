import json
from pathlib import Path

import pytest

from regard.data import DataError, LabelledText, hold_out_labelled, labelled_splits_from_files
from regard.data.labelled_splits import fold
from regard.interfaces import Labelled

MANY = [Labelled(f"text number {number}", (str(number % 3),)) for number in range(2_000)]


def made(rows: list[Labelled]) -> LabelledText:
    return LabelledText(lambda: rows, "made")


def write(path: Path, rows: list[Labelled]) -> Path:
    lines = (json.dumps({"text": row.text, "label": row.labels[0]}) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_about_a_tenth_is_held_out_and_nothing_lost() -> None:
    train, validation = map(list, hold_out_labelled(made(MANY)))
    assert 150 < len(validation) < 250
    assert sorted(train + validation) == sorted(MANY)


def test_of_many_texts_a_smaller_share_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regard.data.labelled_splits.MAX_HELD_OUT", 50)
    _, validation = hold_out_labelled(made(MANY))
    assert 25 < len(list(validation)) < 80


def test_what_is_held_out_does_not_depend_on_the_order() -> None:
    _, one = hold_out_labelled(made(MANY))
    _, other = hold_out_labelled(made(MANY[::-1]))
    assert sorted(one) == sorted(other)


def test_equal_texts_stand_on_one_side() -> None:
    twice = [Labelled(text.upper().replace(" ", "\n "), labels) for text, labels in MANY]
    train, validation = (
        {" ".join(row.text.lower().split()) for row in part}
        for part in hold_out_labelled(made(MANY + twice))
    )
    assert validation
    assert not train & validation


def test_no_class_is_held_out_wholly() -> None:
    rare = [Labelled(f"rare {number}", ("0", f"rare {number}")) for number in range(500)]
    train, _ = hold_out_labelled(made(MANY + rare))
    assert sum(len(row.labels) == 2 for row in train) == 500


@pytest.mark.parametrize("number", [3, 5, 10])
def test_of_few_texts_one_at_least_is_held_out(number: int) -> None:
    few = [Labelled(f"few {each}", (label,)) for each in range(number) for label in ("a",)]
    train, validation = map(list, hold_out_labelled(made(few)))
    assert len(validation) >= 1
    assert len(train) + len(validation) == number


@pytest.mark.parametrize(
    "rows", [[("a", "x")], [("a", "x"), ("A ", "x")], [("a", "x"), ("b", "y")]]
)
def test_too_few_texts_are_refused(rows: list[tuple[str, str]]) -> None:
    few = [Labelled(text, (label,)) for text, label in rows]
    with pytest.raises(DataError, match="made: too few texts to hold any out; pass a validation"):
        hold_out_labelled(made(few))


def test_skipped_rows_are_counted_once() -> None:
    gaps = [*MANY, *[Labelled("", ("0",))] * 7]
    train, validation = hold_out_labelled(made(gaps))
    assert len(list(train)) + len(list(validation)) == len(MANY)
    assert (train.skipped, validation.skipped) == (7, 0)


def test_a_persons_files_are_read(tmp_path: Path) -> None:
    parts = [MANY[:10], MANY[10:15], MANY[15:18]]
    names = ("train.jsonl", "validation.jsonl", "test.jsonl")
    paths = [write(tmp_path / name, rows) for name, rows in zip(names, parts, strict=True)]
    splits = labelled_splits_from_files(*paths)
    assert [list(split or []) for split in splits] == parts


def test_without_a_validation_file_some_are_held_out(tmp_path: Path) -> None:
    splits = labelled_splits_from_files(write(tmp_path / "train.jsonl", MANY))
    assert sorted([*splits.train, *splits.validation]) == sorted(MANY)
    assert splits.test is None


def test_a_missing_test_file_is_named_before_anything_is_read(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", MANY)
    with pytest.raises(DataError, match=r"gone\.csv: no such file$"):
        labelled_splits_from_files(train, test=tmp_path / "gone.csv")


def test_folds_are_of_similar_size() -> None:
    sizes = [sum(fold(row.text, 10) == number for row in MANY) for number in range(10)]
    assert sum(sizes) == len(MANY)
    assert 140 < min(sizes) <= max(sizes) < 260
    assert fold("Ein  Text", 10) == fold(" ein text\n", 10)
