"""The heat map in the terminal: right shades, right widths, and no text that acts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from regard.inspection.alignment import Alignment
from regard.inspection.palette import ON_DARK
from regard.inspection.terminal import HeatMap
from tests.inspection.screen import console, printed

MARK = "\N{LEFT-TO-RIGHT MARK}"


def drawn(alignment: Alignment, on: Console) -> str:
    return printed(HeatMap(alignment), on)


def uniform(source: list[str], target: list[str], title: str = "") -> Alignment:
    return Alignment(torch.full((len(target), len(source)), 0.0), source, target, title)


def test_shades_without_colour() -> None:
    weights = torch.tensor([[0.0, 0.25, 0.5, 0.75, 1.0]])
    lines = drawn(Alignment(weights, list("vwxyz"), ["a"]), console()).splitlines()
    assert lines[0] == "  v w x y z"
    assert lines[1] == "a ··░░▒▒▓▓██"
    assert lines[2].strip().startswith("0 ·")
    assert lines[2].strip().endswith("█ 1")


def test_colours_are_those_of_the_scale() -> None:
    alignment = Alignment(torch.tensor([[0.0, 1.0]]), ["x", "y"], ["a"])
    row = drawn(alignment, console(colours="truecolor")).splitlines()[1]
    expected = [
        f"\x1b[48;2;{red};{green};{blue}m  \x1b[0m"
        for red, green, blue in (bytes.fromhex(ON_DARK[step][1:]) for step in (0, 100))
    ]
    assert row == "a " + "".join(expected)


@pytest.mark.parametrize("colours", [None, "standard"])
def test_shades_where_there_are_too_few_colours(colours: str | None) -> None:
    alignment = Alignment(torch.ones(1, 1), ["x"], ["a"])
    assert "a ██\n" in drawn(alignment, console(colours=colours))


def test_shades_where_colour_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    alignment = Alignment(torch.ones(1, 1), ["x"], ["a"])
    assert "a ██\n" in drawn(alignment, console(colours="truecolor"))


def test_source_is_written_across_where_all_of_it_fits() -> None:
    lines = drawn(uniform(["ein", "mann"], ["a", "man"]), console()).splitlines()
    assert lines[:3] == ["    ein mann", "  a ·········", "man ·········"]


def test_source_is_written_downwards_where_it_does_not_fit() -> None:
    lines = drawn(uniform(["ein", "mann", "x" * 99], ["a"]), console(width=20)).splitlines()
    assert lines[0] == "      x"
    assert lines[-6:-2] == ["    m x", "  e a x", "  i n x", "  n n ⋮"]
    assert lines[-2] == "a ······"


def test_a_wide_source_goes_on_in_another_panel() -> None:
    source = [str(index % 10) for index in range(20)]
    lines = drawn(uniform(source, ["a"]), console(width=32)).splitlines()
    assert "source 1–15 of 20" in lines[0]
    assert "source 16–20 of 20" in lines[3]
    assert lines[4].split() == source[15:]
    assert max(map(len, lines)) <= 32


@pytest.mark.parametrize(
    ("token", "width"), [("天安门", 6), ("👍", 2), ("👩\u200d👧", 2), ("e\u0301", 1), ("ก่", 1)]
)
def test_cells_are_as_wide_as_what_stands_above_them(token: str, width: int) -> None:
    lines = drawn(uniform([token, "z"], [token]), console()).splitlines()
    assert lines[0] == " " * (width + 1) + token + " " * max(1, 2 - width) + "z"
    assert lines[1] == token + " " + "·" * (max(2, width + 1) + 2)


def test_right_to_left_tokens_keep_their_places() -> None:
    header, row, *_ = drawn(uniform(["שלום", "مرحبا"], ["سلام"]), console()).splitlines()
    assert header.strip(" ") == f"{MARK}שלום{MARK} {MARK}مرحبا{MARK}"
    assert row == f"{MARK}سلام{MARK} " + "·" * 11


def test_long_row_names_are_cut() -> None:
    lines = drawn(uniform(["x"], ["w" * 100]), console(width=30)).splitlines()
    assert lines[1] == "w" * 9 + "… ··"


def test_markup_and_escape_sequences_are_only_text() -> None:
    alignment = uniform(["[bold]x[/bold]", "\x1b[31m"], ["[red]", "\x07\r\n"], "[blink]\x1b[2J")
    text = drawn(alignment, console())
    assert "[bold]x[/bold]" in text
    assert r"\x1b[31m" in text
    assert r"\x07\r\n" in text
    assert r"[blink]\x1b[2J" in text
    assert text.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\n", "").isprintable()


@settings(max_examples=40)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=30), st.integers(10, 60))
def test_no_text_breaks_out_of_its_line(tokens: list[str], width: int) -> None:
    lines = drawn(uniform(tokens, tokens[:3]), console(width=width)).split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert sum("·" * 2 in line for line in lines) >= len(tokens[:3])


def test_a_terminal_without_unicode() -> None:
    alignment = Alignment(torch.tensor([[1.0, 0.0]]), ["für", "y"], ["w…"], "größe")
    lines = drawn(alignment, console(encoding="ascii")).splitlines()
    assert r"gr\xf6\xdfe" in lines[0]
    assert lines[1].strip() == r"f\xfcr y"
    assert lines[2] == r"w\u2026 #######.."


def test_an_empty_alignment_says_so() -> None:
    assert drawn(uniform(["x"], [], "t"), console()).endswith(
        "nothing to draw: 0 target × 1 source tokens\n"
    )
