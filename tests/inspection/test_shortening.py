"""Of what is too long the beginning is shown, and how much that is."""

import re
from xml.etree import ElementTree as ET

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.inspection.alignment import Alignment
from regard.inspection.search_steps import Choice, Ending, SearchSteps
from regard.inspection.shading import Passage, Piece, ShadedText
from regard.inspection.shortening import beginning, cut_notice, first_passages
from regard.inspection.terminal import Choices, HeatMap, Shades
from regard.inspection.text_picture import draw_text
from tests.inspection.screen import console, printed


def named(letter: str, count: int) -> list[str]:
    return [f"{letter}{number}" for number in range(count)]


@pytest.mark.parametrize(("num_source", "num_target"), [(128, 128), (129, 2), (2, 129), (400, 400)])
def test_the_first_tokens_of_a_matrix_are_shown(num_source: int, num_target: int) -> None:
    whole = Alignment(
        torch.rand(num_target, num_source), named("s", num_source), named("t", num_target)
    )
    lines = printed(HeatMap(whole), console(width=1000)).splitlines()
    rows = [line for line in lines if re.match(r" *t\d+ ", line)]
    assert len(rows) == min(num_target, 128)
    assert sum("s0" in line for line in lines) == 1
    said = " ".join(lines)
    for name, count in (("source", num_source), ("target", num_target)):
        cut = f"the first 128 of {count} {name} tokens"
        assert (cut in said) == (count > 128)
    assert ("a page has all: regard inspect --html" in said) == (
        num_source + num_target > 256 or max(num_source, num_target) > 128
    )


def test_what_is_shown_of_a_matrix_are_its_own_weights() -> None:
    whole = Alignment(torch.rand(5, 7), named("s", 7), named("t", 5), "title")
    part = beginning(whole, 3)
    assert torch.equal(part.weights, whole.weights[:3, :3])
    assert (part.source, part.target, part.title) == (named("s", 3), named("t", 3), "title")
    assert beginning(whole, 7) is whole


def test_a_matrix_of_thousands_is_drawn_as_fast_as_a_small_one() -> None:
    whole = Alignment(torch.zeros(4000, 4000), named("s", 4000), named("t", 4000))
    assert printed(HeatMap(whole), console()).count("\n") < 4000


passages = st.lists(
    st.lists(st.text(max_size=9), max_size=5).map(
        lambda texts: Passage([Piece(text, 0.5, 0.25) for text in texts], 1.0, 1.0)
    ),
    max_size=6,
)


@given(passages=passages, most=st.integers(0, 60))
def test_so_many_letters_of_a_text_are_shown(passages: list[Passage], most: int) -> None:
    def letters(of: list[Passage]) -> str:
        return "".join(piece.text for passage in of for piece in passage.pieces)

    shown, notice = first_passages(passages, most)
    whole = letters(passages)
    assert letters(shown) == whole[:most]
    assert bool(notice) == (len(whole) > most)
    assert all(piece.shade == 0.25 for passage in shown for piece in passage.pieces)
    if len(whole) < most:
        assert shown == passages


def test_nothing_is_said_of_what_is_shown_whole() -> None:
    assert cut_notice((3, 3, "steps"), (5, 2, "choices")) == ""
    assert cut_notice((3, 1000, "steps")).startswith("the first 3 of 1,000 steps; ")


def long_text(num_words: int) -> ShadedText:
    words = [f"w{number:05}" for number in range(num_words)]
    spans = [(7 * number, 7 * number + 6) for number in range(num_words)]
    weights = torch.full((num_words,), 1 / num_words, dtype=torch.float64)
    return ShadedText(" ".join(words), spans, weights)


@pytest.mark.parametrize("colours", [None, "truecolor"])
def test_a_long_text_is_shaded_in_part_in_a_terminal(colours: str | None) -> None:
    shown = printed(Shades(long_text(20_000)), console(77, colours))
    assert "the first 10,000 of 139,999 letters; a page has all: regard inspect --html" in shown
    assert "w01427" in shown
    assert "w01500" not in shown
    assert "letters" not in printed(Shades(long_text(1_400)), console(77, colours))


def test_a_long_text_is_drawn_in_part() -> None:
    root = ET.fromstring(draw_text(long_text(20_000)))
    texts = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-1] == (
        "the first 10,000 of 139,999 letters; a page has all: regard inspect --html"
    )
    assert {"w00000", "w01427"} <= set(texts)
    assert "w01500" not in texts
    assert "letters" not in draw_text(long_text(1_400))


def test_a_wide_and_long_search_is_shown_in_part() -> None:
    # The best hypothesis is the last choice of every step.
    steps = [
        [
            Choice(f"c{step}.{number}", 39 if step else -1, 0.5, -step - number / 40, "followed")
            for number in range(40)
        ]
        for step in range(99)
    ]
    steps.append([Choice("<eos>", 39, 1.0, -99.0, "ended")])
    shown = printed(Choices(SearchSteps(steps, [Ending(99, 0, -9.0)])), console(100))
    assert "the first 64 of 100 steps, the first 16 of 40 choices of a step; a page" in shown
    table, _, returned = shown.partition("└")
    assert {"c0.0", "c0.15", "c0.39", "c63.39"} <= set(table.split())
    assert not {"c0.16", "c0.38", "c64.39"} & set(table.split())
    assert "c98.39" in returned
