import gzip
from pathlib import Path

import pytest

from regard.data import DataError, Links, read_links
from regard.interfaces import Pair

PAIRS = [Pair("ein rotes Haus", "a red house"), Pair("ja", "yes , indeed"), Pair("nein", "no")]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gold.links"
    path.write_text(text, encoding="utf-8")
    return path


def links(sure: set[tuple[int, int]], possible: set[tuple[int, int]]) -> Links:
    return Links(frozenset(sure), frozenset(possible))


def test_sure_links_are_possible_too(tmp_path: Path) -> None:
    path = write(tmp_path, "0-0 1-1 2?2 0p1\n0-0 0?2 0-0\n\n")
    assert read_links(path, PAIRS) == [
        links({(0, 0), (1, 1)}, {(0, 0), (1, 1), (2, 2), (0, 1)}),
        links({(0, 0)}, {(0, 0), (0, 2)}),
        links(set(), set()),
    ]


def test_blanks_and_line_ends_may_be_any(tmp_path: Path) -> None:
    path = write(tmp_path, "  0-0\t1-1  \r\n0?1\r\n0-0")
    assert read_links(path, PAIRS) == [
        links({(0, 0), (1, 1)}, {(0, 0), (1, 1)}),
        links(set(), {(0, 1)}),
        links({(0, 0)}, {(0, 0)}),
    ]


def test_links_may_be_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "gold.links.gz"
    path.write_bytes(gzip.compress(b"0-0\n0-0\n0-0\n"))
    assert read_links(path, PAIRS) == [links({(0, 0)}, {(0, 0)})] * 3


def test_words_stand_between_any_blanks(tmp_path: Path) -> None:
    pair = Pair("zwei\u00a0\u3000Wörter", "two\twords")
    assert read_links(write(tmp_path, "1-1\n"), [pair]) == [links({(1, 1)}, {(1, 1)})]


@pytest.mark.parametrize(
    "written",
    ["1", "1-", "-1-1", "1--1", "0-0-0", "a-b", "0_0", "0-0,", "０-０", "1.0-1", "0x0", "9" * 5000],
)
def test_what_is_no_link_is_named(tmp_path: Path, written: str) -> None:
    with pytest.raises(DataError, match=r"gold\.links, line 2: .+ is no link; expected 0-2, or"):
        read_links(write(tmp_path, f"0-0\n0-0 {written}\n0-0\n"), PAIRS)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("3-0", "3-0 links word 3 of the source, of which there are 3; the first is 0"),
        ("0?3", "0?3 links word 3 of the target, of which there are 3; the first is 0"),
        ("999999999-0", "999999999-0 links word 999999999 of the source"),
    ],
)
def test_a_link_to_no_word_is_named(tmp_path: Path, written: str, fault: str) -> None:
    path = write(tmp_path, f"0-0 {written}\n\n\n")
    with pytest.raises(DataError) as refused:
        read_links(path, PAIRS)
    assert str(refused.value).startswith(f"{path}, line 1: {fault}")


@pytest.mark.parametrize("text", ["", "0-0\n0-0\n", "0-0\n\n\n\n"])
def test_there_must_be_a_line_for_each_pair(tmp_path: Path, text: str) -> None:
    found = len(text.splitlines())
    with pytest.raises(
        DataError, match=rf"gold\.links has {found} lines, but there are 3 pairs; links have"
    ):
        read_links(write(tmp_path, text), PAIRS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.links: no such file$"):
        read_links(tmp_path / "gone.links", PAIRS)
