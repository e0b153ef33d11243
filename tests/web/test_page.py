"""The page in a browser: type, see, hover, choose a head, compare, link, save; nothing leaves."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from playwright.sync_api import expect as check_that

from regard.recipes.heads import EMPTY
from regard.web import make_application
from tests.inspection.page import HOSTILE
from tests.web.conftest import served

REFUSED = re.compile(
    r"Failed to load resource: (the server responded with a status of 4\d\d|net::ERR_CONNECTION)"
)
"""What the browser says, not the page."""


SAID_OF_EMPTY = f"{EMPTY.capitalize()}."

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Return what opens the page; nothing may go wrong on it, or leave for elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    wrong: list[str] = []
    asked: list[str] = []

    def noted(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not REFUSED.match(message.text):
            wrong.append(message.text)

    def opened(at: str = address, **query: str) -> Page:
        page = context.new_page()
        page.on("console", noted)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{at}?{urlencode(query)}" if query else at)
        check_that(page.locator("#ask")).to_be_visible()
        return page

    yield opened
    context.close()
    assert wrong == []
    assert asked
    elsewhere = [
        url for url in asked if not url.startswith(("http://127.0.0.1:", "blob:", "data:"))
    ]
    assert elsewhere == []


def ask(page: Page, text: str) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.keyboard.press("Enter")


def made(page: Page) -> Any:
    return page.locator(".panel:not(.busy) .made")


def test_what_is_typed_is_translated_and_shown_with_its_alignment(
    open_page: Open, client: Any
) -> None:
    page = open_page()
    ask(page, "ein haus rot")
    check_that(made(page)).to_have_text("a house red")
    table = page.locator(".picture table")
    check_that(table.locator("thead th")).to_have_text(["ein", "haus", "rot"])
    check_that(table.locator("tbody th")).to_have_text(["a", "house", "red"])
    seen = client.post("/api/look", json={"run": "translator", "text": "ein haus rot"}).json()
    shown = [[int(cell) for cell in row.split()] for row in _rows(page)]
    expected = [[round(100 * weight) for weight in row] for row in seen["weights"]["weights"]]
    assert shown == expected


def _rows(page: Page) -> list[str]:
    rows = page.locator(".picture tbody tr").all()
    return [" ".join(row.locator("td").all_text_contents()) for row in rows]


def test_without_a_text_one_is_asked_for(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Look").click()
    text = page.get_by_label("Text", exact=True)
    check_that(text).to_be_focused()
    check_that(text).to_have_attribute("aria-invalid", "true")
    check_that(page.get_by_role("status").first).to_have_text(SAID_OF_EMPTY)
    text.fill("ein")
    check_that(text).not_to_have_attribute("aria-invalid", "true")


def test_of_a_text_without_tokens_the_same_is_said(open_page: Open) -> None:
    page = open_page()
    ask(page, "   ")
    check_that(page.get_by_role("alert")).to_have_text(SAID_OF_EMPTY)


def test_a_line_begins_where_shift_is_held(open_page: Open) -> None:
    page = open_page()
    text = page.get_by_label("Text", exact=True)
    text.fill("ein")
    text.press("Shift+Enter")
    text.press_sequentially("haus")
    assert text.input_value() == "ein\nhaus"
    assert page.locator(".panel").count() == 0


def test_pointing_at_a_weight_says_what_it_is(open_page: Open) -> None:
    page = open_page(run="translator", text="ein haus rot")
    cell = page.locator(".picture tbody tr").nth(1).locator("td").nth(1)
    cell.hover()
    assert re.match(r"house ← haus: 0\.\d+", cell.get_attribute("title") or "")
    before = cell.evaluate("cell => getComputedStyle(cell).outlineStyle")
    assert before == "solid"


def test_another_head_is_shown_when_it_is_chosen(open_page: Open) -> None:
    page = open_page(run="heads", text="ein haus rot")
    title = page.locator(".panel:not(.busy) article h2")
    check_that(title).to_have_text("Alignment: layer 1, mean of the heads")
    page.get_by_label("Head", exact=True).select_option("1")
    check_that(title).to_have_text("Alignment: layer 1, head 1")
    page.get_by_label("Layer", exact=True).select_option("0")
    check_that(title).to_have_text("Alignment: layer 0, head 1")
    assert "head=1" in page.url
    assert "layer=0" in page.url


def test_all_heads_are_shown_and_one_of_them_larger(open_page: Open) -> None:
    page = open_page(run="heads", text="ein haus rot", view="heads")
    first = page.locator(".picture section").first
    check_that(page.locator(".picture section h3")).to_have_text(
        ["encoder self-attention", "decoder self-attention", "cross-attention, target to source"]
    )
    check_that(first).to_contain_text("layer 0, head 0")
    first.get_by_role("button", name=re.compile("layer 1, head 1")).click()
    check_that(first.get_by_text(re.compile("^layer 1, head 1"))).to_be_visible()


def test_the_search_is_shown_where_it_is_asked_for(open_page: Open) -> None:
    page = open_page(run="translator", text="ein haus")
    page.get_by_label("Show", exact=True).select_option(label="the search")
    drawing = page.locator(".panel:not(.busy) svg.drawing")
    check_that(drawing).to_be_visible()
    check_that(drawing.get_by_text("house").first).to_be_visible()
    assert "view=search" in page.url
    page.get_by_label("Show", exact=True).select_option(label="one table")
    check_that(page.locator(".panel:not(.busy) table")).to_be_visible()


def test_the_search_is_shown_with_another_head(open_page: Open) -> None:
    page = open_page(run="heads", text="ein haus", view="search", layer="0", head="1")
    title = page.locator(".panel:not(.busy) article h2")
    check_that(title).to_have_text("Search with a beam of 5: layer 0, head 1")
    page.get_by_label("Layer", exact=True).select_option("1")
    check_that(title).to_have_text("Search with a beam of 5: layer 1, head 1")
    page.get_by_label("Show", exact=True).select_option(label="all heads")
    check_that(title).to_have_text("All heads")


def test_two_runs_are_compared_side_by_side(open_page: Open) -> None:
    page = open_page(run="translator", text="ein haus")
    page.get_by_label("Compare with").select_option("heads")
    panels = page.locator(".panel:not(.busy)")
    check_that(panels).to_have_count(2)
    check_that(panels.locator("> h2")).to_have_text(["translator", "heads"])
    check_that(panels.locator("article")).to_have_count(2)
    one, two = (panels.nth(at).bounding_box() or {} for at in (0, 1))
    assert one["y"] == two["y"]
    assert one["x"] + one["width"] <= two["x"]
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    assert parse_qs(urlsplit(page.url).query)["compare"] == ["heads"]


def test_choices_of_either_run_are_offered(open_page: Open) -> None:
    page = open_page(run="translator", compare="heads", text="ein haus", layer="0", head="1")
    check_that(page.get_by_label("Head", exact=True)).to_have_value("1")
    titles = page.locator(".panel:not(.busy) article h2")
    check_that(titles).to_have_text(["Alignment", "Alignment: layer 0, head 1"])


def test_runs_that_read_otherwise_are_not_compared(open_page: Open) -> None:
    page = open_page(run="matcher")
    check_that(page.get_by_label("Compare with")).to_be_hidden()
    check_that(page.get_by_label("Left text")).to_be_visible()
    check_that(page.get_by_label("Text", exact=True)).to_be_hidden()


def test_a_link_shows_the_same_again(open_page: Open) -> None:
    page = open_page()
    ask(page, "ein haus")
    check_that(made(page)).to_have_text("a house")
    assert parse_qs(urlsplit(page.url).query) == {"run": ["translator"], "text": ["ein haus"]}
    again = open_page(page.url)
    check_that(made(again)).to_have_text("a house")
    check_that(again.get_by_label("Text", exact=True)).to_have_value("ein haus")


def test_the_way_back_leads_through_what_was_asked(open_page: Open) -> None:
    page = open_page()
    for text, found in (("ein haus", "a house"), ("ein hund", "a dog")):
        ask(page, text)
        check_that(made(page)).to_have_text(found)
    page.go_back()
    check_that(made(page)).to_have_text("a house")
    page.go_forward()
    check_that(made(page)).to_have_text("a dog")


def test_the_link_is_copied(open_page: Open) -> None:
    page = open_page(run="translator", text="ein haus & mehr")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    check_that(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url


def test_an_unknown_run_in_a_link_is_said(open_page: Open) -> None:
    page = open_page(run="nobody", text="x")
    check_that(page.get_by_role("alert")).to_have_text("There is no run nobody here.")


@pytest.mark.parametrize("query", [{"run": "heads", "layer": "9", "text": "ein"}])
def test_what_a_link_asks_for_in_vain_is_said(open_page: Open, query: dict[str, str]) -> None:
    page = open_page(**query)
    check_that(page.locator(".panel:not(.busy)")).to_have_count(1)
    check_that(page.get_by_label("Layer", exact=True)).to_have_value("")


def test_what_the_server_refuses_is_said(open_page: Open) -> None:
    page = open_page(run="writer", text="the dög")
    check_that(page.get_by_role("alert")).to_contain_text("The model does not know 'ö'")


SAVED = ("translator", "heads", "classifier")


@pytest.mark.parametrize("run", SAVED)
def test_what_is_seen_is_saved(open_page: Open, run: str, tmp_path: Path) -> None:
    page = open_page(run=run, text="ein haus")
    saving = page.locator(".panel:not(.busy) .saving")
    files = {}
    for kind in ("SVG", "HTML", "JSON"):
        with page.expect_download() as found:
            saving.get_by_role("button", name=kind, exact=True).click()
        path = tmp_path / found.value.suggested_filename
        found.value.save_as(path)
        assert path.suffix == f".{kind.lower()}"
        files[kind] = path.read_text("utf-8")
    assert ET.fromstring(files["SVG"]).tag == "{http://www.w3.org/2000/svg}svg"
    assert "haus" in files["SVG"]
    assert files["HTML"].startswith("<!doctype html>")
    assert json.loads(files["JSON"])["texts"] == ["ein haus"]


def test_a_saved_page_stands_alone(open_page: Open, browser: Browser, tmp_path: Path) -> None:
    page = open_page(run="translator", text="ein haus")
    with page.expect_download() as found:
        page.get_by_role("button", name="HTML").click()
    found.value.save_as(tmp_path / "saved.html")
    alone = browser.new_page(offline=True)
    wrong: list[str] = []
    alone.on("console", lambda message: wrong.append(message.text))
    alone.goto((tmp_path / "saved.html").as_uri())
    check_that(alone.locator("tbody th")).to_have_text(["a", "house"])
    alone.close()
    assert wrong == []


def test_what_was_asked_before_is_offered_again(open_page: Open) -> None:
    page = open_page()
    before = page.get_by_role("region", name="Before")
    ask(page, "ein haus")
    check_that(made(page)).to_have_text("a house")
    check_that(before).to_be_hidden()
    ask(page, "ein hund")
    check_that(made(page)).to_have_text("a dog")
    before.get_by_role("button", name="ein haus").click()
    check_that(made(page)).to_have_text("a house")
    check_that(before.get_by_role("button")).to_have_text(["ein hund"])
    page.reload()
    check_that(made(page)).to_have_text("a house")
    check_that(before).to_be_hidden()


def test_examples_are_there_to_be_tried(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("group", name="Examples").get_by_role("button", name="ein haus rot").click()
    check_that(made(page)).to_have_text("a house red")
    page.get_by_label("Run").select_option("matcher")
    page.get_by_role("button", name="the cat ? / the cat .").click()
    check_that(page.get_by_label("Right text")).to_have_value("the cat .")
    check_that(page.locator(".panel.match:not(.busy) .shares")).to_contain_text("yes")


def test_labels_stand_with_their_probabilities(open_page: Open, client: Any) -> None:
    text = "The film was wonderful."
    page = open_page(run="classifier", text=text)
    seen = client.post("/api/look", json={"run": "classifier", "text": text}).json()
    expected = [
        f"{label}{100 * share:.1f} %"
        for label, share in seen["prediction"]["probabilities"].items()
    ]
    check_that(page.locator(".panel:not(.busy) .shares li")).to_have_text(expected)
    check_that(page.locator(".picture .shaded")).to_have_text(text)
    check_that(page.locator(".shares .likely")).to_have_count(1)


def test_a_text_is_continued_behind_its_beginning(open_page: Open) -> None:
    page = open_page(run="writer", text="the dog", length="9", seed="3")
    check_that(page.get_by_label("Beginning")).to_have_value("the dog")
    check_that(page.locator(".written .prompt")).to_have_text("the dog")
    first = page.locator(".written").text_content()
    page.get_by_label("Seed").fill("4")
    page.get_by_label("Seed").press("Tab")
    check_that(page.locator(".panel:not(.busy) .written")).not_to_have_text(first or "")


@pytest.mark.parametrize("run", ["translator", "classifier", "reader", "heads"])
def test_no_text_acts(open_page: Open, run: str) -> None:
    hostile = HOSTILE.replace("\x00", "") + "<img src=x onerror=alert(2)>"
    page = open_page(run=run, text=hostile)
    check_that(page.locator(".panel:not(.busy) article")).to_have_count(1)
    assert page.locator("img").count() == 1  # the page's own
    assert page.locator("main script:not([type='application/json'])").count() == 0
    assert page.get_by_label("Text", exact=True).input_value() == hostile
    ask(page, "ein haus")
    check_that(page.get_by_role("region", name="Before").get_by_role("button")).to_have_count(1)
    assert page.locator("img").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", [
    {"run": "translator", "compare": "heads", "text": "ein haus rot ein hund klein"},
    {"run": "heads", "text": "ein haus rot", "view": "heads"},
    {"run": "classifier", "text": "x" * 300},
    {"run": "matcher", "left": "the cat , garden .", "right": "the cat"},
    {"run": "writer", "text": "the dog sees", "length": "30"},
])  # fmt: skip
def test_nothing_is_wider_than_a_small_screen(
    open_page: Open, query: dict[str, str], scheme: Any
) -> None:
    page = open_page(**query)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 700})
    panels = 2 if "compare" in query else 1
    check_that(page.locator(".panel:not(.busy) article")).to_have_count(panels)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


def test_everything_is_reached_by_keyboard_and_has_a_name(open_page: Open) -> None:
    page = open_page(run="heads", compare="translator", text="ein haus")
    check_that(page.locator(".panel:not(.busy) .saving")).to_have_count(2)
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "document.activeElement.id || document.activeElement.textContent.trim()"
        )
        if name in ("The same as an API", ""):
            break
        reached.append(name)
    for name in ("run", "compare", "text", "option-beam", "option-layer", "option-head", "look"):
        assert name in reached
    assert reached.count("HTML") == 2
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, textarea, input, a")]
            .filter((each) => each.offsetParent && !each.labels?.length
                && !each.getAttribute("aria-label") && !each.textContent.trim()).length"""
    )
    assert nameless == 0


def test_a_server_that_is_gone_is_said(open_page: Open, runs: dict[str, Any]) -> None:
    with served(make_application(runs)) as address:
        page = open_page(address)
    ask(page, "ein haus")
    check_that(page.get_by_role("alert")).to_have_text(
        "The server does not answer. Is regard serve still running?"
    )
