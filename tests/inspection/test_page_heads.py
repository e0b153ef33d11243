"""All heads on a page without its script, and what a page says of large matrices."""

import re

import pytest
import torch

from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.report import (
    Example,
    HeadsExample,
    Report,
    behaviour,
    fragment,
    render,
    stylesheet,
)
from regard.inspection.report import page as pages
from tests.inspection.page import HOSTILE, Page


def attention(name: str = "self-attention", num_layers: int = 2, num_heads: int = 3) -> HeadWeights:
    generator = torch.Generator().manual_seed(0)
    layers = [
        torch.randn(num_heads, 4, 5, generator=generator).softmax(-1) for _ in range(num_layers)
    ]
    return HeadWeights(name, layers, list("abcd"), list("vwxyz"))


def test_the_entropies_of_all_heads_are_a_table() -> None:
    given = attention()
    page = Page(fragment(1, HeadsExample([given], "heads")))
    assert page.open == []
    assert [text for tag, text in page.texts if tag == "th"] == [
        *("head 0", "head 1", "head 2", "layer 0", "layer 1")
    ]
    assert [header["scope"] for header in page.all("th")] == ["col"] * 3 + ["row"] * 2
    expected = []
    for layer in given.layers:
        for head in layer.tolist():
            sums = [-sum(w * torch.tensor(w).log().item() for w in row) for row in head]
            expected.append(f"{sum(sums) / 4:.2f}")
    assert [text for tag, text in page.texts if tag == "td"] == expected


def test_each_attention_has_its_name_and_place() -> None:
    page = Page(fragment(4, HeadsExample([attention("encoder"), attention("decoder")], "both")))
    assert [text for tag, text in page.texts if tag == "h3"] == ["encoder", "decoder"]
    names = [heading["id"] for heading in page.all("h3")]
    assert names == ["attention-4-1", "attention-4-2"]
    assert [section["aria-labelledby"] for section in page.all("section")] == names


def test_texts_are_shown_and_what_is_missing_is_not() -> None:
    page = Page(fragment(1, HeadsExample([attention()], "", "ein mann", None)))
    assert [text for tag, text in page.texts if tag in {"dt", "dd"}] == ["Source", "ein mann"]
    assert ("h2", "Example 1") in page.texts


def test_layers_may_have_different_numbers_of_heads() -> None:
    uneven = attention()
    given = HeadWeights(
        "uneven", [uneven.layers[0], uneven.layers[1][:1]], uneven.query, uneven.key
    )
    page = Page(fragment(1, HeadsExample([given])))
    assert len([text for tag, text in page.texts if tag == "td"]) == 4


def test_no_attention_is_said() -> None:
    text = fragment(1, HeadsExample([], "none"))
    assert "nothing to draw: no attention was recorded" in text
    assert "<script" not in text


def test_no_name_acts() -> None:
    given = HeadWeights(HOSTILE, [torch.ones(1, 1, 1)], [HOSTILE], [HOSTILE])
    page = Page(render(Report(HOSTILE, [HeadsExample([given], HOSTILE, HOSTILE, HOSTILE)])))
    assert page.open == []
    assert page.all("script") == [{"type": "application/json"}, {}]
    names = {name for _, attributes in page.elements for name in attributes}
    assert names <= {
        *("charset", "class", "content", "dir", "http-equiv", "id", "lang", "name", "scope"),
        *("type", "aria-hidden", "aria-labelledby"),
    }


def test_pages_of_heads_and_alignments_have_one_scale() -> None:
    alignment = Example(Alignment(torch.ones(1, 1), ["x"], ["a"]))
    page = Page(render(Report("Report", [HeadsExample([attention()]), alignment])))
    assert [item.get("class") for item in page.all("p")].count("scale") == 1


def test_many_heads_stand_closer() -> None:
    classes = [
        Page(fragment(1, HeadsExample([attention(num_heads=number)]))).all("table")[0]["class"]
        for number in (8, 9, 13)
    ]
    assert classes == ["heads", "heads many", "heads many crowded"]
    crowded = Page(fragment(1, HeadsExample([attention(num_heads=13)])))
    assert crowded.all("th")[12]["aria-label"] == "head 12"
    assert ("th", "12") in crowded.texts


def test_a_large_alignment_says_its_size_and_its_largest_weights() -> None:
    weights = torch.full((70, 80), 1 / 160)
    weights[3, 5] = 0.75
    weights[9, 2] = 0.5
    names = [f"s{place}" for place in range(80)], [f"t{place}" for place in range(70)]
    page = Page(fragment(1, Example(Alignment(weights, *names))))
    assert page.all("table") == []
    [note] = [text for tag, text in page.texts if tag == "p"]
    assert note.startswith("70 target × 80 source tokens")
    assert "The 64 largest weights of each row are exact." in note
    bold = [item["class"] for item in page.all("b")]
    assert bold[:2] == ["w75", "w50"]
    assert [text for tag, text in page.texts if tag == "bdi"][:4] == ["t3", "s5", "t9", "s2"]


def test_a_fragment_is_the_article_of_the_page() -> None:
    example = HeadsExample([attention()], "heads")
    assert fragment(1, example) in render(Report("Report", [example]))
    assert fragment(1, example).startswith('<article class="attentions"')
    assert stylesheet() in render(Report("Report", [example]))
    assert f"<script>{behaviour()}</script>" in render(Report("Report", [example]))


def test_the_script_is_one_and_offers_one_thing() -> None:
    assert re.findall(r"window\.\w+ = .*", behaviour()) == ["window.regard = { enhance };"]
    assert behaviour().count('"use strict"') == 1
    assert "</script" not in behaviour()
    assert "innerHTML" not in behaviour()


def test_a_kind_that_nobody_draws_is_refused() -> None:
    with pytest.raises(TypeError, match=r"examples of the kinds .*HeadsExample.*; got str"):
        pages._kind_of("text")
