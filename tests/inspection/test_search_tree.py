"""Trees of choices: everything is there and apart, joined to what it goes on from, and harmless."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.cells import cell_len

from regard.inspection.figures import search_tree
from regard.inspection.layouts.drawing import Box, Line, Words
from regard.inspection.layouts.tree import lay_out
from regard.inspection.palette import ON_DARK, ON_LIGHT
from regard.inspection.report.search import SearchExample, draw
from regard.inspection.search_steps import Choice, Ending, SearchSteps
from regard.inspection.terminal import Choices
from tests.inspection.page import HOSTILE, Page
from tests.inspection.screen import console, printed
from tests.inspection.search_example import Parts, by_hand, searches


def long_search(num_steps: int = 60) -> SearchSteps:
    steps = [
        [
            Choice(f"word{step}", -1 if not step else 0, 0.9, -0.1 * step, "followed"),
            Choice(f"other{step}", -1 if not step else 0, 0.1, -2.0 - step, "dropped"),
        ]
        for step in range(num_steps)
    ]
    steps.append([Choice("<eos>", 0, 1.0, -6.0, "ended")])
    return SearchSteps(steps, [Ending(num_steps, 0, -1.0)], title="long")


def nodes_of(search: SearchSteps) -> list[Box]:
    return [item for item in lay_out(search).items if isinstance(item, Box) and item.hint]


def edges_of(search: SearchSteps) -> list[Line]:
    return [item for item in lay_out(search).items if isinstance(item, Line) and item.curved]


@given(parts=searches())
@settings(max_examples=50)
def test_every_choice_is_drawn_and_joined_to_what_it_goes_on_from(parts: Parts) -> None:
    search = SearchSteps(*parts)
    nodes, edges = nodes_of(search), edges_of(search)
    choices = [choice for choices in search.steps for choice in choices]
    assert len(nodes) == len(edges) == len(choices)
    places = {
        choice.token: (node.x, node.y + node.height / 2, node.width)
        for choice, node in zip(choices, nodes, strict=True)
    }
    ends = {edge.points[-1]: edge.points[0] for edge in edges}
    for step, of_step in enumerate(search.steps):
        for choice in of_step:
            x, y, _ = places[choice.token]
            from_x, from_y = ends[x, y]
            if step:
                parent = places[search.at(step - 1, choice.parent).token]
                assert (from_x, from_y) == (parent[0] + parent[2], parent[1])
            else:
                assert from_x < x
    for index, first in enumerate(nodes):
        for second in nodes[index + 1 :]:
            assert first.x != second.x or abs(first.y - second.y) > first.height
            assert first.x == second.x or abs(first.x - second.x) > min(first.width, second.width)


def test_the_best_is_on_a_line_of_its_own() -> None:
    best = [edge for edge in edges_of(by_hand()) if edge.role == "best"]
    assert len(best) == 3
    assert len({y for edge in best for _, y in edge.points}) == 1
    dashed = [edge for edge in edges_of(by_hand()) if edge.dashed]
    assert len(dashed) == 2


def test_probabilities_are_numbers_and_shades() -> None:
    search = by_hand()
    nodes = nodes_of(search)
    fills = {node.hint.split("”")[0][1:]: node.fill for node in nodes}
    assert fills["dog"] == ("weight", 0.9)
    assert fills["cat"] == ("page", 1.0)
    texts = [item.text for item in lay_out(search).items if isinstance(item, Words)]
    for text in ("60.0 %", "90.0 %", "20.0 %", "1.", "−0.90", "2.", "−1.60"):
        assert text in texts


def test_it_says_where_the_best_looked_and_what_each_choice_is() -> None:
    drawing = lay_out(by_hand())
    texts = [item.text for item in drawing.items if isinstance(item, Words)]
    assert [text for text in texts if text in ("ein", "hund")] == ["ein", "hund"]
    hints = [item.hint for item in drawing.items if isinstance(item, Box) and item.hint]
    assert (
        "“dog” after “a”; 90.0 % probable; log-probability so far -1.30; looked most at “hund”, "
        "90.0 %; followed"
    ) in hints
    assert any(hint.startswith("“one” first;") and hint.endswith("not followed") for hint in hints)
    assert drawing.description == (
        "A search of 3 steps. What it returned: 1. “a dog <eos>”, score -0.90; "
        "2. “the <eos>”, score -1.60."
    )


def test_a_long_search_goes_on_in_bands_that_overlap_by_a_step() -> None:
    search = long_search()
    drawing = lay_out(search)
    assert drawing.width < 900
    numbers = [
        int(item.text)
        for item in drawing.items
        if isinstance(item, Words) and item.text.isdecimal()
    ]
    assert set(numbers) == set(range(1, 62))
    twice = [number for number in set(numbers) if numbers.count(number) == 2]
    tops = sorted(
        {
            item.y
            for item in drawing.items
            if isinstance(item, Words) and item.text in map(str, twice)
        }
    )
    assert len(twice) == len(tops) - 1 > 3
    assert len(edges_of(search)) == 2 * 60 + 1


def test_what_came_to_its_limit_says_so() -> None:
    steps = [[Choice("a", -1, 1.0, 0.0, "ended")]]
    search = SearchSteps(steps, [Ending(0, 0, -0.5, complete=False)])
    assert "−0.50 at the limit" in lay_out(search).shown
    assert "(at the limit of its length)" in printed(Choices(search), console())


@pytest.mark.parametrize("search", [by_hand(), long_search(9)], ids=["hand", "long"])
def test_no_text_covers_another_or_leaves_the_sheet(search: SearchSteps) -> None:
    figure = search_tree.draw(search)
    FigureCanvasAgg(figure)
    [axes] = figure.axes
    boxes = [(text.get_text(), text.get_window_extent()) for text in axes.texts if text.get_text()]
    for index, (name, box) in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0, name
        assert box.x1 <= figure.bbox.x1, name
        for other, second in boxes[index + 1 :]:
            assert not box.padded(-0.5).overlaps(second.padded(-0.5)), (name, other)


def test_groups_are_named_where_there_are_several() -> None:
    steps = [[Choice("a", -1, 0.5, -0.7, "followed", (), group) for group in (0, 1)]]
    search = SearchSteps(steps, [])
    assert "group 1" in lay_out(search).shown
    assert "group 2" in lay_out(search).shown
    assert "group" not in lay_out(by_hand()).shown
    assert "group" in printed(Choices(search), console())


def test_an_empty_search_says_so(tmp_path: Path) -> None:
    search = SearchSteps([], [])
    said = "nothing to draw: the search took no step"
    assert said in draw(1, SearchExample(search))
    assert said in printed(Choices(search), console())
    search_tree.save(search, tmp_path / "a.svg")
    assert said in (tmp_path / "a.svg").read_text("utf-8")


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_search_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        search_tree.save(by_hand(), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


HOSTILE_TOKENS = ["$x$", r"$\frac{", "<b>", "&amp;", "\x1b[31m", "\n", HOSTILE]


def hostile() -> SearchSteps:
    steps = [
        [Choice(token, -1, 0.1, -2.0, "followed", [0.1]) for token in HOSTILE_TOKENS],
        [Choice("<eos>", 0, 1.0, -2.0, "ended", [1.0])],
    ]
    return SearchSteps(steps, [Ending(1, 0, -1.0)], [HOSTILE], HOSTILE)


def test_text_in_an_svg_is_text_and_acts_nowhere(tmp_path: Path) -> None:
    search_tree.save(hostile(), tmp_path / "a.svg")
    root = ET.parse(tmp_path / "a.svg")
    written = {part.text for part in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"$x$", r"$\frac{", "<b>", "&amp;", r"\x1b[31m", r"\n", "<eos>"} <= written


@pytest.mark.parametrize("search", [by_hand(), hostile()], ids=["hand", "hostile"])
def test_a_page_has_the_tree_as_svg_of_classes(search: SearchSteps) -> None:
    page = Page(draw(3, SearchExample(search)))
    assert page.open == []
    assert {tag for tag, _ in page.elements} == {"div", "svg", "rect", "text", "path", "title"}
    names = {name for _, attributes in page.elements for name in attributes}
    assert names.isdisjoint({"style", "href", "src"})
    assert not {name for name in names if name.startswith("on")}
    drawing = lay_out(search)
    assert [text for tag, text in page.texts if tag == "text"] == [
        item.text for item in drawing.items if isinstance(item, Words) and item.text
    ]
    assert [text for tag, text in page.texts if tag == "title"] == [
        item.hint for item in drawing.items if isinstance(item, Box) and item.hint
    ]


def test_colours_are_those_of_all_pictures(tmp_path: Path) -> None:
    search_tree.save(by_hand(), tmp_path / "a.svg")
    assert ON_LIGHT[90] in (tmp_path / "a.svg").read_text("utf-8")
    assert 'class="w90 on-best"' in draw(1, SearchExample(by_hand()))
    shown = printed(Choices(by_hand()), console(100, "truecolor"))
    assert "48;2;{};{};{}m".format(*bytes.fromhex(ON_DARK[90][1:])) in shown


def test_the_table_lists_steps_and_what_was_returned() -> None:
    lines = printed(Choices(by_hand()), console(100)).splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert rows == [
        ["1", "", "", "the", "60.0 %", "−0.51", "ein"],
        ["", ">", "", "a", "30.0 %", "−1.20", "ein"],
        ["", "no", "", "one", "10.0 %", "−2.30", "ein"],
        ["2", ">", "a", "dog", "90.0 %", "−1.30", "hund"],
        ["", "2.", "the", "<eos>", "20.0 %", "−2.12", "ein"],
        ["", "no", "the", "cat", "10.0 %", "−2.80", "ein"],
        ["3", "1.", "a dog", "<eos>", "100.0 %", "−1.30", ""],
    ]
    assert lines[-2:] == ["1. −0.900  a dog <eos>", "2. −1.600  the <eos>"]


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize(
    "search", [by_hand(), long_search(9), hostile()], ids=["hand", "long", "bad"]
)
def test_no_line_leaves_the_terminal_and_no_token_acts(search: SearchSteps, width: int) -> None:
    shown = printed(Choices(search), console(width))
    assert max(map(cell_len, shown.splitlines())) <= width
    assert "\u202e" not in shown
    assert "\x1b[31m" not in shown


def test_a_terminal_of_ascii_gets_ascii() -> None:
    steps = [[Choice("猫", -1, 1.0, -0.5, "followed")], [Choice("犬", 0, 1.0, -0.5, "ended")]]
    search = SearchSteps(steps, [Ending(1, 0, -0.5)], title="猫")
    shown = printed(Choices(search), console(encoding="ascii"))
    assert shown.isascii()
    assert r"\u732b" in shown
