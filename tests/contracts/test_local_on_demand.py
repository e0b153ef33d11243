"""Weights around a centre, asked for in part: those of the definition, gradients and all."""

from typing import Any

import pytest
import torch
from torch import Tensor

import regard
from regard import kernels, masks, nn
from regard.kernels import weights as on_demand
from regard.kernels.local import reading
from tests.cases import LOCAL, LocalCase, over
from tests.drawing import draws
from tests.questions import PAIRS, Pair, leaf, question

BATCH, QUERIES, KEYS = (2, 3), 7, 12
ROWS = [5, 0, -1]

CENTRES = {
    "of each": draws(7)(*BATCH, QUERIES) * 3 + 5,
    "of each query": draws(8)(QUERIES) * 3 + 5,
    "one for all": torch.tensor([4.25], dtype=torch.float64),
}
MASKS: dict[str, Tensor | masks.Window | None] = {
    "none": None,
    "of each": draws(5)(*BATCH, QUERIES, KEYS) > -0.3,
    "causal": masks.Window(None, 0),
}


def assert_equal(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def asked(
    case: LocalCase, pair: Pair = PAIRS[1], *, centre: str = "of each", mask: str = "none"
) -> tuple[Tensor, kernels.Weights, list[Tensor]]:
    """Return the whole matrix by the definition, the weights on demand, and what both are of."""
    given = question(pair, BATCH, query_len=QUERIES, key_len=KEYS)
    where = leaf(CENTRES[centre])
    options: dict[str, Any] = {
        "half_width": 3,
        "score": given.score,
        "normalizer": given.normalizer,
        "mask": MASKS[mask],
    }
    whole = case.weigh(given.query, given.key, where, **options)
    parts = case.on_demand(given.query, given.key, where, **options)
    return whole, parts, [given.query, given.key, where]


@over(LOCAL)
@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("mask", MASKS)
def test_parts_are_those_of_the_definition(
    case: LocalCase, centre: str, mask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts, _ = asked(case, centre=centre, mask=mask)
    monkeypatch.setattr(on_demand, "PIECE", 2 * 6 * KEYS)
    assert parts.shape == whole.shape
    assert_equal(parts.all(), whole)
    assert_equal(parts.rows(ROWS), whole[..., ROWS, :])
    assert_equal(parts.heads([2, 0]).rows([1]), whole[:, [2, 0]][..., [1], :])
    assert_equal(parts.column_sums(), whole.sum(-2))
    assert_equal(parts.entropy(), torch.special.entr(whole).sum(-1))
    assert_equal(parts.top(2).weights, whole.topk(2).values)


@over(LOCAL)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_rows_of_any_score_and_normalizer(case: LocalCase, pair: Pair) -> None:
    whole, parts, _ = asked(case, pair)
    assert_equal(parts.rows(ROWS), whole[..., ROWS, :])


@over([case for case in LOCAL if case.weakens])
def test_gradients_are_those_of_the_definition(case: LocalCase) -> None:
    whole, parts, leaves = asked(case)
    cotangent = draws(3)(*BATCH, len(ROWS), KEYS)
    wanted = torch.autograd.grad(whole[..., ROWS, :], leaves, cotangent)
    found = torch.autograd.grad(parts.rows(ROWS), leaves, cotangent)
    assert wanted[2].abs().max() > 0
    for gradient, of_definition in zip(found, wanted, strict=True):
        assert_equal(gradient, of_definition)


def test_no_more_is_computed_than_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[torch.Size] = []

    def noted(weigh: Any) -> Any:
        def weighed(call: Any) -> Tensor:
            weights: Tensor = weigh(call)
            computed.append(weights.shape)
            return weights

        return weighed

    for module in (on_demand, reading):
        monkeypatch.setattr(module, "weigh", noted(on_demand.weigh))
    _, parts, _ = asked(LOCAL[1], mask="causal")
    assert computed == []
    parts.rows([3, 1])
    assert computed == [(*BATCH, 2, KEYS)]


def test_record_keeps_a_few_rows_of_local_attention_at_a_time() -> None:
    layer = nn.LocalAttention(nn.BilinearScore(4, 5), 4, 6, half_width=2).double()
    vectors, query = draws()(2, 300, 5), draws(1)(2, 50, 4)
    memory = layer.memory(vectors, vectors, masks.padding(torch.tensor([300, 40]), 300))
    with regard.record(layer) as seen:
        layer(query, memory)
    whole = layer.weights(query, memory)
    assert_equal(seen.only().weights(rows=[7, 3]), whole[:, [7, 3]])
    assert_equal(seen.only().column_sums(), whole.sum(-2))
