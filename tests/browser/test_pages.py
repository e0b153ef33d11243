"""Pages as a whole: nothing in them acts or asks for anything; parts may come later."""

import pytest
import torch
from playwright.sync_api import expect

from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.report import Example, HeadsExample, TextExample, fragment
from tests.browser.conftest import READY, Open
from tests.browser.examples import alignment, attention, drawn, report, shaded
from tests.inspection.page import HOSTILE

ODD = [
    *(HOSTILE, "</script><img src=x onerror=alert(1)>", "\x00", "\u202eevil", "\u2028"),
    *("שלום", "مرحبا", "你好", "👩\u200d👧", "##ing", "\u0120the", "x" * 200, "a", "a", ""),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_on_one_page(open_page: Open, scheme: str) -> None:
    page = open_page(
        report(
            Example(alignment(5, 6)),
            HeadsExample([attention("self-attention", 2, 2, 8, 8, causal=True)]),
            TextExample(shaded()),
            Example(alignment(90, 90)),
        ),
        color_scheme=scheme,
    ).page
    assert page.locator("article").count() == 4
    assert page.get_by_role("button", name="as SVG").count() == 3
    assert page.get_by_role("button", name="as JSON").count() == 4


def test_no_token_acts_whatever_is_done_with_it(open_page: Open) -> None:
    number = len(ODD)
    weights = drawn(number, number)
    page = open_page(
        report(
            Example(Alignment(weights, ODD, ODD, HOSTILE), HOSTILE, HOSTILE),
            HeadsExample([HeadWeights(HOSTILE, [weights.unsqueeze(0)], ODD, ODD)], HOSTILE),
        )
    ).page
    for view in page.get_by_role("button", name="Lines").all():
        view.click()
    expect(page.get_by_role("application", name="Lines from")).to_have_count(2)
    for lines in page.get_by_role("application", name="Lines from").all():
        lines.focus()
        for _ in range(number):
            page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Matrix").last.click()
    page.get_by_role("application", name="Matrix of").focus()
    for _ in range(number):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("status").last).to_contain_text("∅")
    expect(page.locator("img, script:not([type]) + *")).to_have_count(0)
    assert page.evaluate("document.querySelectorAll('[onerror], [onmouseover]').length") == 0


def test_tokens_from_right_to_left_stand_at_their_places(open_page: Open) -> None:
    hebrew = ["שלום", "עולם", "!"]
    given = Alignment(torch.eye(3), hebrew, ["a", "b", "c"], "hebrew")
    page = open_page(report(Example(given))).page
    page.get_by_role("button", name="Lines").click()
    expect(page.locator(".lines")).to_be_visible()
    page.wait_for_timeout(200)
    boxes = page.locator(".lines text").evaluate_all(
        "texts => Object.fromEntries(texts.map(text => "
        "[text.textContent, text.getBoundingClientRect().toJSON()]))"
    )
    # On the right side, every name begins at the same place, whatever its direction.
    starts = [boxes[name]["left"] for name in hebrew]
    assert max(starts) - min(starts) < 4
    assert starts[0] > boxes["a"]["right"]
    tops = [boxes[name]["top"] for name in hebrew]
    assert tops == sorted(tops)


def test_a_mark_at_the_end_of_a_word_from_right_to_left_stands_left(open_page: Open) -> None:
    given = Alignment(torch.eye(2), ["שלום!", "ok!"], ["a", "b"], "marks")
    page = open_page(report(Example(given))).page
    page.get_by_role("button", name="Lines").click()
    expect(page.locator(".lines")).to_be_visible()
    page.wait_for_timeout(200)
    firsts, lasts = zip(
        *page.locator(".lines text", has_text="!").evaluate_all(
            "texts => texts.map(text => [0, text.textContent.length - 1]"
            ".map(place => text.getExtentOfChar(place).x))"
        ),
        strict=True,
    )
    assert lasts[0] < firsts[0]
    assert lasts[1] > firsts[1]


def test_a_fragment_that_comes_later_is_enhanced_once(open_page: Open) -> None:
    page = open_page(report(Example(alignment(3, 3)))).page
    later = fragment(7, HeadsExample([attention("later", 1, 2, 5, 5)], "later"))
    page.evaluate(
        """async html => {
          const place = document.createElement("div");
          document.querySelector("main").append(place);
          place.innerHTML = html;
          await window.regard.enhance(place);
          await window.regard.enhance(place.firstElementChild);
          await window.regard.enhance(document);
        }""",
        later,
    )
    assert page.locator(READY).count() == 0
    assert page.locator(".stage").count() == 2
    assert page.locator(".heads canvas").count() == 2
    page.get_by_role("button", name="layer 0, head 1").click()
    expect(page.locator(".chosen")).to_contain_text("layer 0, head 1")


def test_what_was_hidden_is_drawn_when_it_is_shown(open_page: Open) -> None:
    page = open_page(report(Example(alignment(2, 2)))).page
    page.evaluate(
        """async html => {
          const place = document.createElement("div");
          place.hidden = true;
          document.querySelector("main").append(place);
          place.innerHTML = html;
          await window.regard.enhance(place);
          place.hidden = false;
        }""",
        fragment(2, Example(alignment(100, 100))),
    )
    expect(page.get_by_role("button", name="Larger")).to_be_visible()
    box = page.locator(".matrix canvas").bounding_box()
    assert box is not None
    assert box["width"] > 400


def test_what_has_nothing_to_draw_says_so(open_page: Open) -> None:
    empty = Alignment(torch.zeros(0, 1), ["x"], [])
    page = open_page(report(Example(empty), HeadsExample([]))).page
    expect(page.get_by_text("nothing to draw: 0 target × 1 source tokens")).to_be_visible()
    expect(page.get_by_text("nothing to draw: no attention was recorded")).to_be_visible()
    assert page.locator(".stage").count() == 0


def test_a_narrow_screen_is_not_scrolled_sideways(open_page: Open) -> None:
    page = open_page(
        report(
            HeadsExample([attention("self-attention", 2, 12, 20, 20)]), Example(alignment(90, 90))
        ),
        viewport={"width": 400, "height": 800},
    ).page
    for view in ("Lines", "Matrix"):
        for each in page.get_by_role("button", name=view).all():
            each.click()
        expect(page.get_by_role("application", name=f"{view} ")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_paper_has_pictures_and_no_buttons(open_page: Open) -> None:
    page = open_page(report(HeadsExample([attention("self-attention", 1, 2, 6, 6)]))).page
    page.emulate_media(media="print")
    assert page.locator(".matrix canvas").is_visible()
    assert page.locator(".heads canvas").first.is_visible()
    assert not page.get_by_text("Lines").is_visible()
    assert not page.get_by_text("SVG").is_visible()
