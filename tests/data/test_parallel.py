import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from regard.data import DataError, ParallelText, read_aligned, read_pairs
from regard.interfaces import Pair

PAIRS = [Pair("ein Haus", "a house"), Pair('der "Hut", rot', "the hat,\u2028red")]
LONG = Pair("sehr " * 20_000, "x" * 200_000)

Columns = tuple[str, str]


def save_tsv(path: Path, pairs: list[Pair], columns: Columns) -> None:
    lines = ["\t".join(row) for row in [columns, *pairs]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_csv(path: Path, pairs: list[Pair], columns: Columns) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *pairs])


def save_jsonl(path: Path, pairs: list[Pair], columns: Columns) -> None:
    rows = (json.dumps(dict(zip(columns, pair, strict=True))) for pair in pairs)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def save_parquet(path: Path, pairs: list[Pair], columns: Columns) -> None:
    table = pa.table(dict(zip(columns, map(list, zip(*pairs, strict=True)), strict=True)))
    parquet.write_table(table, path)


SAVE: dict[str, Callable[[Path, list[Pair], Columns], None]] = {
    "tsv": save_tsv,
    "txt": save_tsv,
    "csv": save_csv,
    "jsonl": save_jsonl,
    "parquet": save_parquet,
}
TEXT_FORMATS = [name for name in SAVE if name != "parquet"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def compress(path: Path) -> Path:
    compressed = path.with_name(f"{path.name}.gz")
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    return compressed


@pytest.mark.parametrize("suffix", SAVE)
@pytest.mark.parametrize("columns", [("source", "target"), ("de", "en")])
def test_columns_are_chosen_by_name(tmp_path: Path, suffix: str, columns: Columns) -> None:
    path = tmp_path / f"data.{suffix}"
    SAVE[suffix](path, PAIRS, columns)
    assert read_pairs(path, source=columns[0], target=columns[1]) == ParallelText(PAIRS, 0)
    swapped = read_pairs(path, source=columns[1], target=columns[0])
    assert swapped.pairs == [Pair(target, source) for source, target in PAIRS]


@pytest.mark.parametrize("suffix", TEXT_FORMATS)
def test_every_text_format_may_be_gzip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    SAVE[suffix](path, PAIRS, ("source", "target"))
    assert read_pairs(compress(path)) == ParallelText(PAIRS, 0)


@pytest.mark.parametrize("suffix", SAVE)
def test_an_overlong_line_is_read_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    SAVE[suffix](path, [LONG, *PAIRS], ("source", "target"))
    long = Pair(LONG.source.strip(), LONG.target)
    assert read_pairs(path).pairs == [long, *PAIRS]


@pytest.mark.parametrize("suffix", SAVE)
def test_rows_with_an_empty_side_are_skipped_and_counted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    gaps = [Pair("", "nothing"), *PAIRS, Pair("nichts", " \u00a0")]
    SAVE[suffix](path, gaps, ("source", "target"))
    assert read_pairs(path) == ParallelText(PAIRS, 2)


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_blank_lines_are_skipped_and_counted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    SAVE[suffix](path, PAIRS, ("source", "target"))
    with path.open("a", encoding="utf-8") as file:
        file.write("\n \n")
    assert read_pairs(path) == ParallelText(PAIRS, 2)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_null_is_an_empty_side(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    if suffix == "jsonl":
        write(path, '{"source": null, "target": "a"}\n{"source": "ein", "target": "a"}')
    else:
        parquet.write_table(pa.table({"source": [None, "ein"], "target": ["a", "a"]}), path)
    assert read_pairs(path) == ParallelText([Pair("ein", "a")], 1)


def test_further_columns_are_ignored(tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv", "id\ttarget\tsource\n1\ta house\tein Haus\n")
    assert read_pairs(path).pairs == [Pair("ein Haus", "a house")]


@pytest.mark.parametrize(("suffix", "separator"), [("tsv", "\t"), ("txt", "\t"), ("csv", ",")])
def test_without_a_header_the_first_two_columns_count(
    tmp_path: Path, suffix: str, separator: str
) -> None:
    path = write(tmp_path / f"data.{suffix}", separator.join(["Hallo", "Hello", "CC BY"]))
    assert read_pairs(path).pairs == [Pair("Hallo", "Hello")]


def test_csv_fields_may_hold_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'source,target\n"zwei\nZeilen","two\nlines"\n')
    assert read_pairs(path).pairs == [Pair("zwei\nZeilen", "two\nlines")]


@pytest.mark.parametrize("suffix", SAVE)
def test_a_wrong_column_is_answered_with_the_nearest(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    SAVE[suffix](path, PAIRS, ("german", "english"))
    message = rf"data\.{suffix}.*: no column 'germn'; the nearest is 'german' of 2$"
    with pytest.raises(DataError, match=message):
        read_pairs(path, source="germn", target="english")


def test_half_a_header_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv", "source\ttranslation\nein Haus\ta house\n")
    with pytest.raises(DataError, match=r"no column 'target'; the nearest is 'translation' of 2$"):
        read_pairs(path)


def test_chosen_columns_need_a_header(tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv", f"{'lang ' * 100}\t{'long ' * 100}\n")
    with pytest.raises(DataError, match=r"data\.tsv: no column 'de'$"):
        read_pairs(path, source="de", target="en")


@pytest.mark.parametrize(("suffix", "separator"), [("tsv", "\t"), ("csv", ",")])
def test_a_row_with_too_few_columns_is_named(tmp_path: Path, suffix: str, separator: str) -> None:
    header = separator.join(["source", "note", "target"])
    path = write(tmp_path / f"data.{suffix}", f"{header}\nein Haus{separator}a house\n")
    message = rf"data\.{suffix}, line 2: found 2 columns, expected at least 3$"
    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_a_line_without_tab_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "data.txt", "ein Haus\ta house\nein Haus a house\n")
    message = r"data\.txt, line 2: found 1 column, expected at least 2$"
    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_an_open_quote_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'source,target\n"ein Haus,a house\n')
    with pytest.raises(DataError, match=r"data\.csv, line 2: unexpected end of data$"):
        read_pairs(path)


@pytest.mark.parametrize("suffix", TEXT_FORMATS)
def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    SAVE[suffix](path, [PAIRS[0], Pair("schoen", "nice")], ("source", "target"))
    path.write_bytes(path.read_bytes().replace(b"schoen", b"sch\xf6n"))
    line = 2 if suffix == "jsonl" else 3
    with pytest.raises(DataError, match=rf"data\.{suffix}, line {line}: not UTF-8"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"source": "ein Haus"', r"not JSON \(Expecting ',' delimiter: .+\)"),
        ("[" * 100_000, r"not JSON \(.+\)"),
        ('["ein Haus", "a house"]', "expected an object with 'source' and 'target'"),
        ('{"source": "ein Haus", "text": "a"}', "no column 'target'; the nearest is 'text' of 2"),
        ('{"source": "ein Haus", "target": 3}', "'target' must be text, got int"),
        (r'{"source": "\ud83d", "target": "a"}', "'source' holds half a surrogate pair, .+"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "data.jsonl", f'{{"source": "ja", "target": "yes"}}\n{line}\n')
    with pytest.raises(DataError, match=rf"data\.jsonl, line 2: {reason}$"):
        read_pairs(path)


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "data.parquet", "source,target\nein Haus,a house\n")
    with pytest.raises(DataError, match=r"data\.parquet: not a parquet file \(.+\)$"):
        read_pairs(path)


def test_a_parquet_value_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pa.table({"source": ["ein"], "target": [1]}), path)
    message = r"data\.parquet, row 1: 'target' must be text, got int$"
    with pytest.raises(DataError, match=message):
        read_pairs(path)


@pytest.mark.parametrize("name", ["data.tsv", "data.parquet", "data.jsonl.gz"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: no such file$"):
        read_pairs(tmp_path / name)


@pytest.mark.parametrize("name", ["data.tsv", "data.parquet"])
def test_a_directory_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=rf"{name}: is a directory; expected a file$"):
        read_pairs(tmp_path / name)


@pytest.mark.parametrize("name", ["data.xlsx", "data", "data.parquet.gz", "data.gz"])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "ein Haus\ta house\n")
    with pytest.raises(DataError, match=rf"{name}: unknown format; expected \.tsv, .+"):
        read_pairs(path)


@pytest.mark.parametrize("name", ["data.tsv", "data.csv", "data.jsonl"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: empty$"):
        read_pairs(write(tmp_path / name, ""))


def test_a_file_without_a_pair_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv", "ein Haus\t\n\tthe house\n")
    with pytest.raises(DataError, match=r"data\.tsv: none of 2 rows has text on both sides$"):
        read_pairs(path)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_aligned_files_pair_line_by_line(tmp_path: Path, is_compressed: bool) -> None:
    source = write(tmp_path / "train.de", "ein Haus\n\nder\u2028Hut\n")
    target = write(tmp_path / "train.en", "a house\r\nnothing\r\nthe hat")
    if is_compressed:
        source, target = compress(source), compress(target)
    expected = [Pair("ein Haus", "a house"), Pair("der\u2028Hut", "the hat")]
    assert read_aligned(source, target) == ParallelText(expected, 1)


def test_unequal_line_counts_are_said(tmp_path: Path) -> None:
    source = write(tmp_path / "train.de", "ein\nzwei\ndrei\n")
    target = write(tmp_path / "train.en", "one\ntwo\n")
    with pytest.raises(DataError, match=r"train\.de has 3 lines but .*train\.en has 2;"):
        read_aligned(source, target)


def test_empty_aligned_files_are_refused(tmp_path: Path) -> None:
    source, target = write(tmp_path / "train.de", ""), write(tmp_path / "train.en", "")
    with pytest.raises(DataError, match=r"train\.de and .*train\.en: empty$"):
        read_aligned(source, target)


@pytest.mark.parametrize("side", ["de", "en"])
def test_a_missing_aligned_file_is_named(tmp_path: Path, side: str) -> None:
    existing = write(tmp_path / "train.fr", "une maison\n")
    missing = tmp_path / f"train.{side}"
    files = (missing, existing) if side == "de" else (existing, missing)
    with pytest.raises(DataError, match=rf"train\.{side}: no such file$"):
        read_aligned(*files)


def test_a_parquet_column_that_is_there_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "twice.parquet"
    columns = [pa.array(["ein"]), pa.array(["zwei"]), pa.array(["a"])]
    parquet.write_table(pa.Table.from_arrays(columns, ["source", "source", "target"]), path)
    with pytest.raises(DataError, match=r"twice\.parquet: 'source' and 'target' cannot be read"):
        read_pairs(path)


def test_a_parquet_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.parquet"
    broken = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    parquet.write_table(pa.table({"source": broken, "target": ["a"]}), path)
    with pytest.raises(DataError, match=r"latin\.parquet: 'source' and 'target' cannot be read"):
        read_pairs(path)
