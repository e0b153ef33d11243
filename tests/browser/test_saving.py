"""What the page hands out: drawings that are XML, weights that are numbers."""

import json
import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from regard.inspection.alignment import Alignment
from regard.inspection.palette import ON_LIGHT, percent
from regard.inspection.report import Example, HeadsExample, TextExample
from tests.browser.conftest import Open
from tests.browser.examples import alignment, attention, drawn, report, shaded, tokens
from tests.inspection.page import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def saved(page: Page, button: Locator) -> tuple[str, str]:
    """Return the name and the text of the file that a button hands out."""
    with page.expect_download() as waiting:
        button.click()
    download = waiting.value
    return download.suggested_filename, Path(download.path()).read_text(encoding="utf-8")


def drawing(page: Page) -> tuple[str, ET.Element]:
    name, text = saved(page, page.get_by_role("button", name="as SVG").first)
    return name, ET.fromstring(text)


def weights(page: Page) -> Any:
    return json.loads(saved(page, page.get_by_role("button", name="as JSON").first)[1])


def words(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_a_table_is_drawn_as_it_is(open_page: Open) -> None:
    given = alignment(4, 5)
    name, root = drawing(open_page(report(Example(given))).page)
    assert name == "an-alignment.svg"
    assert words(root) == [*given.target, *given.source]
    [cells] = root.findall(f"{SVG}svg")
    fills = [cell.attrib["fill"] for cell in cells.iter(f"{SVG}rect")]
    assert len(fills) == 20
    for fill, weight in zip(fills, given.weights.flatten().tolist(), strict=True):
        near = range(percent(weight) - 1, percent(weight) + 2)
        assert fill in {ON_LIGHT[min(max(step, 0), 100)] for step in near}


def test_lines_are_drawn_as_they_are(open_page: Open) -> None:
    page = open_page(report(Example(alignment(4, 5)))).page
    page.get_by_role("button", name="Lines").click()
    expect(page.locator(".lines")).to_be_visible()
    shown = page.locator(".lines path").count()
    _, root = drawing(page)
    assert len(list(root.iter(f"{SVG}path"))) == shown > 0
    assert words(root)[:2] == ["target", "t0"]
    assert {"s0", "s4", "t3"} <= set(words(root))


def test_a_large_matrix_is_drawn_as_far_as_it_is_seen(open_page: Open) -> None:
    page = open_page(report(Example(alignment(200, 200)))).page
    _, root = drawing(page)
    [image] = root.iter(f"{SVG}image")
    assert image.attrib["href"].startswith("data:image/png;base64,")
    page.get_by_role("application").focus()
    for _ in range(8):
        page.keyboard.press("+")
    page.wait_for_timeout(200)
    _, closer = drawing(page)
    cells = [cell for cell in closer.iter(f"{SVG}rect") if "fill" in cell.attrib]
    assert 100 < len(cells) < 2000
    assert not list(closer.iter(f"{SVG}image"))
    assert re.fullmatch(r"[st]\d+", words(closer)[0])


def test_weights_are_saved_to_the_last_digit(open_page: Open) -> None:
    given = alignment(4, 5)
    data = weights(open_page(report(Example(given))).page)
    assert data["title"] == "an alignment"
    [found] = data["attentions"]
    assert (found["query"], found["key"]) == (given.target, given.source)
    [head] = found["heads"]
    torch.testing.assert_close(torch.tensor(head["weights"]), given.weights, rtol=1e-6, atol=1e-9)


def test_all_heads_are_saved_with_their_places(open_page: Open) -> None:
    given = attention("self-attention", 2, 3, 6, 6, causal=True)
    data = weights(open_page(report(HeadsExample([given], "heads"))).page)
    [found] = data["attentions"]
    assert found["name"] == "self-attention"
    for head in found["heads"]:
        expected = given.layers[head["layer"]][head["head"]]
        torch.testing.assert_close(torch.tensor(head["weights"]), expected, rtol=1e-6, atol=1e-9)
        assert math.isclose(
            head["entropy"], given.entropies()[head["layer"]][head["head"]], rel_tol=1e-5
        )
    assert len(found["heads"]) == 6


def test_of_long_rows_the_largest_weights_are_saved(open_page: Open) -> None:
    long = Alignment(drawn(70, 100), tokens("s", 100), tokens("t", 70), "long")
    data = weights(open_page(report(Example(long))).page)
    rows = data["attentions"][0]["heads"][0]["largest"]
    assert len(rows) == 70
    for row, expected in zip(rows, long.weights, strict=True):
        best = expected.topk(64)
        assert [key for key, _ in row] == best.indices.tolist()
        assert [weight for _, weight in row] == pytest.approx(best.values.tolist(), rel=1e-6)


def test_a_shaded_text_is_saved_where_the_page_has_a_script(open_page: Open) -> None:
    text = shaded()
    page = open_page(report(TextExample(text), Example(alignment(2, 2)))).page
    data = weights(page)
    assert data["title"] == "a text"
    [sentence] = data["sentences"]
    assert "".join(piece for piece, _ in sentence) == text.text
    assert [weight for _, weight in sentence if weight] == pytest.approx(
        text.weights.tolist(), rel=1e-5
    )


def test_hostile_names_make_harmless_files(open_page: Open) -> None:
    given = Alignment(drawn(2, 2), [HOSTILE, "b"], ["c", "</svg><script>"], HOSTILE)
    page = open_page(report(Example(given))).page
    name, root = drawing(page)
    assert re.fullmatch(r"[\w-]+\.svg", name)
    assert not list(root.iter(f"{SVG}script"))
    assert "</svg><script>" in words(root)
