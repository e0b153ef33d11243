import csv
import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.data import DataError, read_matched
from regard.data.matched import collect_matched
from regard.interfaces import Matched

Rows = Sequence[Sequence[Any]]

COLUMNS = ("left", "right", "label")
ROWS = [
    ("who won ?", "she won .", "yes"),
    ("who won ?", "he lost .", "no"),
    ("你好吗", "🍎🍏", "no"),
]
MATCHED = [Matched(*row) for row in ROWS]


def save_tsv(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    lines = ["\t".join("" if each is None else each for each in row) for row in [columns, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_csv(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def save_jsonl(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    lines = (json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def save_parquet(path: Path, rows: Rows, columns: Sequence[str]) -> None:
    table = pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    parquet.write_table(table, path)


SAVE: dict[str, Callable[[Path, Rows, Sequence[str]], None]] = {
    "tsv": save_tsv,
    "csv": save_csv,
    "jsonl": save_jsonl,
    "parquet": save_parquet,
}
every_format = pytest.mark.parametrize("suffix", SAVE)
typed_format = pytest.mark.parametrize("suffix", ["jsonl", "parquet"])


def save(folder: Path, suffix: str, rows: Rows, columns: Sequence[str] = COLUMNS) -> Path:
    path = folder / f"data.{suffix}"
    SAVE[suffix](path, rows, columns)
    return path


@every_format
def test_a_table_is_read_by_its_columns(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, ROWS, ("a", "b", "same"))
    texts = read_matched(path, left="a", right="b", label="same")
    assert texts == (str(path), MATCHED, 0)


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_a_text_file_may_be_gzip(tmp_path: Path, suffix: str) -> None:
    zipped = tmp_path / f"data.{suffix}.gz"
    zipped.write_bytes(gzip.compress(save(tmp_path, suffix, ROWS).read_bytes()))
    assert read_matched(zipped).rows == MATCHED


@every_format
def test_a_group_is_read_where_there_is_a_column_of_it(tmp_path: Path, suffix: str) -> None:
    rows = [("q", "a", "0", "first"), ("q", "b", "1", " first "), ("q", "a", "0", "second")]
    path = save(tmp_path, suffix, rows, (*COLUMNS, "question"))
    groups = [row.group for row in read_matched(path, group="question").rows]
    assert groups == ["first", "first", "second"]
    assert {row.group for row in read_matched(path).rows} == {""}


@typed_format
def test_groups_may_be_numbers(tmp_path: Path, suffix: str) -> None:
    rows = [("q", "a", "0", 7), ("q", "b", "1", 12)]
    path = save(tmp_path, suffix, rows, (*COLUMNS, "question"))
    assert [row.group for row in read_matched(path, group="question").rows] == ["7", "12"]


@every_format
def test_a_row_without_its_group_is_named(tmp_path: Path, suffix: str) -> None:
    rows = [("q", "a", "0", "first"), ("q", "b", "1", None)]
    path = save(tmp_path, suffix, rows, (*COLUMNS, "question"))
    number = 2 if suffix in ("jsonl", "parquet") else 3
    message = rf"data\.{suffix}, \w+ {number}: 'question' is empty; every row needs its group$"
    with pytest.raises(DataError, match=message):
        read_matched(path, group="question")


@every_format
def test_a_row_that_is_skipped_needs_no_group(tmp_path: Path, suffix: str) -> None:
    rows = [("q", "a", "0", "first"), ("q", "b", None, None)]
    path = save(tmp_path, suffix, rows, (*COLUMNS, "question"))
    assert read_matched(path, group="question").skipped == 1


@every_format
def test_rows_without_label_or_any_text_are_skipped_and_counted(
    tmp_path: Path, suffix: str
) -> None:
    gaps = [
        ("no", "label", None),
        *ROWS,
        (" ", "\u3000", "yes"),
        (None, None, "no"),
        ("a", "b", " "),
    ]
    texts = read_matched(save(tmp_path, suffix, gaps))
    assert (texts.rows, texts.skipped) == (MATCHED, 4)


@every_format
def test_one_side_may_be_empty(tmp_path: Path, suffix: str) -> None:
    texts = read_matched(save(tmp_path, suffix, [(" a ", None, " yes "), (" ", "b", "no")]))
    assert texts.rows == [Matched("a", "", "yes"), Matched("", "b", "no")]
    assert texts.skipped == 0


@every_format
def test_rows_that_stand_twice_are_kept_twice(tmp_path: Path, suffix: str) -> None:
    assert read_matched(save(tmp_path, suffix, [*ROWS, *ROWS])).rows == [*MATCHED, *MATCHED]


@typed_format
@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([3, 10], ["3", "10"]),
        ([True, False], ["True", "False"]),
        ([1.0, 2.0], ["1", "2"]),
        ([3.7, 4.0], ["3.7", "4"]),
        ([-0.5, 1e-7], ["-0.5", "1e-07"]),
    ],
)
def test_labels_need_not_be_text(
    tmp_path: Path, suffix: str, values: list[Any], labels: list[str]
) -> None:
    path = save(tmp_path, suffix, [("a", "b", value) for value in values])
    assert [row.label for row in read_matched(path).rows] == labels


def test_labels_of_text_files_stay_as_they_are_written(tmp_path: Path) -> None:
    path = save(tmp_path, "csv", [("a", "b", "3.70"), ("a", "b", "04")])
    assert [row.label for row in read_matched(path).rows] == ["3.70", "04"]


@typed_format
def test_not_a_number_is_no_label(tmp_path: Path, suffix: str) -> None:
    texts = read_matched(save(tmp_path, suffix, [("a", "b", float("nan")), ("a", "b", 1.5)]))
    assert (texts.rows, texts.skipped) == ([Matched("a", "b", "1.5")], 1)


@typed_format
@pytest.mark.parametrize(("value", "kind"), [(["a"], "list"), ({"a": 1}, "dict")])
def test_a_label_of_another_kind_is_named(
    tmp_path: Path, suffix: str, value: Any, kind: str
) -> None:
    path = save(tmp_path, suffix, [("a", "b", value)])
    message = rf"data\.{suffix}, \w+ 1: 'label' must be text, a number or a truth value, got {kind}"
    with pytest.raises(DataError, match=message):
        read_matched(path)


@typed_format
def test_a_side_that_is_no_text_is_named(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, [("a", 3, "yes")])
    with pytest.raises(DataError, match=r", \w+ 1: 'right' must be text, got int$"):
        read_matched(path)


@every_format
@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_answered_with_the_nearest(
    tmp_path: Path, suffix: str, column: str
) -> None:
    columns = [name + "s" if name == column else name for name in COLUMNS]
    path = save(tmp_path, suffix, ROWS, columns)
    message = rf"data\.{suffix}.*: no column '{column}'; the nearest is '{column}s' of 3$"
    with pytest.raises(DataError, match=message):
        read_matched(path)


@every_format
def test_a_missing_group_is_answered_with_the_nearest(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, [(*row, "7") for row in ROWS], (*COLUMNS, "question"))
    with pytest.raises(DataError, match=r"no column 'questions'; the nearest is 'question' of 4$"):
        read_matched(path, group="questions")


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    path.touch()
    with pytest.raises(DataError, match=rf"data\.{suffix}: empty$"):
        read_matched(path)


@every_format
def test_a_label_column_that_is_empty_throughout_is_refused(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, [("a", "b", None), ("c", "d", None)])
    with pytest.raises(DataError, match=r"data\.\w+: none of 2 rows has a text and a label$"):
        read_matched(path)


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: no such file$"):
        read_matched(tmp_path / name)


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_a_huge_line_is_read(tmp_path: Path, suffix: str) -> None:
    huge = "word " * 400_000 + "end"
    path = save(tmp_path, suffix, [(huge, "b", "yes"), ("a", huge, "no")])
    assert read_matched(path).rows == [Matched(huge, "b", "yes"), Matched("a", huge, "no")]


def test_quotes_and_line_ends_of_a_csv_are_text(tmp_path: Path) -> None:
    rows = [('she said "no"', "a\nb", "yes"), ("a,b", "'", "no")]
    assert read_matched(save(tmp_path, "csv", rows)).rows == [Matched(*row) for row in rows]


def test_rows_are_gathered_from_anywhere() -> None:
    rows = iter([Matched(" a ", "b", "1", " g "), Matched("", "", "1"), Matched("a", "b", " ")])
    assert collect_matched(rows, "made") == ("made", [Matched("a", "b", "1", "g")], 2)
    with pytest.raises(DataError, match=r"^made: empty$"):
        collect_matched([], "made")
