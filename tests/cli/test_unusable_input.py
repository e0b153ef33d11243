"""Text that cannot be used, through the command: the fault is named, and nothing is written."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

Refusal = Callable[[list[str]], str]
TRAIN = ["train", "translate", "--run", "new", "--data.train"]


def parquet_file(path: Path, **columns: list[Any]) -> bytes:
    parquet.write_table(pa.table(columns), path)
    return path.read_bytes()


def make_unusable(name: str) -> None:
    """Make the file of that name."""
    path = Path(name)
    number = 3_000
    whole = {"source": [f"{n} haus" for n in range(number)], "target": ["a"] * number}
    lines = "".join(f"{n}\t{n}\n" for n in range(number)).encode()
    content: dict[str, Callable[[], bytes]] = {
        "empty.tsv": lambda: b"",
        "empty.jsonl": lambda: b"",
        "empty.parquet": lambda: b"",
        "header.tsv": lambda: b"source\ttarget\n",
        "blank.tsv": lambda: b"\n \t\n\n",
        "half.tsv": lambda: b"ein haus\t\n\ta house\n",
        "latin.tsv": lambda: b"eins\tone\nsch\xf6n\tnice\n",
        "latin.csv": lambda: b"eins,one\nsch\xf6n,nice\n",
        "one.tsv": lambda: b"eins\tone\nzwei two\n",
        "names.tsv": lambda: b"source\ttranslation\nein\ta\n",
        "quote.csv": lambda: b'source,target\n"ein,a\n',
        "cut.jsonl": lambda: b'{"source": "ja", "target": "yes"}\n{"source": "ne',
        "list.jsonl": lambda: b'["ein", "a"]\n',
        "names.jsonl": lambda: b'{"source": "ein", "text": "a"}\n',
        "number.jsonl": lambda: b'{"source": "ein", "target": 3}\n',
        "deep.jsonl": lambda: b"[" * 100_000,
        "text.parquet": lambda: b"source,target\nein,a\n",
        "cut.parquet": lambda: parquet_file(path, **whole)[:-9],
        "half.parquet": lambda: halved(parquet_file(path, **whole)),
        "holed.parquet": lambda: holed(parquet_file(path, **whole)),
        "names.parquet": lambda: parquet_file(path, german=["ein"], english=["a"]),
        "number.parquet": lambda: parquet_file(path, source=["ein"], target=[3]),
        "none.parquet": lambda: parquet_file(path, source=[None], target=["a"]),
        "cut.tsv.gz": lambda: gzip.compress(lines)[:-12],
        "text.tsv.gz": lambda: lines,
    }
    if path.stem == "folder":
        path.mkdir()
    elif path.stem == "loop":
        path.symlink_to(path)
    elif name == "uneven":
        Path("uneven.source").write_text("ein\nzwei\n")
        Path("uneven.target").write_text("a\n")
    elif name == "lonely":
        Path("lonely.source").write_text("ein\n")
    elif name in content:
        path.write_bytes(content[name]())


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def holed(content: bytes) -> bytes:
    """Lose a hundred bytes in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes(100) + content[middle + 100 :]


UNUSABLE = {
    "gone.tsv": "gone.tsv: no such file",
    "gone.jsonl": "gone.jsonl: no such file",
    "gone.parquet": "gone.parquet: no such file",
    "gone": "there is neither gone.source nor gone.target; ",
    "pairs.tsv/below.tsv": "pairs.tsv/below.tsv: cannot be read (Not a directory)",
    "folder.tsv": "folder.tsv: is a directory; expected a file",
    "folder.parquet": "folder.parquet: is a directory; expected a file",
    "loop.tsv": "loop.tsv: cannot be read (Too many levels of symbolic links)",
    "empty.tsv": "empty.tsv: empty",
    "empty.jsonl": "empty.jsonl: empty",
    "empty.parquet": "empty.parquet: not a parquet file (",
    "header.tsv": "header.tsv: empty",
    "blank.tsv": "blank.tsv: none of 3 rows has text on both sides",
    "half.tsv": "half.tsv: none of 2 rows has text on both sides",
    "latin.tsv": "latin.tsv, line 2: not UTF-8 (byte 0xf6 at position 4)",
    "latin.csv": "latin.csv, line 2: not UTF-8 (byte 0xf6 at position 4)",
    "one.tsv": "one.tsv, line 2: found 1 column, expected at least 2",
    "names.tsv": "names.tsv: no column 'target'; the nearest is 'translation' of 2",
    "quote.csv": "quote.csv, line 2: unexpected end of data",
    "uneven": "uneven.source has 2 lines but uneven.target has 1;",
    "lonely": "lonely.target: no such file",
    "cut.jsonl": "cut.jsonl, line 2: not JSON (",
    "list.jsonl": "list.jsonl, line 1: expected an object with 'source' and 'target'",
    "names.jsonl": "names.jsonl, line 1: no column 'target'; the nearest is 'text' of 2",
    "number.jsonl": "number.jsonl, line 1: 'target' must be text, got int",
    "deep.jsonl": "deep.jsonl, line 1: not JSON (",
    "text.parquet": "text.parquet: not a parquet file (",
    "cut.parquet": "cut.parquet: not a parquet file (",
    "half.parquet": "half.parquet: not a parquet file (",
    "holed.parquet": "holed.parquet: cannot be read (",
    "names.parquet": "names.parquet: no column 'source'; the nearest is 'german' of 2",
    "number.parquet": "number.parquet, row 1: 'target' must be text, got int",
    "none.parquet": "none.parquet: none of 1 rows has text on both sides",
    "cut.tsv.gz": "cut.tsv.gz: broken gzip file (",
    "text.tsv.gz": "text.tsv.gz: broken gzip file (",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_pairs_are_named(name: str, run: str, refusal: Refusal) -> None:
    make_unusable(name)
    assert refusal([*TRAIN, name]).startswith(UNUSABLE[name])
    assert refusal(["evaluate", run, "--pairs", name]).startswith(UNUSABLE[name])


@pytest.mark.parametrize("part", ["validation", "test"])
def test_every_part_is_read_before_anything_is_written(part: str, refusal: Refusal) -> None:
    assert refusal([*TRAIN, "pairs.tsv", f"--data.{part}", "gone.tsv"]) == "gone.tsv: no such file"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (
            [*TRAIN, "pairs.tsv", "--data.source", "sorce", "--data.target", "target"],
            "pairs.tsv: no column 'sorce'; the nearest is 'source' of 2",
        ),
        (["data", "multi30k", "--folder", "gone"], "gone: no such folder"),
        (["data", "multi30k", "--folder", "."], "train.de: no such file"),
        (["data", "multi30"], "unknown data set 'multi30'; the nearest of dates, multi30k,"),
        (["data", "tatoeba"], "tatoeba needs a folder with deu.txt or deu.txt.gz;"),
        (["train", "translate", "--data.name", "date"], "unknown data set 'date'; the nearest of"),
        ([*TRAIN, "pairs.tsv", "--model.dropout", "2"], "model.dropout must be at least 0 and"),
        ([*TRAIN, "pairs.tsv", "--model.score", "dot"], "the dot score compares vectors of one"),
        ([*TRAIN, "pairs.tsv", "--training.max_tokens", "3"], "max_tokens=3 is less than the"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(
    words: list[str], answer: str, refusal: Refusal
) -> None:
    assert refusal(words).startswith(answer)


@pytest.mark.parametrize(
    ("name", "content", "answer"),
    [
        ("gone", None, "gone: no such file"),
        ("folder", None, "folder: is a directory; expected a file"),
        ("loop", None, "loop: cannot be read ("),
        ("latin", b"ein\nsch\xf6n\n", "latin, line 2: not UTF-8 (byte 0xf6 at position 4)"),
        ("utf16", "ein haus\n".encode("utf-16"), "utf16, line 1: not UTF-8 (byte 0xff"),
        ("cut.gz", gzip.compress(b"ein haus\n", mtime=0)[:-4], "cut.gz: broken gzip file ("),
    ],
)
def test_an_unusable_file_of_sentences_is_named(
    name: str, content: bytes | None, answer: str, run: str, refusal: Refusal
) -> None:
    if content is None:
        make_unusable(name)
    else:
        Path(name).write_bytes(content)
    assert refusal(["translate", run, "--file", name]).startswith(answer)


@pytest.mark.parametrize(
    ("content", "number"), [(b"\xff", 1), (b"ein\nsch\xf6n\n", 2), (b"ein\n\n\xed\xa0\xbd\n", 3)]
)
def test_bytes_on_standard_input_that_are_not_utf_8_are_named(
    content: bytes,
    number: int,
    run: str,
    type_in: Callable[[bytes], None],
    refusal: Refusal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    type_in(content)
    assert refusal(["translate", run]) == f"standard input, line {number}: not UTF-8"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["translate", "inspect"])
def test_arguments_that_are_not_utf_8_are_named(command: str, run: str, refusal: Refusal) -> None:
    assert refusal([command, run, "ein", "sch\udcf6n"]) == "sentence 2 is not UTF-8"


def test_aligned_files_whose_endings_are_not_said_are_explained(refusal: Refusal) -> None:
    Path("train.de").write_text("ein\n")
    Path("train.en").write_text("a\n")
    said = refusal([*TRAIN, "train"])
    assert said.startswith("there is neither train.source nor train.target; name the endings")
