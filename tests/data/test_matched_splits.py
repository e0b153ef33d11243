import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from regard.data import (
    DataError,
    MatchedSplits,
    MatchedText,
    hold_out_matched,
    matched_splits_from_files,
)
from regard.interfaces import Matched

MANY = [Matched(f"left {each}", f"right {each}", str(each % 3)) for each in range(1_000)]
ANSWERS = [
    Matched(f"question {each // 7}", f"answer {each}", str(int(each % 7 == 0)), f"Q {each // 7}")
    for each in range(1_400)
]


def made(rows: Iterable[Matched], skipped: int = 0) -> MatchedText:
    return MatchedText("made", list(rows), skipped)


def write(path: Path, rows: list[Matched]) -> Path:
    path.write_text("\n".join(json.dumps(row._asdict()) for row in rows), encoding="utf-8")
    return path


def divided(rows: Iterable[Matched], **options: bool) -> tuple[list[Matched], list[Matched]]:
    train, validation = hold_out_matched(made(rows), **options)
    return train.rows, validation.rows


def test_a_tenth_is_held_out_and_nothing_lost() -> None:
    train, validation = divided(MANY)
    assert len(validation) == 100
    assert sorted(train + validation) == sorted(MANY)


def test_both_sides_keep_their_order() -> None:
    train, validation = divided(MANY)
    assert [row for row in MANY if row in set(train)] == train
    assert [row for row in MANY if row in set(validation)] == validation


def test_at_most_two_thousand_rows_are_held_out() -> None:
    rows = [Matched(str(each), "b", "01"[each % 2]) for each in range(21_000)]
    _, validation = divided(rows)
    assert len(validation) == 2_000


def test_what_is_held_out_depends_neither_on_order_nor_on_names() -> None:
    _, one = divided(MANY)
    _, other = hold_out_matched(MatchedText("other", MANY[::-1], 3))
    assert sorted(one) == sorted(other.rows)


def test_what_is_held_out_is_no_beginning() -> None:
    _, validation = divided(MANY)
    numbers = [int(row.left.split()[1]) for row in validation]
    assert 350 < sum(numbers) / len(numbers) < 650


def test_what_was_skipped_is_counted_once() -> None:
    train, validation = hold_out_matched(made(MANY, skipped=7))
    assert (train.name, train.skipped) == ("made", 7)
    assert (validation.name, validation.skipped) == ("made", 0)


def test_the_same_pair_stands_on_one_side() -> None:
    shouted = [Matched(left.upper(), f" {right}\n", label) for left, right, label, _ in MANY]
    turned = [Matched(right, left, label) for left, right, label, _ in MANY]
    rows = [*MANY, *shouted, *turned, *MANY]

    def pairs(found: list[Matched]) -> set[frozenset[str]]:
        return {frozenset((row.left.lower().strip(), row.right.lower().strip())) for row in found}

    train, validation = divided(rows)
    assert len(validation) == 400
    assert len(pairs(validation)) == 100
    assert not pairs(train) & pairs(validation)


def test_sides_that_are_divided_elsewhere_are_other_pairs() -> None:
    rows = [Matched("a b", "c", "0"), Matched("a", "b c", "0")]
    train, validation = divided(rows)
    assert len(train) == len(validation) == 1


def test_groups_are_held_out_wholly() -> None:
    train, validation = divided(ANSWERS)
    assert len(validation) == 140
    assert set(Counter(row.group for row in validation).values()) == {7}
    assert not {row.group for row in train} & {row.group for row in validation}


def test_groups_of_another_case_are_the_same() -> None:
    rows = [row._replace(group=row.group.lower()) for row in ANSWERS[::2]] + ANSWERS[1::2]
    train, validation = divided(rows)
    groups = [{row.group.lower() for row in part} for part in (train, validation)]
    assert groups[1]
    assert not groups[0] & groups[1]


def test_a_group_that_is_too_large_is_passed_over() -> None:
    large = [Matched("q", str(each), "01"[each % 2], "large") for each in range(500)]
    small = [Matched("q", str(each), "01"[each % 2], f"{each // 2}") for each in range(60)]
    _, validation = divided([*large, *small])
    assert len(validation) == 56
    assert "large" not in {row.group for row in validation}


def test_where_every_group_is_large_the_smallest_is_held_out() -> None:
    sizes = {"a": 50, "b": 30, "c": 40}
    rows = [Matched("q", str(i), "01"[i % 2], g) for g, size in sizes.items() for i in range(size)]
    train, validation = divided(rows)
    assert {row.group for row in validation} == {"b"}
    assert {row.group for row in train} == {"a", "c"}


def test_no_class_is_held_out_wholly() -> None:
    rare = [Matched(f"rare {each}", "b", f"rare {each}") for each in range(500)]
    train, validation = divided(MANY + rare)
    assert len(validation) == 150
    assert sum(row.label.startswith("rare") for row in train) == 500


def test_of_every_class_something_is_left_to_learn_from() -> None:
    two_each = [Matched(f"left {each}", "b", f"class {each // 2}") for each in range(1_000)]
    train, validation = divided(two_each)
    assert len(validation) == 100
    assert len({row.label for row in train}) == 500


def test_a_group_with_all_of_a_class_is_not_held_out() -> None:
    sizes = {"a": (2, "x"), "b": (5, "y"), "c": (4, "y")}
    rows = [Matched("q", str(i), x, g) for g, (size, x) in sizes.items() for i in range(size)]
    _, validation = divided(rows)
    assert {row.group for row in validation} == {"c"}


def test_of_grades_none_need_be_left() -> None:
    graded = [Matched(f"left {each}", "b", repr(each / 7)) for each in range(100)]
    train, validation = divided(graded, graded=True)
    assert (len(train), len(validation)) == (90, 10)
    with pytest.raises(DataError, match="too few pairs"):
        divided(graded)


@pytest.mark.parametrize("number", [2, 3, 9, 10])
def test_of_few_pairs_one_is_held_out(number: int) -> None:
    train, validation = divided(Matched(str(each), "b", "x") for each in range(number))
    assert (len(train), len(validation)) == (number - 1, 1)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(
    "rows",
    [
        [("a", "b", "x", "")],
        [("a", "b", "x", ""), ("A ", "b", "x", "")],
        [("a", "b", "x", "g"), ("c", "d", "x", "g")],
    ],
)
def test_too_few_pairs_are_refused(rows: list[tuple[str, str, str, str]], graded: bool) -> None:
    message = r"^made: too few pairs to hold any out; pass a validation file$"
    with pytest.raises(DataError, match=message):
        divided([Matched(*row) for row in rows], graded=graded)


def test_classes_of_one_pair_each_are_refused() -> None:
    with pytest.raises(DataError, match="too few pairs"):
        divided([Matched("a", "b", "x"), Matched("c", "d", "y")])


def test_a_persons_files_are_read(tmp_path: Path) -> None:
    parts = [MANY[:10], MANY[10:15], MANY[15:18]]
    names = ("train.jsonl", "validation.jsonl", "test.jsonl")
    paths = [write(tmp_path / name, rows) for name, rows in zip(names, parts, strict=True)]
    splits = matched_splits_from_files(*paths)
    assert splits == MatchedSplits(
        *(MatchedText(str(path), rows) for path, rows in zip(paths, parts, strict=True))
    )


def test_without_a_validation_file_some_are_held_out(tmp_path: Path) -> None:
    splits = matched_splits_from_files(write(tmp_path / "train.jsonl", ANSWERS), group="group")
    assert (splits.train.rows, splits.validation.rows) == divided(ANSWERS)
    assert splits.test is None


def test_columns_and_grades_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_text("a\tb\tscore\n" + "".join(f"{n}\tx\t{n / 7}\n" for n in range(1, 21)))
    columns = {"left": "a", "right": "b", "label": "score"}
    splits = matched_splits_from_files(path, test=path, graded=True, **columns)
    assert (len(splits.train.rows), len(splits.validation.rows)) == (18, 2)
    assert splits.test is not None
    assert splits.test.rows[0] == Matched("1", "x", str(1 / 7))


@pytest.mark.parametrize("missing", ["validation", "test"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    train = write(tmp_path / "train.jsonl", MANY)
    with pytest.raises(DataError, match=r"gone\.csv: no such file$"):
        matched_splits_from_files(train, **{missing: tmp_path / "gone.csv"})
