"""What is seen, as files: each of its kind, whole, and with no text that acts."""

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import torch
from starlette.testclient import TestClient

from regard.inspection.palette import ON_LIGHT
from regard.inspection.report import SearchExample
from regard.inspection.search_steps import Choice, Ending, SearchSteps
from regard.inspection.shading import ShadedText
from regard.inspection.text_picture import COLUMNS, draw_text
from regard.web.answered import Translated
from regard.web.pictures import draw_file
from regard.web.sights import Sight
from tests.inspection.page import HOSTILE, Page

SVG = "{http://www.w3.org/2000/svg}"
ASKED: list[dict[str, Any]] = [
    {"run": "translator", "text": "ein haus"},
    {"run": "heads", "text": "ein haus", "options": {"view": "heads"}},
    {"run": "translator", "text": "ein haus", "options": {"view": "search"}},
    {"run": "classifier", "text": "The film was wonderful."},
    {"run": "matcher", "left": "the cat ?", "right": "the cat ."},
    {"run": "writer", "text": "the dog", "options": {"length": 4}},
]


def names(asked: dict[str, Any]) -> str:
    return f"{asked['run']}-{asked.get('options', {}).get('view', 'attention')}"


@pytest.mark.parametrize("asked", ASKED, ids=names)
def test_an_svg_holds_every_token(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.post("/api/picture", json=asked | {"format": "svg"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-disposition"] == 'attachment; filename="regard.svg"'
    root = ET.fromstring(answer.content)
    assert root.tag == f"{SVG}svg"
    shown = "".join(root.itertext())
    texts = (asked.get("text"), asked.get("left"), asked.get("right"))
    for word in re.findall(r"\w+", " ".join(filter(None, texts))):
        assert word in shown or asked["run"] == "writer"
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize("asked", ASKED, ids=names)
def test_a_page_is_whole_and_needs_nothing_else(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.post("/api/picture", json=asked | {"format": "html"})
    page = Page(answer.text.removeprefix("<!doctype html>"))
    assert page.open == []
    assert len(page.all("article")) == 1
    assert not [each for each in page.all("script") if "src" in each]
    assert ("h1", asked["run"]) in page.texts


@pytest.mark.parametrize("asked", ASKED, ids=names)
def test_json_holds_what_the_api_says_but_for_the_fragment(
    client: TestClient, asked: dict[str, Any]
) -> None:
    seen = client.post("/api/look", json=asked).json()
    kept = json.loads(client.post("/api/picture", json=asked | {"format": "json"}).content)
    seen.pop("fragment")
    assert kept == seen


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_tables_are_drawn_for_print(client: TestClient, kind: str, begins: bytes) -> None:
    answer = client.post("/api/picture", json=ASKED[0] | {"format": kind})
    assert answer.content.startswith(begins)


@pytest.mark.parametrize(
    ("run", "kind", "status"), [("classifier", "png", 422), ("translator", "exe", 422)]
)
def test_what_cannot_be_drawn_is_refused(
    client: TestClient, run: str, kind: str, status: int
) -> None:
    answer = client.post("/api/picture", json={"run": run, "text": "x", "format": kind})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def long_search(num_steps: int) -> Sight:
    steps = [
        [
            Choice("w", -1 if step == 0 else 0, 0.5, -0.7 * (step + 1), "followed"),
            Choice("v", -1 if step == 0 else 0, 0.1, -0.7 * step - 2.3, "dropped"),
        ]
        for step in range(num_steps)
    ]
    last = [Choice("<eos>", 0, 0.5, -0.7 * (num_steps + 1), "ended")]
    search = SearchSteps([*steps, last], [Ending(num_steps, 0, -1.0)])
    return Sight(("x",), Translated(text="w", score=-1.0), SearchExample(search), [])


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_search_that_takes_too_long_to_draw_is_refused(kind: str) -> None:
    says = f"a search of 1,001 choices takes too long to draw as {kind}, .*: take html, or"
    with pytest.raises(ValueError, match=says):
        draw_file("run", long_search(500), kind)


def test_a_search_of_any_length_is_written_as_a_page_and_as_numbers() -> None:
    for kind in ("html", "json"):
        assert draw_file("run", long_search(500), kind).content
    root = ET.fromstring(draw_file("run", long_search(20), "svg").content)
    texts = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    assert texts.count("w") >= 20


def drawn(text: str, weights: list[float], **more: Any) -> ET.Element:
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    return ET.fromstring(draw_text(ShadedText(text, spans, torch.tensor(weights), **more)))


def test_every_word_of_a_text_has_its_shade_behind_it() -> None:
    root = drawn("ein rotes haus", [0.25, 0.25, 0.5], title="good 75.0 %")
    shades = {rect.get("x"): rect.get("fill") for rect in root.iter(f"{SVG}rect") if rect.get("x")}
    words = {each.text: each for each in root.iter(f"{SVG}text")}
    assert shades[words["haus"].get("x")] == ON_LIGHT[100]
    assert shades[words["ein"].get("x")] == ON_LIGHT[50] == shades[words["rotes"].get("x")]
    assert [each.text for each in root.iter(f"{SVG}title")] == ["good 75.0 %"]
    # As wide as letters of one width.
    widths = [float(words[word].get("textLength", 0)) / len(word) for word in ("ein", "rotes")]
    assert widths[0] == pytest.approx(widths[1])


def test_what_does_not_count_has_no_shade() -> None:
    root = drawn("ein haus", [0.0, 1.0])
    assert len([rect for rect in root.iter(f"{SVG}rect") if rect.get("x")]) == 1


def test_long_texts_are_broken_into_lines_within_the_picture() -> None:
    text = "wort " * 60 + "x" * 200
    root = drawn(text, [1 / 61] * 61)
    places = [
        (float(each.get("x", 0)), float(each.get("textLength", 0)), float(each.get("y", 0)))
        for each in root.iter(f"{SVG}text")
        if each.get("textLength")
    ]
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert len({y for _, _, y in places}) > 300 / COLUMNS
    assert max(x + length for x, length, _ in places) <= width
    assert max(y for _, _, y in places) < height
    assert "".join(each.text or "" for each in root.iter(f"{SVG}text")) == text.replace(" ", "")


def test_sentences_stand_behind_their_shares() -> None:
    root = drawn(
        "ein haus . ein hund .", [0.5, 0.2, 0.1, 0.1, 0.1, 0.0], sentences=[0, 0, 0, 1, 1, 1]
    )
    shown = [each.text for each in root.iter(f"{SVG}text")]
    assert shown.index("80.0 %") < shown.index("haus") < shown.index("20.0 %") < shown.index("hund")


def test_right_to_left_texts_begin_at_the_right() -> None:
    root = drawn("שלום עולם", [0.5, 0.5])
    places = {each.text: float(each.get("x", 0)) for each in root.iter(f"{SVG}text")}
    assert places["שלום"] > places["עולם"]


def test_wide_letters_take_two_places_and_marks_none() -> None:
    root = drawn("天安门 e\u0301x", [0.5, 0.5])
    lengths = {each.text: float(each.get("textLength", 0)) for each in root.iter(f"{SVG}text")}
    assert lengths["天安门"] == pytest.approx(3 * lengths["e\u0301x"])


@pytest.mark.parametrize("sign", ["👍🏽", "👩\u200d👧", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥"])
def test_a_sign_made_of_several_is_as_wide_as_one(sign: str) -> None:
    root = drawn(f"{sign} 天 xx", [0.5, 0.25, 0.25])
    lengths = {each.text: float(each.get("textLength", 0)) for each in root.iter(f"{SVG}text")}
    assert lengths[sign] in (lengths["xx"], lengths["xx"] / 2)
    assert lengths["天"] == lengths["xx"]


def test_no_text_acts_in_an_svg() -> None:
    text = HOSTILE.replace("\x00", "\x00\x1b")
    root = drawn(text, [1 / len(text.split())] * len(text.split()), title=HOSTILE)
    assert {each.tag for each in root.iter()} == {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "text")
    }
    assert {name for each in root.iter() for name in each.attrib if name.startswith("on")} == set()


def test_an_empty_text_says_so() -> None:
    root = ET.fromstring(draw_text(ShadedText("", [], torch.zeros(0))))
    assert "nothing to draw: the text is empty" in "".join(root.itertext())
