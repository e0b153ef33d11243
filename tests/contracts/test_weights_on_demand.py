"""Weights that are asked for in part are those of the whole matrix, and no more is computed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import regard
from regard import kernels, masks
from regard.kernels import dispatch
from regard.kernels import weights as on_demand
from regard.kernels.call import Call
from regard.kernels.dispatch import Kernel
from tests.cases import over
from tests.drawing import draws
from tests.questions import PAIRS, Pair, Question, leaf, question

BATCH, QUERIES, KEYS = (2, 3), 6, 5

Asked = Callable[..., Any]

MASKS: dict[str, Tensor | masks.Window | None] = {
    "none": None,
    "keys": torch.arange(KEYS) < 3,
    "of each head": draws(5)(3, QUERIES, KEYS) > -0.3,
    "of each": draws(6)(2, 1, 1, KEYS) > 0,
    "causal": masks.Window(None, 0),
    "window and more": masks.Window(2, 1, draws(7)(2, 1, QUERIES, KEYS) > -0.3),
}


def asked(pair: Pair, mask: str = "none") -> Question:
    bias = leaf(draws(4)(3, QUERIES, KEYS))
    return question(pair, BATCH, query_len=QUERIES, key_len=KEYS).having(
        mask=MASKS[mask], bias=bias
    )


def on_demand_of(given: Question) -> kernels.Weights:
    return regard.weights_on_demand(given.query, given.key, **given.options)


def assert_equal(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


@over(PAIRS)
@pytest.mark.parametrize("mask", MASKS)
def test_parts_are_those_of_the_whole(
    case: Pair, mask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = asked(case, mask)
    whole, parts = given.weights(), on_demand_of(given)
    monkeypatch.setattr(on_demand, "PIECE", 2 * 6 * KEYS)
    assert parts.shape == whole.shape
    assert_equal(parts.all(), whole)
    assert_equal(parts.rows([4, 0, -1]), whole[..., [4, 0, -1], :])
    assert_equal(parts.heads([2, 0]).rows(torch.tensor([1])), whole[:, [2, 0]][..., [1], :])
    assert_equal(parts.heads([-1]).all(), whole[:, [-1]])
    assert_equal(parts.column_sums(), whole.sum(-2))
    assert_equal(parts.entropy(), torch.special.entr(whole).sum(-1))
    found = parts.top(2)
    assert_equal(found.weights, whole.topk(2).values)
    assert_equal(whole.gather(-1, found.keys), found.weights)


@pytest.mark.parametrize(
    "say",
    [
        lambda weights: weights.rows([1, 3])[..., :2],
        lambda weights: weights.heads([1]).rows([2])[..., :2],
        lambda weights: weights.column_sums()[..., :2],
        lambda weights: weights.entropy(),
        lambda weights: weights.top(1).weights,
    ],
    ids=["rows", "heads", "column sums", "entropy", "top"],
)
def test_gradients_are_those_of_the_whole(say: Asked) -> None:
    gradients = []
    for make in (on_demand_of, lambda given: on_demand.given_weights(given.weights())):
        given = asked(PAIRS[1], "of each head")
        said = say(make(given))
        gradients.append(torch.autograd.grad(said.square().sum(), list(given.leaves.values())[:2]))
    for found, wanted in zip(*gradients, strict=True):
        assert wanted.abs().max() > 0
        assert_equal(found, wanted)


def test_no_more_is_computed_than_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[torch.Size] = []
    weigh = on_demand.weigh

    def counted(call: Any) -> Tensor:
        weights = weigh(call)
        computed.append(weights.shape)
        return weights

    monkeypatch.setattr(on_demand, "weigh", counted)
    parts = on_demand_of(asked(PAIRS[1], "window and more"))
    assert computed == []
    parts.rows([3, 1])
    assert computed == [(2, 3, 2, KEYS)]
    parts.heads([1]).rows([3])
    assert computed[1:] == [(2, 1, 1, KEYS)]
    computed.clear()
    monkeypatch.setattr(on_demand, "PIECE", 2 * 6 * KEYS)
    parts.column_sums()
    assert computed == [(2, 3, 2, KEYS)] * 3


def test_heads_of_a_normalizer_that_knows_them() -> None:
    normalizer = regard.nn.Entmax(3).double()
    with torch.no_grad():
        normalizer.logit += draws()(3, 1, 1)
    given = asked(PAIRS[1]).having(normalizer=normalizer)
    assert_equal(on_demand_of(given).heads([2]).rows([0]), given.weights()[:, [2], :1])


def test_rows_of_a_normalizer_that_knows_the_queries() -> None:
    alpha = torch.linspace(1.1, 2, QUERIES, dtype=torch.float64).unsqueeze(-1)
    given = asked(PAIRS[1]).having(normalizer=partial(regard.normalizers.entmax, alpha=alpha))
    assert_equal(on_demand_of(given).rows([4, 1]), given.weights()[..., [4, 1], :])


def test_heads_of_one_are_as_many_as_are_named() -> None:
    parts = regard.weights_on_demand(torch.zeros(1, 3, 4), torch.zeros(1, 5, 4))
    assert parts.heads([]).all().shape == (0, 3, 5)
    assert parts.heads([0, 0]).all().shape == (2, 3, 5)


def test_half_precision_is_added_up_in_more() -> None:
    vectors = draws(dtype=torch.bfloat16)(600, 8)
    sums = regard.weights_on_demand(vectors, vectors).column_sums()
    assert sums.dtype == torch.float32
    torch.testing.assert_close(sums.sum(), torch.tensor(600.0), rtol=1e-3, atol=0)


@pytest.mark.parametrize(("query_len", "batch"), [(0, (2,)), (3, (0,)), (0, ())])
def test_of_nothing(query_len: int, batch: tuple[int, ...]) -> None:
    parts = regard.weights_on_demand(torch.zeros(*batch, query_len, 4), torch.zeros(*batch, 5, 4))
    assert parts.column_sums().shape == (*batch, 5)
    assert parts.entropy().shape == (*batch, query_len)
    assert parts.top(2).keys.shape == (*batch, query_len, 2)


def test_what_is_not_there_is_refused() -> None:
    parts = regard.weights_on_demand(torch.zeros(3, 4), torch.zeros(5, 4))
    with pytest.raises(IndexError, match="there are 3 of them; there is no query 3"):
        parts.rows([0, 3])
    with pytest.raises(IndexError, match="there is no query -4"):
        parts.rows(torch.tensor([-4]))
    with pytest.raises(TypeError, match=r"name each query by its number; got torch\.bool"):
        parts.rows(torch.tensor([True, False, True]))
    with pytest.raises(IndexError, match=r"weights of shape \(3, 5\) have no axis for heads"):
        parts.heads([0])
    with pytest.raises(ValueError, match=r"num_keys must lie in 0\.\.5; got 6"):
        parts.top(6)
    with pytest.raises(ValueError, match="mask must broadcast"):
        regard.weights_on_demand(torch.zeros(3, 4), torch.zeros(5, 4), mask=torch.ones(4, 5) > 0)


def test_all_weights_come_from_the_kernel_that_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def noted(kernel: Kernel) -> Kernel:
        def weigh(call: Call) -> Tensor:
            ran.append(kernel.name)
            assert kernel.weights is not None
            return kernel.weights(call)

        return kernel if kernel.weights is None else kernel._replace(weights=weigh)

    monkeypatch.setattr(dispatch, "TABLE", tuple(map(noted, dispatch.TABLE)))
    vectors = draws(dtype=torch.float32)(70, 64)
    score = regard.nn.AdditiveScore(64, 64, 64)
    regard.attention_weights(vectors, vectors, score=score)
    regard.attention_weights(vectors, vectors)
    with kernels.only("reference"):
        regard.attention_weights(vectors, vectors, score=score)
    with kernels.only("inner_product"):
        assert regard.attention_weights(vectors, vectors).shape == (70, 70)
    assert ran == ["tanh_energy", "reference", "reference"]


def test_weights_by_the_kernel_are_those_of_the_definition() -> None:
    given = question(next(pair for pair in PAIRS if pair.id == "additive-softmax"))
    with kernels.only("tanh_energy"):
        found = given.weights()
    with kernels.only("reference"):
        assert_equal(found, given.weights())
