"""All heads: small pictures, one of them large, chosen by pointer and by keys."""

import re

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from regard.inspection.head_weights import HeadWeights
from regard.inspection.palette import ON_LIGHT, percent
from regard.inspection.report import HeadsExample
from tests.browser.conftest import Open
from tests.browser.examples import attention, of, report

COLOURS = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, ...data];
}"""


@pytest.fixture
def given() -> HeadWeights:
    return attention("self-attention", 3, 4, 9, 9)


def head(page: Page, layer: int, number: int) -> Locator:
    return page.get_by_role("button", name=re.compile(f"^layer {layer}, head {number},"))


def test_every_head_has_a_small_picture_of_its_weights(open_page: Open, given: HeadWeights) -> None:
    page = open_page(report(HeadsExample([given]))).page
    for layer, weights in enumerate(given.layers):
        for number, matrix in enumerate(weights):
            width, height, *parts = head(page, layer, number).locator("canvas").evaluate(COLOURS)
            assert (width, height) == (9, 9)
            colours = ["#" + bytes(parts[at : at + 3]).hex() for at in range(0, len(parts), 4)]
            for colour, weight in zip(colours, matrix.flatten().tolist(), strict=True):
                near = range(percent(weight) - 1, percent(weight) + 2)
                assert colour in {ON_LIGHT[min(max(step, 0), 100)] for step in near}


def test_entropies_stand_below_the_heads(open_page: Open, given: HeadWeights) -> None:
    page = open_page(report(HeadsExample([given]))).page
    for layer, weights in enumerate(given.layers):
        for number, matrix in enumerate(weights):
            rows = [[-w * torch.tensor(w).log().item() for w in row] for row in matrix.tolist()]
            mean = sum(map(sum, rows)) / len(rows)
            assert head(page, layer, number).inner_text() == f"{mean:.2f}"


def test_a_click_enlarges_a_head(open_page: Open, given: HeadWeights) -> None:
    page = open_page(report(HeadsExample([given]))).page
    chosen = page.locator(".chosen")
    expect(chosen).to_contain_text("layer 0, head 0")
    head(page, 1, 2).click()
    expect(chosen).to_contain_text("layer 1, head 2")
    expect(head(page, 1, 2)).to_have_attribute("aria-pressed", "true")
    expect(head(page, 0, 0)).to_have_attribute("aria-pressed", "false")
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowDown")
    text = page.get_by_role("status").inner_text()
    found = re.match(r"(q\d+) ← (k\d+) ([\d.]+) %", text)
    assert found, text
    expected = of(given.layers[1][2], [found[1], found[2]])
    assert float(found[3]) / 100 == pytest.approx(expected, rel=0.006)


def test_keys_move_between_heads_and_stay_within_the_grid(
    open_page: Open, given: HeadWeights
) -> None:
    page = open_page(report(HeadsExample([given]))).page
    chosen = page.locator(".chosen")
    page.keyboard.press("Tab")
    expect(head(page, 0, 0)).to_be_focused()
    for key, layer, number in [
        ("ArrowRight", 0, 1),
        ("ArrowDown", 1, 1),
        ("ArrowLeft", 1, 0),
        ("ArrowLeft", 1, 0),
        ("ArrowDown", 2, 0),
        ("ArrowDown", 2, 0),
        ("ArrowUp", 1, 0),
    ]:
        page.keyboard.press(key)
        expect(head(page, layer, number)).to_be_focused()
        expect(chosen).to_contain_text(f"layer {layer}, head {number}")
    # The grid is one stop of the tabulator: the next one is in the stage.
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Matrix")).to_be_focused()
    head(page, 2, 3).focus()
    page.keyboard.press("Enter")
    assert chosen.inner_text().startswith("layer 2, head 3 · entropy ")


def test_the_view_stays_when_another_head_is_chosen(open_page: Open, given: HeadWeights) -> None:
    page = open_page(report(HeadsExample([given]))).page
    page.get_by_role("button", name="Lines").click()
    head(page, 2, 1).click()
    expect(page.get_by_role("application", name="Lines from")).to_be_visible()
    assert page.get_by_role("button", name="Lines").get_attribute("aria-pressed") == "true"


def test_each_attention_has_a_stage_of_its_own(open_page: Open, given: HeadWeights) -> None:
    cross = attention("cross-attention", 2, 2, 5, 9)
    page = open_page(report(HeadsExample([given, cross]))).page
    section = page.get_by_role("region", name="cross-attention")
    section.get_by_role("button", name=re.compile("^layer 1, head 1,")).click()
    expect(section.locator(".chosen")).to_contain_text("layer 1, head 1")
    assert page.locator(".chosen").first.inner_text().startswith("layer 0, head 0")


def test_long_texts_are_drawn_small_and_stretching_redraws_them(open_page: Open) -> None:
    pale = attention("self-attention", 1, 2, 300, 300)
    pale = HeadWeights(pale.name, [each * 0.2 for each in pale.layers], pale.query, pale.key)
    page = open_page(report(HeadsExample([pale]))).page
    canvas = head(page, 0, 1).locator("canvas")
    width, height, *before = canvas.evaluate(COLOURS)
    assert max(width, height) <= 112
    page.get_by_role("button", name="Stretch scale").click()
    assert canvas.evaluate(COLOURS)[2:] != before


def test_without_a_script_entropies_are_a_table(open_page: Open, given: HeadWeights) -> None:
    page = open_page(report(HeadsExample([given])), java_script_enabled=False).page
    cells = page.get_by_role("cell")
    expect(page.get_by_role("table")).to_be_visible()
    assert re.fullmatch(r"\d\.\d\d", cells.nth(1).inner_text())
    expect(page.locator("canvas")).to_have_count(0)
