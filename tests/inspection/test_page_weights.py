"""Weights as pages carry them: cells that can be read back, exact figures, and a size to keep."""

import base64
import json
import math
import struct
import zlib
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.report import Example, HeadsExample, Report, fragment, render
from regard.inspection.report import page as pages
from regard.inspection.report.markup import data_block
from regard.inspection.report.packing import BUDGET, NoRoomError, Packing, pack, packings
from tests.inspection.page import HOSTILE, Page

FIVE_MEGABYTES = 5_000_000


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).mul(2).softmax(-1)


def inflated(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def data_of(html: str) -> Any:
    [text] = [text for tag, text in Page(html).texts if tag == "script" and text[0] == "{"]
    return json.loads(text)


def largest_of(matrix: list[list[float]], down: int, across: int) -> list[list[float]]:
    """Return the largest of so many rows and columns each, as a loop finds it."""
    rows, columns = len(matrix), len(matrix[0])
    return [
        [
            max(
                matrix[row][column]
                for row in range(top, min(top + down, rows))
                for column in range(left, min(left + across, columns))
            )
            for left in range(0, columns, across)
        ]
        for top in range(0, rows, down)
    ]


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 5))
def test_cells_are_the_largest_of_their_weights(
    rows: int, columns: int, side: int, seed: int
) -> None:
    weights = drawn(2, rows, columns, seed=seed)
    largest = float(weights.max())
    packed = pack(list(weights), None, largest, Packing(side, 3))
    cells = iter(inflated(packed["cells"]))
    down, across = math.ceil(rows / side), math.ceil(columns / side)
    for matrix in weights.tolist():
        for row in largest_of(matrix, down, across):
            for weight in row:
                # Half a level is as near as a byte can be.
                assert abs((next(cells) - 1) / 254 * largest - weight) <= largest / 507
    assert list(cells) == []


def test_what_may_not_be_attended_is_told_from_weight_0() -> None:
    mask = torch.tensor([[True, False, False], [True, True, False]])
    weights = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    packed = pack([weights], mask, 1.0, Packing(3, 3))
    assert list(inflated(packed["cells"])) == [255, 0, 0, 255, 1, 0]
    coarse = pack([weights], mask, 1.0, Packing(2, 3))
    assert list(inflated(coarse["cells"])) == [255, 0, 255, 0]


@pytest.mark.parametrize(("columns", "size", "code"), [(40, 2, "H"), (70_000, 4, "I")])
def test_the_largest_weights_of_each_row_are_exact(columns: int, size: int, code: str) -> None:
    weights = drawn(2, 3, columns)
    packed = pack(list(weights), None, 1.0, Packing(48, 5))
    values = struct.unpack("<30f", inflated(packed["weights"]))
    keys = struct.unpack(f"<30{code}", inflated(packed["keys"]))
    assert len(inflated(packed["keys"])) == 30 * size
    for number, row in enumerate(weights.flatten(0, 1).tolist()):
        best = sorted(range(columns), key=lambda key: -row[key])[:5]
        assert list(keys[5 * number : 5 * number + 5]) == best
        assert list(values[5 * number : 5 * number + 5]) == [row[key] for key in best]


def test_weights_of_0_alone_and_in_half_precision_travel() -> None:
    none = pack([torch.zeros(2, 2)], None, 0.0, Packing(2, 2))
    assert list(inflated(none["cells"])) == [1, 1, 1, 1]
    half = pack([torch.tensor([[0.25, 0.75]]).half()], None, 0.75, Packing(2, 2))
    assert struct.unpack("<2f", inflated(half["weights"])) == (0.75, 0.25)
    above = pack([torch.tensor([[-0.001, 1.004]])], None, 1.0, Packing(2, 2))
    assert list(inflated(above["cells"])) == [1, 255]


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=30))
def test_packings_become_coarser_and_the_last_takes_any_room(sizes: list[tuple[int, int]]) -> None:
    found = list(packings(sizes))
    sides = [packing.side for packing in found]
    assert sides == sorted(sides, reverse=True)
    assert [packing.room is None for packing in found] == [False] * (len(found) - 1) + [True]
    for packing in found[:-1]:
        assert packing.num_cells(sizes) <= 40_000_000
    [keys] = {packing.keys for packing in found}
    assert sum(rows * min(keys, columns) for rows, columns in sizes) <= 250_000
    assert 0 <= keys <= 64


def test_what_does_not_fit_is_noticed_while_it_is_packed() -> None:
    with pytest.raises(NoRoomError):
        pack([drawn(200, 200)], None, 1.0, Packing(200, 64, 10_000))


def alignment(rows: int, columns: int) -> Alignment:
    """Make one of weights that are all alike, which does not deflate well."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(rows, columns, generator=generator)
    source = [f"s{place}" for place in range(columns)]
    target = [f"t{place}" for place in range(rows)]
    return Alignment(weights / columns, source, target)


def test_a_page_of_a_matrix_that_does_not_deflate_keeps_its_size() -> None:
    text = render(Report("Report", [Example(alignment(2600, 2600))]))
    assert FIVE_MEGABYTES / 4 < len(text.encode()) <= FIVE_MEGABYTES
    data = data_of(text.partition("<main>")[2].partition("</main>")[0])
    assert max(data["attentions"][0]["steps"]) > 1
    assert "a cell shows the largest of up to" in text


def test_examples_share_the_room_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "packings", partial(packings, budget=700_000))
    few = render(Report("Report", [Example(alignment(300, 300))]))
    many = render(Report("Report", [Example(alignment(300, 300))] * 4))
    assert "up to" not in few.partition("<main>")[2].partition("</main>")[0]
    assert "the largest of up to 2 × 2 weights" in many
    assert len(many.encode()) < 700_000 + 200_000


def test_a_short_matrix_beside_a_long_one_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "packings", partial(packings, budget=300_000))
    text = render(Report("Report", [Example(alignment(400, 400)), Example(alignment(62, 62))]))
    main = text.partition("<main>")[2].partition("</main>")[0]
    blocks = [json.loads(text) for tag, text in Page(main).texts if tag == "script"]
    steps = [block["attentions"][0]["steps"] for block in blocks]
    assert max(steps[0]) > 1
    assert steps[1] == [1, 1]


def test_a_table_carries_every_weight() -> None:
    [attention] = data_of(fragment(1, Example(alignment(50, 70))))["attentions"]
    assert attention["kept"] == 70
    assert attention["steps"] == [1, 1]
    assert len(inflated(attention["weights"])) == 4 * 50 * 70


def test_no_data_end_their_element() -> None:
    evil = [HOSTILE, "</script><img onerror=alert(1)>", "<!--", "\u2028", "\ud800", "&lt;"]
    given = Alignment(drawn(6, 6), evil, evil, "</SCRIPT>")
    text = fragment(1, Example(given))
    page = Page(text)
    assert page.open == []
    assert page.all("script") == [{"type": "application/json"}]
    block = text.partition('<script type="application/json">')[2].partition("</script>")[0]
    assert not set("<>&\u2028\u2029\x00") & set(block)
    tokens = json.loads(block)["attentions"][0]["key"]
    assert tokens[1] == "</script><img␣onerror=alert(1)>"
    assert "\u202e" not in "".join(tokens)


def test_a_block_is_read_back_as_it_was() -> None:
    data = {"a": ["</script>", "<!--<script>", "\u2028&amp;", 0.1, None, "é"]}
    block = data_block(data).removeprefix('<script type="application/json">')
    assert json.loads(block.removesuffix("</script>")) == data


def test_a_token_of_any_length_is_cut() -> None:
    given = Alignment(torch.ones(1, 1), ["x" * 10_000], ["y"])
    [name] = data_of(fragment(1, Example(given)))["attentions"][0]["key"]
    assert name == "x" * 199 + "…"


def test_heads_travel_layer_by_layer() -> None:
    layers = [drawn(2, 3, 4, seed=seed) for seed in (1, 2)]
    given = HeadWeights("self-attention", layers, list("abc"), list("wxyz"))
    [attention] = data_of(fragment(1, HeadsExample([given], "heads")))["attentions"]
    places = [(head["layer"], head["head"]) for head in attention["heads"]]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]
    values = struct.unpack("<48f", inflated(attention["weights"]))
    rows = torch.cat([layer.flatten(0, 1) for layer in layers])
    expected = [weight for row in rows.tolist() for weight in sorted(row, reverse=True)]
    assert list(values) == expected
    assert attention["largest"] == float(rows.max())


def test_the_budget_leaves_room_for_style_and_script() -> None:
    empty = render(Report("Report", [Example(Alignment(torch.zeros(0, 0), [], []))]))
    assert BUDGET + len(empty.encode()) <= FIVE_MEGABYTES
