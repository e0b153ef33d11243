"""A matrix on a canvas: its colours, what is read where, and how somebody comes closer."""

import re
from functools import partial
from typing import NamedTuple

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from regard.inspection.alignment import Alignment
from regard.inspection.palette import ON_DARK, ON_LIGHT, percent
from regard.inspection.report import Example, HeadsExample
from regard.inspection.report import page as pages
from tests.browser.conftest import Open
from tests.browser.examples import alignment, attention, of, report, tokens

CELL = re.compile(r"^(t\d+) ← (s\d+) (about |at most )?([\d.]+) %")

PIXELS = """(canvas, [x, y]) => {
  const few = new OffscreenCanvas(3, 3).getContext("2d", { willReadFrequently: true });
  few.drawImage(canvas, 1 - x, 1 - y);
  return [...few.getImageData(0, 0, 3, 3).data];
}"""


class Read(NamedTuple):
    """What is said of a cell: how far it is from exact, and all that is said with it."""

    names: list[str]
    weight: float
    how: str
    text: str


def matrix(page: Page) -> Locator:
    return page.get_by_role("application", name="Matrix of")


def colours_at(canvas: Locator, x: float, y: float) -> set[str]:
    """Return the colours of a pixel of a canvas and of those around it: gaps are one pixel wide."""
    parts = canvas.evaluate(PIXELS, [round(x), round(y)])
    return {"#" + bytes(parts[at : at + 3]).hex() for at in range(0, len(parts), 4)}


def read_at(page: Page, x: float, y: float) -> Read:
    """Return what is said of the cell at a place of the canvas."""
    page.locator(".matrix canvas").hover(position={"x": x, "y": y})
    reading = page.get_by_role("status")
    expect(reading).to_contain_text("%")
    text = reading.inner_text()
    found = CELL.match(text)
    assert found, text
    return Read([found[1], found[2]], float(found[4]) / 100, (found[3] or "").strip(), text)


def test_a_cell_has_the_colour_of_its_weight_and_its_reading(open_page: Open) -> None:
    given = alignment(70, 80)
    page = open_page(report(Example(given))).page
    canvas = page.locator(".matrix canvas")
    kinds = set()
    for x, y in [(110 + 23.5 * step, 500 - 31.5 * step) for step in range(12)]:
        read = read_at(page, x, y)
        weight = of(given.weights, read.names)
        if read.how == "at most":
            assert weight <= read.weight
        else:
            assert read.weight == pytest.approx(weight, rel=0.006)
        kinds.add(read.how)
        page.mouse.move(0, 0)
        expect(page.get_by_role("status")).to_contain_text("A row per target token")
        # A byte may round to the next percent.
        near = {ON_LIGHT[min(max(percent(weight) + step, 0), 100)] for step in (-1, 0, 1)}
        assert near & colours_at(canvas, x, y), read.text
    assert "" in kinds


def test_the_largest_weights_of_the_row_are_read_in_order(open_page: Open) -> None:
    given = alignment(70, 80)
    page = open_page(report(Example(given))).page
    read = read_at(page, 300, 300)
    row = given.weights[int(read.names[0][1:])]
    listed = re.findall(r"(s\d+) ([\d.]+) %", read.text.splitlines()[-1])
    best = row.topk(len(listed))
    assert len(listed) == 6
    assert [int(name[1:]) for name, _ in listed] == best.indices.tolist()
    for (_, said), weight in zip(listed, best.values.tolist(), strict=True):
        assert float(said) / 100 == pytest.approx(weight, rel=0.006)


def test_figures_are_exact_where_the_picture_is_coarse(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "packings", partial(pages.packings, budget=160_000))
    given = alignment(300, 300, sharpness=2.0)
    page = open_page(report(Example(given))).page
    expect(page.locator(".note")).to_contain_text("the largest of up to 2 × 2 weights")
    read = read_at(page, 250, 313)
    row = given.weights[int(read.names[0][1:])]
    [(name, said), *_] = re.findall(r"(s\d+) ([\d.]+) %", read.text.splitlines()[-1])
    assert int(name[1:]) == int(row.argmax())
    assert float(said) / 100 == pytest.approx(float(row.max()), rel=0.006)
    assert read.how == "at most"
    assert of(given.weights, read.names) <= read.weight * 1.006


def test_keys_move_the_cursor_and_the_size(open_page: Open) -> None:
    page = open_page(report(Example(alignment(200, 200)))).page
    view, status = matrix(page), page.get_by_role("status")
    view.focus()
    page.keyboard.press("ArrowDown")
    expect(status).to_contain_text("t0 ← s0")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(status).to_contain_text("t11 ← s2")
    page.keyboard.press("End")
    expect(status).to_contain_text("t11 ← s199")
    before = view.screenshot()
    for _ in range(6):
        page.keyboard.press("+")
    page.wait_for_timeout(200)
    closer = view.screenshot()
    page.keyboard.press("0")
    page.wait_for_timeout(200)
    assert closer != before
    assert view.screenshot() == before
    page.keyboard.press("Escape")
    expect(status).to_contain_text("A row per target token")


def test_the_wheel_scrolls_the_page_until_the_matrix_is_clicked(open_page: Open) -> None:
    page = open_page(report(Example(alignment(200, 200)), Example(alignment(200, 200)))).page
    canvas = page.locator(".matrix canvas").first
    canvas.hover(position={"x": 300, "y": 200})
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(200)
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0
    canvas.click(position={"x": 300, "y": 300})
    status = page.get_by_role("status").first
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    here = status.inner_text()
    scrolled = page.evaluate("scrollY")
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(200)
    assert page.evaluate("scrollY") == scrolled
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before
    # What was under the pointer still is.
    page.mouse.move(*moved(canvas, 301, 301))
    page.mouse.move(*moved(canvas, 300, 300))
    assert status.inner_text().split(" ")[0] == here.split(" ")[0]


def moved(canvas: Locator, x: float, y: float) -> tuple[float, float]:
    box = canvas.bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def test_dragging_moves_what_is_seen(open_page: Open) -> None:
    page = open_page(report(Example(alignment(400, 400)))).page
    matrix(page).focus()
    for _ in range(6):
        page.keyboard.press("+")
    page.wait_for_timeout(100)
    canvas = page.locator(".matrix canvas")
    first = read_at(page, 300, 300).names
    page.mouse.down()
    page.mouse.move(*moved(canvas, 250, 250), steps=4)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert read_at(page, 250, 250).names == first
    for before, after in zip(first, read_at(page, 300, 300).names, strict=True):
        assert int(after[1:]) > int(before[1:])


def test_what_may_not_be_attended_is_blank(open_page: Open) -> None:
    given = attention("self-attention", 1, 1, 12, 12, causal=True)
    page = open_page(report(HeadsExample([given]))).page
    view = matrix(page)
    view.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("status").inner_text().startswith("q0 ← k1 may not be attended")


def test_a_dark_screen_has_dark_cells_and_paper_light_ones(open_page: Open) -> None:
    weights = torch.zeros(70, 70)
    given = Alignment(weights, tokens("s", 70), tokens("t", 70), "nothing")
    page = open_page(report(Example(given)), color_scheme="dark").page
    canvas = page.locator(".matrix canvas")
    assert ON_DARK[0] in colours_at(canvas, 200, 200)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert ON_LIGHT[0] in colours_at(canvas, 200, 200)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert ON_DARK[0] in colours_at(canvas, 200, 200)
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(100)
    assert ON_LIGHT[0] in colours_at(canvas, 200, 200)


def test_a_pale_picture_is_stretched_and_says_so(open_page: Open) -> None:
    page = open_page(report(Example(alignment(100, 100, sharpness=0.5)))).page
    stretch = page.get_by_role("button", name="Stretch scale")
    expect(stretch).to_have_attribute("aria-pressed", "true")
    largest = float(alignment(100, 100, sharpness=0.5).weights.max())
    legend = page.locator(".tools .scale")
    expect(legend).to_contain_text(f"{float(f'{100 * largest:.3g}'):g} %")
    before = page.locator(".matrix canvas").evaluate("canvas => canvas.toDataURL()")
    stretch.click()
    expect(stretch).to_have_attribute("aria-pressed", "false")
    expect(stretch).to_be_focused()
    expect(legend).to_have_count(0)
    assert page.locator(".matrix canvas").evaluate("canvas => canvas.toDataURL()") != before
