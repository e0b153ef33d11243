"""Shaded texts on a page: shades, weights as hints, shares of sentences, and no text that acts."""

import re

import pytest
import torch

from regard.inspection.alignment import Alignment
from regard.inspection.report import Example, Report, TextExample, render
from regard.inspection.shading import ShadedText
from tests.inspection.page import HOSTILE, Page


def shaded(
    text: str, weights: list[float], sentences: list[int] | None = None, title: str = ""
) -> ShadedText:
    spans = [found.span() for found in re.finditer(r"\w+", text)]
    return ShadedText(text, spans, torch.tensor(weights), sentences, title)


def page_of(*examples: Example | TextExample, title: str = "Report") -> Page:
    return Page(render(Report(title, examples)))


def body(example: TextExample) -> str:
    return render(Report("Report", [example])).partition("<main>")[2]


def test_tokens_have_their_shade_as_class_and_their_weight_as_hint() -> None:
    page = body(TextExample(shaded("A FINE\nfilm.", [0.125, 0.625, 0.25])))
    assert (
        '<p class="shaded" lang="" dir="auto">'
        '<span class="w20" data-weight="0.125" title="12.5 %">A</span> '
        '<span class="w100" data-weight="0.625" title="62.5 %">FINE</span>\n'
        '<span class="w40" data-weight="0.25" title="25.0 %">film</span>.</p>'
    ) in page


def test_a_token_without_weight_is_only_text() -> None:
    assert '<span class="w100" data-weight="1" title="100.0 %">a</span> b</p>' in body(
        TextExample(shaded("a b", [1.0, 0.0]))
    )


def test_sentences_have_their_shares_before_them() -> None:
    page = page_of(TextExample(shaded("Fine one. Bad.", [0.6, 0.2, 0.2], [0, 0, 1])))
    assert len([item for item in page.all("ol") if item["class"] == "sentences"]) == 1
    shares = [item for item in page.all("b") if "title" in item]
    assert [share["class"] for share in shares] == ["w100", "w25"]
    assert [share["title"] for share in shares] == [
        "this sentence: 80.0 %",
        "this sentence: 20.0 %",
    ]
    assert ("span", "Fine") in page.texts
    hints = [item["title"] for item in page.all("span") if "title" in item]
    assert hints == [
        "60.0 %; 75.0 % of its sentence",
        "20.0 %; 25.0 % of its sentence",
        "20.0 %; 100.0 % of its sentence",
    ]


def test_the_largest_weights_are_listed() -> None:
    page = page_of(TextExample(shaded("a b c", [0.25, 0.75, 0.0])))
    assert [text for tag, text in page.texts if tag == "b"] == ["b", "a"]
    assert [text.strip() for tag, text in page.texts if tag == "li"] == ["75.0 %", "25.0 %"]


def test_titles_predictions_and_labels_are_shown_and_what_is_missing_is_not() -> None:
    text = shaded("a", [1.0], title="pos 98.3 %")
    page = page_of(TextExample(text, prediction="pos"), TextExample(shaded("b", [1.0]), label=""))
    assert [text for tag, text in page.texts if tag == "h2"] == ["pos 98.3 %", "Example 2"]
    said = [text for tag, text in page.texts if tag in {"dt", "dd"}]
    assert said == ["Prediction", "pos", "Label", "∅"]


def test_a_page_shows_examples_of_both_kinds_and_a_scale_for_each() -> None:
    alignment = Example(Alignment(torch.ones(1, 1), ["x"], ["a"]))
    text = TextExample(shaded("a", [1.0]))
    page = page_of(alignment, text)
    assert page.open == []
    assert [article["class"] for article in page.all("article")] == ["alignment", "text"]
    scales = [text.strip() for tag, text in page.texts if tag == "p" and "100 %" in text]
    assert scales == ["100 %"]
    assert [item.get("class") for item in page.all("p")].count("scale") == 2
    assert [item.get("class") for item in page_of(text).all("p")].count("scale") == 1


@pytest.mark.parametrize("in_sentences", [False, True])
def test_no_text_acts(in_sentences: bool) -> None:
    spans = [(index, index + 1) for index in range(len(HOSTILE))]
    weights = torch.full((len(spans),), 1 / len(spans), dtype=torch.float64)
    sentences = [0] * len(spans) if in_sentences else None
    by_character = ShadedText(HOSTILE, spans, weights, sentences, HOSTILE)
    whole = ShadedText(HOSTILE, [(0, len(HOSTILE))], torch.ones(1), None, HOSTILE)
    page = page_of(
        TextExample(by_character, HOSTILE, HOSTILE), TextExample(whole, HOSTILE, HOSTILE)
    )
    assert page.open == []
    assert page.all("script") == []
    names = {name for _, attributes in page.elements for name in attributes}
    assert names <= {
        *("charset", "class", "content", "dir", "http-equiv", "id", "lang", "name"),
        *("title", "aria-hidden", "aria-labelledby", "data-weight"),
    }
    shown = HOSTILE.replace("\x00", r"\x00").replace("\u202e", r"\u202e")
    assert ("span", shown) in page.texts


def test_tiny_weights_are_no_markup() -> None:
    text = shaded("a b", [0.9999, 0.0001])
    assert "&lt; 0.1 %</li>" in body(TextExample(text))
    assert 'title="&lt; 0.1 %"' in body(TextExample(text))


def test_a_page_of_texts_alone_needs_no_script_and_allows_none() -> None:
    page = page_of(TextExample(shaded("a", [1.0])))
    assert page.all("script") == []
    [policy] = [str(meta["content"]) for meta in page.all("meta") if "http-equiv" in meta]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none';")


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    text = render(Report("Report", [TextExample(shaded("a", [1.0], [0]))]))
    assert "//" not in text
    assert "url(" not in text
    names = {name for _, attributes in Page(text).elements for name in attributes}
    assert names.isdisjoint({"src", "href", "srcset", "action", "style"})


def test_faint_tokens_can_be_read() -> None:
    style = render(Report("Report", []))
    faint = re.search(r"(\.shaded \.w0,[^{]*)\{ background: none; color: inherit; \}", style)
    assert faint is not None
    assert ".shaded .w4" in faint[1]
    assert not re.search(r"(?<!td)\.w\d+[^{]*\{ color: transparent", style)


def test_right_to_left_text_finds_its_direction() -> None:
    flat = page_of(TextExample(shaded("שלום", [1.0], title="שלום")))
    assert [p.get("dir") for p in flat.all("p") if p["class"] == "shaded"] == ["auto"]
    two_level = page_of(TextExample(shaded("שלום", [1.0], [0])))
    assert [item.get("dir") for item in two_level.all("ol")] == ["auto"]


def test_an_empty_text_and_one_without_weights_say_so() -> None:
    page = page_of(TextExample(shaded("", [])), TextExample(shaded("<x>", [0.0])))
    paragraphs = [text for tag, text in page.texts if tag == "p"][-3:]
    assert paragraphs == [
        "nothing to draw: the text is empty",
        "<x>",
        "nothing is shaded: no token has any weight",
    ]
