"""Shaded texts in the terminal: right colours, right widths, readable without colours, harmless."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from regard.inspection.palette import ON_DARK, ink
from regard.inspection.shading import ShadedText
from regard.inspection.terminal import Shades
from tests.inspection.screen import console, printed

MARK = "\N{LEFT-TO-RIGHT MARK}"
ESCAPES = re.compile(r"\x1b\[[\d;]*m")


def shaded(
    text: str, weights: list[float], sentences: list[int] | None = None, title: str = ""
) -> ShadedText:
    spans = [found.span() for found in re.finditer(r"\w+", text)]
    return ShadedText(text, spans, torch.tensor(weights), sentences, title)


def drawn(text: ShadedText, on: Console) -> str:
    return printed(Shades(text), on)


def coloured(text: str, step: int) -> str:
    """Return the text as a terminal is asked for it in the colour of so many percent."""
    inks = [ink(ON_DARK[step]), ON_DARK[step]]
    codes = [
        f"{kind};2;{';'.join(map(str, bytes.fromhex(colour[1:])))}"
        for kind, colour in zip((38, 48), inks, strict=True)
    ]
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"


def test_tokens_have_the_colours_of_their_shades() -> None:
    text = shaded("a b c", [0.5, 0.25, 0.25])
    row = drawn(text, console(width=5, colours="truecolor")).splitlines()[0]
    between = coloured(" ", 0)
    assert row == between.join([coloured("a", 100), coloured("b", 50), coloured("c", 50)])


def test_a_surface_of_one_colour_lies_under_the_text() -> None:
    lines = drawn(shaded("one two\n\nx", [1.0, 0, 0]), console(12, "truecolor")).splitlines()
    assert [cell_len(ESCAPES.sub("", line)) for line in lines[:3]] == [12, 12, 12]


def test_the_scale_ends_with_the_largest_weight() -> None:
    lines = drawn(shaded("a b", [0.75, 0.25]), console(colours="truecolor")).splitlines()
    assert ESCAPES.sub("", lines[1]) == "0 " + " " * 21 + " 75.0 %"
    assert lines[2] == "a 75.0 %, b 25.0 %"


@pytest.mark.parametrize("colours", [None, "standard"])
def test_strong_tokens_stand_in_brackets_where_there_are_too_few_colours(
    colours: str | None,
) -> None:
    text = shaded("A TRULY fine film, this one is", [0.05, 0.31, 0.44, 0.1, 0.05, 0.05, 0])
    assert drawn(text, console(colours=colours)).splitlines() == [
        "A [[TRULY]] [[fine]] film, this one is",
        "fine 44.0 %, TRULY 31.0 %, film 10.0 %, A 5.0 %, this 5.0 %",
    ]


def test_brackets_where_colour_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = shaded("a b c d e", [0.6, 0.1, 0.1, 0.1, 0.1])
    assert drawn(text, console(colours="truecolor")).startswith("[[a]] b c d e\n")


def test_of_even_weights_none_is_strong() -> None:
    assert drawn(shaded("a b c d", [0.25] * 4), console()).splitlines()[0] == "a b c d"


def test_lines_are_broken_at_words_and_where_the_text_has_them() -> None:
    text = shaded("one two three\nfour\n\nfive", [1.0, 0, 0, 0, 0])
    lines = drawn(text, console(width=12)).splitlines()
    assert lines[:5] == ["[[one]] two", "three", "four", "", "five"]


def test_sentences_begin_lines_and_have_their_shares_before_them() -> None:
    text = shaded(
        "Fine one. And a bad one.", [0.5, 0.125, 0.0625, 0.0625, 0.125, 0.125], [0] * 2 + [1] * 4
    )
    assert drawn(text, console()).splitlines() == [
        " 62.5 %  [[Fine]] one.",
        " 37.5 %  And a bad one.",
        "Fine 50.0 %, one 12.5 %, bad 12.5 %, one 12.5 %, And 6.2 %",
    ]


def test_further_lines_of_a_sentence_leave_room_for_its_share() -> None:
    text = shaded("aaaa bbbb cccc dddd eeee", [0.2] * 5, [0] * 5)
    lines = drawn(text, console(width=27)).splitlines()
    assert lines[:2] == ["100.0 %  aaaa bbbb cccc", "         dddd eeee"]


def test_shares_have_the_colours_of_their_shades() -> None:
    text = shaded("a. b.", [0.8, 0.2], [0, 1])
    first, second, *_ = drawn(text, console(30, "truecolor")).splitlines()
    assert first.startswith(coloured(" 80.0 % ", 100))
    assert second.startswith(coloured(" 20.0 % ", 25))


def test_a_narrow_terminal_has_no_room_for_shares() -> None:
    text = shaded("One. Two.", [0.5, 0.5], [0, 1])
    assert drawn(text, console(width=20)).splitlines()[:2] == ["One.", "Two."]


@pytest.mark.parametrize("character", ["e\u0301", "👩\u200d👧", "👍🏽"])
@pytest.mark.parametrize("colours", [None, "truecolor"])
def test_a_character_is_never_cut(character: str, colours: str | None) -> None:
    weights = torch.tensor([0.0, 0.5, 0.5])
    text = ShadedText(character + "xyz", [(0, 1), (1, 2), (len(character), 4)], weights)
    assert character in drawn(text, console(colours=colours))


def test_wide_characters_fill_two_cells() -> None:
    spans = [(0, 2), (2, 4), (4, 6)]
    text = ShadedText("电影精彩推荐", spans, torch.tensor([0.0, 0.0, 1.0]))
    lines = drawn(text, console(10, "truecolor")).splitlines()
    assert [ESCAPES.sub("", line) for line in lines[:2]] == ["电影精彩推", "荐" + " " * 8]


def test_right_to_left_text_keeps_its_place_behind_the_share() -> None:
    lines = drawn(shaded("שלום.", [1.0], [0]), console(width=40)).splitlines()
    assert lines == [f"{MARK}100.0 %  שלום.", f"{MARK}שלום{MARK} 100.0 %"]


def test_markup_and_escape_sequences_are_only_text() -> None:
    text = shaded("[b]x[/b] \x1b[31m \x07\r\n\u202e", [1.0, 0, 0, 0], title="[red]\x1b[2J")
    shown = drawn(text, console())
    assert shown.splitlines()[1:3] == [r"[[[b]]]x[/b] \x1b[31m \x07", r"\u202e"]
    assert r"[red]\x1b[2J" in shown


@settings(max_examples=60)
@given(st.text(max_size=60), st.integers(10, 60), st.booleans(), st.sampled_from([None, "256"]))
def test_no_text_breaks_out_of_its_line(
    text: str, width: int, in_sentences: bool, colours: str | None
) -> None:
    spans = [(index, index + 1) for index in range(len(text))]
    weights = torch.full((len(text),), 1 / max(1, len(text)), dtype=torch.float64)
    sentences = [index // 5 for index in range(len(text))] if in_sentences else None
    shown = drawn(ShadedText(text, spans, weights, sentences), console(width, colours))
    lines = ESCAPES.sub("", shown).split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", "".join(lines))


def test_a_terminal_without_unicode() -> None:
    text = shaded("für שלום", [0.75, 0.25], [0, 0], title="größe")
    assert drawn(text, console(encoding="ascii")).splitlines() == [
        r"gr\xf6\xdfe",
        r"100.0 %  f\xfcr \u05e9\u05dc\u05d5\u05dd",
        r"f\xfcr 75.0 %, \u05e9\u05dc\u05d5\u05dd 25.0 %",
    ]


@pytest.mark.parametrize("colours", [None, "truecolor"])
def test_an_empty_text_and_one_without_weights_say_so(colours: str | None) -> None:
    shown = [drawn(text, console(colours=colours)) for text in (shaded("", []), shaded("x", [0.0]))]
    assert shown[0] == "nothing to draw: the text is empty\n"
    first, second = shown[1].splitlines()
    assert ESCAPES.sub("", first).rstrip() == "x"
    assert second == "nothing is shaded: no token has any weight"
