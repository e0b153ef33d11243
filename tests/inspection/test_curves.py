"""Curves of trainings: which line is whose, what is below what, and what is not there."""

from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from regard.inspection.figures import curves
from regard.inspection.learning import Learning, Points

KINDS = ("concatenation", "addition")


def weighted(num_heads: int, *attentions: str) -> Learning:
    """Make what a weighted Transformer has logged in its first steps: its shares."""
    heads = [[(0, 0.1), (10, 0.1 + head / 100)] for head in range(num_heads)]
    return Learning("weighted", {}, {name: dict.fromkeys(KINDS, heads) for name in attentions})


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.axison]


def drawn(axes: Axes) -> list[Line2D]:
    """Return the lines of a panel, without that for equal shares."""
    return [line for line in axes.lines if line.get_color() != curves._FAINT]


def look(line: Line2D) -> tuple[object, object]:
    return line.get_color(), line.get_linestyle()


def legends(figure: Figure) -> list[dict[str, tuple[object, object]]]:
    """Return how the line of each name looks, for every part of a figure."""
    found = [legend for part in figure.subfigs for legend in part.legends]
    return [
        {
            text.get_text(): look(line)
            for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
        }
        for legend in found
    ]


def lay_out(figure: Figure) -> None:
    """Put everything in its place."""
    figure.draw_without_rendering()


def test_each_of_32_trainings_has_a_line_of_its_own() -> None:
    runs = [Learning(f"run {n}", {"loss": [(0, 4.0), (9, 1.0)]}, {}) for n in range(32)]
    figure = curves.draw(runs)
    [panel] = panels(figure)
    looks = [look(line) for line in drawn(panel)]
    assert len(set(looks)) == 32
    [legend] = legends(figure)
    assert list(legend.items()) == [(run.name, each) for run, each in zip(runs, looks, strict=True)]


def test_few_trainings_differ_in_print_too() -> None:
    figure = curves.draw([Learning(f"run {n}", {"loss": [(0, 4.0)]}, {}) for n in range(32)])
    strokes = [line.get_linestyle() for line in drawn(panels(figure)[0])]
    assert strokes[0] == "-"
    assert len(set(strokes[:4])) == 4
    assert all(one != other for one, other in pairwise(strokes))


@pytest.mark.parametrize("num_heads", [1, 8, 12, 32])
def test_every_head_is_named_and_told_apart(num_heads: int) -> None:
    figure = curves.draw([weighted(num_heads, "encoder.layers.0.attention", "other")])
    [legend] = legends(figure)
    assert set(legend) == {f"head {number}" for number in range(num_heads)}
    assert len(set(legend.values())) == num_heads
    for panel in panels(figure):
        heads = [(f"head {number}", look(line)) for number, line in enumerate(drawn(panel))]
        assert dict(heads) == legend


def test_the_shares_of_one_that_has_logged_nothing_else_are_drawn(tmp_path: Path) -> None:
    figure = curves.draw([weighted(4, "encoder.layers.0.attention")])
    assert [axes.get_title("left") for axes in panels(figure)] == ["encoder.layers.0.attention", ""]
    assert [axes.get_ylabel() for axes in panels(figure)] == ["concatenation κ", "addition α"]
    curves.save([weighted(4, "other")], tmp_path / "shares.png")
    assert (tmp_path / "shares.png").read_bytes().startswith(b"\x89PNG")


def test_what_an_attention_lacks_stays_empty() -> None:
    begun = weighted(4, "first", "second", "third")
    shares = {name: dict(kinds) for name, kinds in begun.shares.items()}
    del shares["second"]["addition"]
    shares["third"] = {"concatenation": begun.shares["third"]["concatenation"][:2]}
    figure = curves.draw([begun._replace(shares=shares)])
    first, second, third, *below = panels(figure)
    assert [len(drawn(axes)) for axes in (first, second, third)] == [4, 4, 2]
    assert [len(axes.lines) for axes in below] == [5, 0, 0]
    [legend] = legends(figure)
    assert list(legend) == [f"head {number}" for number in range(4)]
    equal = {line.get_ydata()[0] for line in third.lines if line not in drawn(third)}
    assert equal == {1 / 4}


@pytest.mark.parametrize("num_figures", [1, 3, 4, 5])
def test_steps_are_named_below_the_lowest_panels(num_figures: int) -> None:
    figures: dict[str, Points] = {f"figure {n}": [(0, 1.0)] for n in range(num_figures)}
    given = [Learning("run", figures, weighted(4, "first", "second").shares)]
    figure = curves.draw(given)
    lay_out(figure)
    for part in figure.subfigs:
        shown = [axes for axes in part.axes if axes.axison]
        for axes in shown:
            frame = axes.get_window_extent()
            below = [
                other
                for other in shown
                if other.get_window_extent().y1 < frame.y0
                and abs(other.get_window_extent().x0 - frame.x0) < 1
            ]
            assert axes.get_xlabel() == ("" if below else "steps")
            if not below:
                [legend] = part.legends
                named = axes.xaxis.label.get_window_extent()
                assert legend.get_window_extent().y1 < named.y0 < frame.y0


def test_what_others_have_named_is_no_formula(tmp_path: Path) -> None:
    points = [(0, 1.0), (1, 2.0)]
    odd = Learning("a$b^{$", {"c$_{$\x1b": points}, {"d$_{$": {"e$_{$": [points]}})
    picture = tmp_path / "odd.svg"
    curves.save([odd], picture)
    text = picture.read_text("utf-8")
    assert [name in text for name in ("a$b^{$", "c$ {$\\x1b", "d$_{$", "e$_{$")] == [True] * 4


def test_long_names_cover_none_beside_them() -> None:
    figures: dict[str, Points] = {f"validation_{n}_" * 10: [(0, 1.0)] for n in range(3)}
    attentions = [f"decoder.layers.{n}.some.long.name.of.an.attention" for n in range(3)]
    for given in (Learning("run", figures, {}), weighted(4, *attentions)):
        figure = curves.draw([given])
        lay_out(figure)
        titles = [axes._left_title for axes in panels(figure) if axes.get_title("left")]
        assert len(titles) == 3
        for one, other in pairwise(titles):
            assert not one.get_window_extent().overlaps(other.get_window_extent())


@pytest.mark.parametrize("last", [1, 7, 3_000, 25_000, 250_000, 999_999, 5_000_000])
def test_numbers_of_steps_have_room(last: int) -> None:
    points = [(0, 1.0), (last, 2.0)]
    attentions = {name: {"addition": [points]} for name in ("first", "second", "third")}
    figures = {f"figure {number}": points for number in range(3)}
    for given in (Learning("run", figures, {}), Learning("run", {}, attentions)):
        figure = curves.draw([given])
        lay_out(figure)
        for axes in panels(figure):
            labels = [each for each in axes.get_xticklabels() if in_sight(each, axes)]
            numbers = [each.get_text() for each in labels]
            assert all(map(str.isdecimal, numbers))
            assert len(set(numbers)) == len(numbers) > 1
            for one, other in pairwise(labels):
                assert not one.get_window_extent().overlaps(other.get_window_extent())


def in_sight(label: Text, axes: Axes) -> bool:
    left, right = axes.get_xlim()
    return left <= label.get_position()[0] <= right


@pytest.mark.parametrize(
    ("learnings", "answer"),
    [
        ([], "there are no curves to draw"),
        ([Learning("one", {}, {}), Learning("two", {}, {})], "no curves to draw of one, two"),
    ],
)
def test_nothing_to_draw_is_said(learnings: list[Learning], answer: str) -> None:
    with pytest.raises(ValueError, match=f"{answer}$"):
        curves.draw(learnings)
