"""Plain text from files, and the parts of it that are held out."""

import gzip
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.data import (
    DataError,
    PlainText,
    hold_out_ends,
    load_named_plain,
    plain_splits_from_files,
    plain_text,
    python_reference,
    read_plain,
    text_files,
)
from regard.data.plain_text import pieces_of

some_lines = st.lists(st.text(st.sampled_from("ab \té\u2028"), max_size=30), min_size=1)


def whole(text: PlainText) -> list[str]:
    """Put the pieces of each text together."""
    return ["".join(each) for each in text.texts]


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """Make a folder of texts, and of what is none."""
    folder = tmp_path / "books"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "b.txt").write_text("two\nlines\n", "utf-8")
    (folder / "more" / "a.txt.gz").write_bytes(gzip.compress("zipped ü\n\nend".encode()))
    (folder / "more" / "c.md").write_text("# not text", "utf-8")
    (folder / ".hidden" / "d.txt").write_text("hidden", "utf-8")
    (folder / ".e.txt").write_text("hidden", "utf-8")
    return folder


def test_a_file_is_one_text_without_its_last_line_feed(books: Path) -> None:
    assert whole(read_plain(books / "b.txt")) == ["two\nlines"]
    assert whole(read_plain(books / "more" / "a.txt.gz")) == ["zipped ü\n\nend"]
    assert whole(read_plain(books / "more" / "c.md")) == ["# not text"]


def test_a_folder_is_its_texts_and_those_below(books: Path) -> None:
    assert text_files(books) == [books / "b.txt", books / "more" / "a.txt.gz"]
    text = read_plain(books)
    assert whole(text) == whole(text) == ["two\nlines", "zipped ü\n\nend"]
    assert "".join(text.pieces) == "two\nlineszipped ü\n\nend"
    assert text.name == str(books)


def test_a_pattern_is_the_files_that_match(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert text_files(books / "*" / "*.md") == [books / "more" / "c.md"]
    monkeypatch.chdir(books)
    assert text_files("**/c.*") == [Path("more/c.md")]
    (books / "[1].txt").write_text("brackets", "utf-8")
    assert text_files("[1].txt") == [Path("[1].txt")]


def test_a_file_that_grows_is_read_anew(books: Path) -> None:
    text = read_plain(books / "b.txt")
    assert whole(text) == ["two\nlines"]
    (books / "b.txt").write_text("new", "utf-8")
    assert whole(text) == ["new"]


@given(lines=some_lines, longest=st.integers(1, 12))
def test_pieces_make_up_the_text_and_are_short(lines: list[str], longest: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plain_text, "LONGEST", longest)
        pieces = list(pieces_of(lines))
    assert "".join(pieces) == "\n".join(lines)
    assert max(map(len, pieces)) <= longest


def test_long_lines_are_cut_before_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_text, "LONGEST", 9)
    assert list(pieces_of(["one two three", "abcdefghijklm"])) == [
        *("one two", " three"),
        *("\nabcdefgh", "ijklm"),
    ]


@settings(max_examples=50)
@given(texts=st.lists(some_lines, min_size=1, max_size=4), share=st.floats(0.05, 0.9))
def test_whole_lines_at_the_ends_are_held_out(texts: list[list[str]], share: float) -> None:
    text = PlainText([tuple(pieces_of(lines)) for lines in texts], "given")
    wanted = [divided(lines, share) for lines in texts]
    if not any(end for _, end in wanted):
        with pytest.raises(DataError, match="too few lines to hold any out"):
            hold_out_ends(text, share)
        return
    rest, held_out = hold_out_ends(text, share)
    assert list(zip(whole(rest), whole(held_out), strict=True)) == wanted
    assert whole(rest) == [beginning for beginning, _ in wanted]


def divided(lines: list[str], share: float) -> tuple[str, str]:
    """Divide a text where the first of the lines ends that take up all but the share."""
    text = "\n".join(lines)
    beginnings = ("\n".join(lines[:number]) for number in range(1, len(lines) + 1))
    beginning = next(each for each in beginnings if len(each) >= (1 - share) * len(text))
    return beginning, text[len(beginning) :]


def test_a_persons_own_splits(books: Path, tmp_path: Path) -> None:
    lines = "".join(f"line {number:03}\n" for number in range(100))
    (tmp_path / "long.txt").write_text(lines, "utf-8")
    train, validation, test = plain_splits_from_files(tmp_path / "long.txt", test=books)
    assert "".join(train.pieces) == lines[:818]
    assert "".join(validation.pieces) == lines[818:].removesuffix("\n")
    assert test is not None
    assert whole(test) == whole(read_plain(books))
    train, validation, test = plain_splits_from_files(tmp_path / "long.txt", books / "b.txt")
    assert "".join(train.pieces) == lines.removesuffix("\n")
    assert (whole(validation), test) == (["two\nlines"], None)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.txt", None, "gone.txt: no such file"),
        ("gone*.txt", None, "gone*.txt: no such files"),
        ("folder", None, "folder: no files *.txt or *.txt.gz in it"),
        ("short.txt", b"one line", "short.txt: too few lines to hold any out; pass a validation"),
        ("empty.txt", b"", "empty.txt: too few lines to hold any out; pass a validation file"),
        ("latin.txt", b"a\nsch\xf6n\n", "latin.txt, line 2: not UTF-8 (byte 0xf6 at position 4)"),
        ("broken.txt.gz", b"no gzip", "broken.txt.gz: broken gzip file"),
    ],
)
def test_what_cannot_be_read_is_named(
    name: str,
    content: bytes | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(DataError) as refused:
        plain_splits_from_files(name)
    assert str(refused.value).startswith(said)


def test_the_reference_is_there_and_tests_nothing_that_is_learnt() -> None:
    splits = load_named_plain("python-reference")
    train, validation, test = (set(chain(*map(paragraphs, whole(split)))) for split in splits)
    assert len(train) > 1000
    assert min(len(validation), len(test)) > 50
    for judged in (validation, test):
        assert not {paragraph for paragraph in judged & train if len(paragraph) > 100}
    assert not {paragraph for paragraph in validation & test if len(paragraph) > 100}


def paragraphs(text: str) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def test_repetitions_are_left_out() -> None:
    texts = ["a\n\n\nb c\n\n\n\na", "  b\n  c\n\nd\n\ne", "d\n\nb c\n\nlost", "  d"]
    assert python_reference._without_repetitions(texts) == ["a\n\nb c", "d\n\ne"]


def test_tables_are_left_out() -> None:
    text = "a\n\n+---+\n| b |\n+---+\n\n   | c\n\n+1 is a number"
    assert python_reference._without_tables(text) == "a\n\n+1 is a number"


def test_a_python_without_its_reference_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match="this Python lacks; give a text of your own"):
        load_named_plain("python-reference")


def test_an_unknown_text_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match="unknown data set 'python'; the nearest of python-ref"):
        load_named_plain("python")
