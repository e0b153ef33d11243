"""Lines between tokens: which are drawn, how strong, and whose they are."""

import re

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from regard.inspection.alignment import Alignment
from regard.inspection.report import Example
from tests.browser.conftest import Open
from tests.browser.examples import alignment, drawn, report, tokens

ROW, HEADING = 22, 30


def opened(page: Page) -> Locator:
    page.get_by_role("button", name="Lines").click()
    lines = page.get_by_role("application", name="Lines from")
    expect(lines).to_be_visible()
    return lines


def paths(page: Page) -> int:
    return page.locator(".lines path").count()


def test_the_table_becomes_lines_and_a_table_again(open_page: Open) -> None:
    page = open_page(report(Example(alignment(5, 6)))).page
    expect(page.get_by_role("table")).to_be_visible()
    expect(opened(page)).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    expect(page.get_by_role("button", name="Lines")).to_be_focused()
    page.get_by_role("button", name="Matrix").click()
    expect(page.get_by_role("table")).to_be_visible()
    assert page.locator(".lines").count() == 0


def test_as_many_lines_as_weights_that_are_not_too_small(open_page: Open) -> None:
    given = alignment(5, 6)
    page = open_page(report(Example(given))).page
    opened(page)
    slider = page.get_by_role("slider")
    seen = set()
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(10):
        least = float(str(slider.get_attribute("aria-valuetext")).split()[0]) / 100
        expected = int((given.weights >= least).sum())
        expect(page.locator(".lines path")).to_have_count(expected)
        seen.add(expected)
        page.keyboard.press("ArrowRight")
    assert len(seen) > 4


def test_a_stronger_weight_has_a_stronger_line(open_page: Open) -> None:
    weights = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    page = open_page(report(Example(Alignment(weights, ["a", "b"], ["x", "y"])))).page
    opened(page)
    widths = page.locator(".lines path").evaluate_all(
        "paths => paths.map(path => [Number(path.getAttribute('stroke-width')), "
        "Number(path.getAttribute('stroke-opacity'))])"
    )
    assert widths == sorted(widths)
    assert len({tuple(each) for each in widths}) == 4


@pytest.mark.parametrize("side", ["target", "source"])
def test_a_token_that_is_pointed_at_shows_its_lines_alone(open_page: Open, side: str) -> None:
    given = alignment(7, 8, sharpness=1.0)
    page = open_page(report(Example(given))).page
    lines = opened(page)
    everything = paths(page)
    place = 3
    box = lines.locator("svg").bounding_box()
    assert box is not None
    x = 10 if side == "target" else box["width"] - 10
    lines.hover(position={"x": x, "y": HEADING + ROW * (place + 0.5)})
    own = given.weights[place] if side == "target" else given.weights[:, place]
    expect(page.locator(".lines path")).to_have_count(int((own >= 0.005 * own.max()).sum()))
    assert paths(page) < everything
    best = int(own.argmax())
    name = f"t{place} ← s{best}" if side == "target" else f"s{place} → t{best}"
    figure = f"{float(f'{100 * float(own.max()):.3g}'):g} %"
    expect(page.get_by_role("status")).to_contain_text(f"{name} {figure}")
    expect(page.locator(".lines text", has_text=figure)).to_have_count(1)
    page.mouse.move(0, 0)
    expect(page.locator(".lines path")).to_have_count(everything)


def test_keys_move_between_tokens_and_sides(open_page: Open) -> None:
    page = open_page(report(Example(alignment(4, 6)))).page
    opened(page).focus()
    status = page.get_by_role("status")
    for key, said in [
        ("ArrowDown", "t0 ←"),
        ("ArrowDown", "t1 ←"),
        ("ArrowRight", "s1 →"),
        ("End", "s5 →"),
        ("ArrowDown", "s5 →"),
        ("ArrowLeft", "t3 ←"),
        ("Home", "t0 ←"),
        ("Escape", "Lines lead from target tokens to source tokens"),
    ]:
        page.keyboard.press(key)
        assert status.inner_text().startswith(said)


def test_thousands_of_tokens_are_drawn_where_they_are_seen(open_page: Open) -> None:
    number = 3000
    weights = drawn(number, 4, seed=1)
    page = open_page(
        report(Example(Alignment(weights, tokens("s", 4), tokens("t", number), "long")))
    ).page
    lines = opened(page)
    assert page.locator(".lines text").count() < 200
    assert 0 < paths(page) <= 400
    lines.focus()
    page.keyboard.press("End")
    expect(page.locator(".lines text", has_text=re.compile(f"^t{number - 1}$"))).to_be_visible()
    best = int(weights[-1].argmax())
    expect(page.get_by_role("status")).to_contain_text(f"t{number - 1} ← s{best}")


def test_equal_weights_are_never_too_many_lines(open_page: Open) -> None:
    weights = torch.full((60, 60), 0.9)
    given = Alignment(weights, tokens("s", 60), tokens("t", 60), "pairs")
    page = open_page(report(Example(given, row="left", column="right"))).page
    opened(page)
    assert 0 < paths(page) <= 400
    expect(page.locator(".lines text").first).to_have_text("left")
