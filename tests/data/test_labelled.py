import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.data import DataError, LabelledText, read_folder, read_labelled
from regard.interfaces import Labelled

ROWS = [("a fine film", "pos"), ("dull, very dull", "neg"), ("so-so", "neg")]
LABELLED = [Labelled(text, (label,)) for text, label in ROWS]

Rows = list[tuple[Any, Any]]


def save_tsv(path: Path, rows: Rows, columns: tuple[str, str]) -> None:
    lines = ["\t".join("" if each is None else each for each in row) for row in [columns, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_csv(path: Path, rows: Rows, columns: tuple[str, str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def save_jsonl(path: Path, rows: Rows, columns: tuple[str, str]) -> None:
    lines = (json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def save_parquet(path: Path, rows: Rows, columns: tuple[str, str]) -> None:
    table = pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
    parquet.write_table(table, path)


SAVE: dict[str, Callable[[Path, Rows, tuple[str, str]], None]] = {
    "tsv": save_tsv,
    "txt": save_tsv,
    "csv": save_csv,
    "jsonl": save_jsonl,
    "parquet": save_parquet,
}
every_format = pytest.mark.parametrize("suffix", SAVE)
typed_format = pytest.mark.parametrize("suffix", ["jsonl", "parquet"])


def save(
    folder: Path, suffix: str, rows: Rows, columns: tuple[str, str] = ("text", "label")
) -> Path:
    path = folder / f"data.{suffix}"
    SAVE[suffix](path, rows, columns)
    return path


@every_format
def test_a_table_is_read_by_its_columns(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, ROWS, ("review", "stars"))
    assert list(read_labelled(path, text="review", label="stars")) == LABELLED


def test_a_text_file_may_be_gzip(tmp_path: Path) -> None:
    path = save(tmp_path, "jsonl", ROWS)
    zipped = tmp_path / "data.jsonl.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_labelled(zipped)) == LABELLED


@every_format
def test_every_iteration_reads_anew(tmp_path: Path, suffix: str) -> None:
    texts = read_labelled(save(tmp_path, suffix, ROWS))
    assert list(texts) == list(texts) == LABELLED
    save(tmp_path, suffix, ROWS[:1])
    assert list(texts) == LABELLED[:1]


def test_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path, "jsonl", ROWS)
    with path.open("a", encoding="utf-8") as file:
        file.write("broken\n")
    rows = iter(read_labelled(path))
    assert [next(rows) for _ in ROWS] == LABELLED
    with pytest.raises(DataError, match=r"data\.jsonl, line 4: not JSON"):
        next(rows)


def test_the_texts_alone_can_be_read_twice(tmp_path: Path) -> None:
    texts = read_labelled(save(tmp_path, "csv", ROWS)).texts
    assert list(texts) == list(texts) == [text for text, _ in ROWS]


@every_format
def test_rows_without_text_or_label_are_skipped_and_counted(tmp_path: Path, suffix: str) -> None:
    gaps = [("no label", None), *ROWS, (" ", "pos"), (None, "neg"), ("blank label", " ")]
    texts = read_labelled(save(tmp_path, suffix, gaps))
    for _ in range(2):
        assert list(texts) == LABELLED
        assert texts.skipped == 4


@every_format
def test_a_label_column_that_is_empty_throughout_is_refused(tmp_path: Path, suffix: str) -> None:
    texts = read_labelled(save(tmp_path, suffix, [("one", None), ("two", None)]))
    with pytest.raises(DataError, match=r"data\.\w+: none of 2 rows has text and label$"):
        list(texts)


@pytest.mark.parametrize("suffix", ["tsv", "txt", "csv", "jsonl"])
def test_an_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    path.touch()
    with pytest.raises(DataError, match=rf"data\.{suffix}: empty$"):
        list(read_labelled(path))


@every_format
def test_a_missing_column_is_answered_with_the_nearest_at_once(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, ROWS, ("text", "labels"))
    with pytest.raises(DataError, match=r"no column 'label'; the nearest is 'labels' of 2$"):
        read_labelled(path)


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet"])
def test_a_missing_file_is_named_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: no such file$"):
        read_labelled(tmp_path / name)


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.doc: unknown format; expected \.tsv, \.txt, \.csv"):
        read_labelled(tmp_path / "data.doc")


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, [*ROWS, ("schoen", "pos")])
    path.write_bytes(path.read_bytes().replace(b"schoen", b"sch\xf6n"))
    line = 4 if suffix == "jsonl" else 5
    with pytest.raises(DataError, match=rf"data\.{suffix}, line {line}: not UTF-8"):
        list(read_labelled(path))


@typed_format
@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([3, 10], ["3", "10"]),
        ([True, False], ["True", "False"]),
        ([1.0, 2.0], ["1", "2"]),
    ],
)
def test_labels_need_not_be_text(
    tmp_path: Path, suffix: str, values: list[Any], labels: list[str]
) -> None:
    path = save(tmp_path, suffix, list(zip("ab", values, strict=True)))
    assert [row.labels for row in read_labelled(path)] == [(label,) for label in labels]


@typed_format
def test_not_a_number_is_no_label(tmp_path: Path, suffix: str) -> None:
    texts = read_labelled(save(tmp_path, suffix, [("a", float("nan")), ("b", 1.0)]))
    assert list(texts) == [Labelled("b", ("1",))]
    assert texts.skipped == 1


@typed_format
def test_a_list_is_several_labels(tmp_path: Path, suffix: str) -> None:
    rows = [("both", ["wheat", " corn", "wheat"]), ("none", []), ("one", ["corn"])]
    texts = read_labelled(save(tmp_path, suffix, rows))
    assert list(texts) == [Labelled("both", ("wheat", "corn")), Labelled("one", ("corn",))]
    assert texts.skipped == 1


@every_format
def test_a_separator_divides_labels(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path, suffix, [("both", "wheat; corn"), ("one", "corn;")])
    assert [row.labels for row in read_labelled(path, separator=";")] == [
        ("wheat", "corn"),
        ("corn",),
    ]


@typed_format
@pytest.mark.parametrize(("value", "kind"), [(0.5, "float"), ({"a": 1}, "dict")])
def test_a_label_of_another_kind_is_named(
    tmp_path: Path, suffix: str, value: Any, kind: str
) -> None:
    path = save(tmp_path, suffix, [("a", value)])
    message = rf"data\.{suffix}, \w+ 1: 'label' must be text, a whole number, .+, got {kind}$"
    with pytest.raises(DataError, match=message):
        list(read_labelled(path))


def make_folder(path: Path) -> Path:
    for label, number in (("pos", 2), ("neg", 1)):
        (path / label).mkdir(parents=True)
        for each in range(number):
            (path / label / f"{each}.txt").write_text(f"{label} {each}\nmore", encoding="utf-8")
    (path / "pos" / "notes.md").write_text("not a text")
    (path / ".hidden").mkdir()
    return path


def test_a_folder_has_a_folder_for_each_class(tmp_path: Path) -> None:
    texts = read_labelled(make_folder(tmp_path))
    expected = [
        Labelled("neg 0\nmore", ("neg",)),
        Labelled("pos 0\nmore", ("pos",)),
        Labelled("pos 1\nmore", ("pos",)),
    ]
    assert list(texts) == list(texts) == expected


def test_an_empty_file_of_a_folder_is_skipped(tmp_path: Path) -> None:
    (make_folder(tmp_path) / "pos" / "empty.txt").touch()
    texts = read_labelled(tmp_path)
    assert len(list(texts)) == 3
    assert texts.skipped == 1


def test_a_file_of_a_folder_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (make_folder(tmp_path) / "pos" / "1.txt").write_bytes(b"fine\nsch\xf6n")
    with pytest.raises(DataError, match=r"pos/1\.txt, line 2: not UTF-8"):
        list(read_labelled(tmp_path))
    assert list(read_folder(tmp_path, encoding="latin-1"))[-1].text == "fine\nschön"


def test_a_folder_without_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders in it; expected one for each class"):
        read_labelled(tmp_path)


def test_a_class_without_texts_is_named(tmp_path: Path) -> None:
    (make_folder(tmp_path) / "fair").mkdir()
    with pytest.raises(DataError, match=r"fair: no files \*\.txt in it$"):
        read_labelled(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such folder$"):
        read_folder(tmp_path / "gone")


def test_rows_may_be_chosen_and_rewritten() -> None:
    texts = LabelledText(lambda: [*LABELLED, Labelled("", ("pos",))], "made")
    chosen = texts.select(lambda row: row.labels == ("pos",))
    assert list(chosen) == LABELLED[:1]
    assert chosen.skipped == 1
    assert list(chosen.rewrite(str.upper)) == [Labelled("A FINE FILM", ("pos",))]


def test_texts_without_a_word_may_be_kept() -> None:
    texts = LabelledText(lambda: [Labelled(" ", ("pos",)), Labelled("", ())], "made")
    assert list(texts.rewrite(str.strip, keep_empty=True)) == [Labelled("", ("pos",))]


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_columns_of_other_names_are_not_taken_for_text_and_label(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"reviews{ending}"
    between = "," if ending == ".csv" else "\t"
    path.write_text(f"\nreview{between}sentiment\ngood{between}pos\nbad{between}neg\n", "utf-8")
    with pytest.raises(DataError, match="no column 'text'; the nearest is 'sentiment' of 2"):
        list(read_labelled(path))
    assert len(list(read_labelled(path, text="review", label="sentiment"))) == 2
