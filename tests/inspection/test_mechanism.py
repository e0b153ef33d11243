"""The drawing model of attention: every stage as other code computes it, and what is refused."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from regard import attention, biases, masks, nn, normalizers, scores
from regard.inspection.mechanism import MAX_TOKENS, MAX_WIDTH, Mechanism, Stage, mechanism_of
from regard.inspection.mechanism_example import BIASES, NORMALIZERS, SCORES, example_of
from tests.drawing import draws

TOKENS = ["the", "cat", "sat"]


def inputs(num_queries: int = 2, num_keys: int = 3, width: int = 4) -> tuple[Tensor, ...]:
    draw = draws(dtype=torch.float32)
    return draw(num_queries, width), draw(num_keys, width), draw(num_keys, 2)


def test_stages_are_those_of_pytorchs_attention() -> None:
    query, key, value = inputs()
    mask = torch.tensor([[True, False, True], [True, True, True]])
    bias = draws(1, torch.float32)(2, 3)
    found = mechanism_of(query, key, value, bias=bias, mask=mask)
    scored = query @ key.T / 2
    torch.testing.assert_close(found.scores, scored)
    torch.testing.assert_close(found.biased, scored + bias)
    weights = (scored + bias).masked_fill(~mask, -torch.inf).softmax(dim=-1)
    torch.testing.assert_close(found.weights, weights)
    added = bias.masked_fill(~mask, -torch.inf)
    wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=added)
    torch.testing.assert_close(found.context, wanted)
    assert [found.may_attend(0, key) for key in range(3)] == [True, False, True]


def test_a_window_and_a_bias_for_all_queries_are_spelt_out() -> None:
    query, key, value = inputs()
    bias = torch.tensor([1.0, 0.0, -1.0])
    found = mechanism_of(query, key, value, bias=bias, mask=masks.Window(1, 0))
    assert found.mask is not None
    assert found.mask.tolist() == [[True, True, False], [False, True, True]]
    assert found.bias is not None
    assert found.bias.tolist() == [[1, 0, -1]] * 2
    wanted = attention(query, key, value, bias=bias, mask=masks.Window(1, 0))
    torch.testing.assert_close(found.context, wanted)


def test_scores_may_have_parameters_of_any_kind() -> None:
    query, key, value = inputs()
    weight = draws(2, torch.float32)(4, 4)
    bound = mechanism_of(query, key, value, score=partial(scores.bilinear, weight=weight))
    assert bound.score == Stage("bilinear", "sᵢⱼ = qᵢᵀ W kⱼ", (("weight", (4, 4)),))
    torch.testing.assert_close(bound.scores, query @ weight @ key.T)
    module = nn.AdditiveScore(4, 4, 5)
    found = mechanism_of(query, key, value, score=module)
    assert found.score.name == "AdditiveScore"
    assert dict(found.score.parameters) == {
        name: tuple(parameter.shape) for name, parameter in module.named_parameters()
    }
    assert not found.scores.requires_grad
    own = mechanism_of(query, key, value, score=lambda q, k: q @ k.mT)
    assert own.score.formula == ""


def test_what_is_not_named_is_numbered() -> None:
    found = mechanism_of(*inputs(2, 11))
    assert found.queries == ["q₁", "q₂"]
    assert found.keys[0] == "k₁"
    assert found.keys[10] == "k₁₁"
    assert found.title == "scaled_dot × softmax"


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"query": torch.zeros(1, 2, 4)}, ValueError, r"query must have shape \(query, query_dim"),
        ({"query": torch.zeros(0, 4)}, ValueError, r"be no empty one; got \(0, 4\)"),
        ({"key": torch.zeros(3, 4).long()}, TypeError, "key must be a floating-point tensor"),
        ({"key": torch.full((3, 4), torch.nan)}, ValueError, "key must be finite"),
        (
            {"key": torch.zeros(MAX_TOKENS + 1, 4), "value": torch.zeros(MAX_TOKENS + 1, 2)},
            ValueError,
            "shows every number: at most 12 tokens of at most 16 dimensions; key has 13 of 4",
        ),
        ({"value": torch.zeros(3, MAX_WIDTH + 1)}, ValueError, "value has 3 of 17"),
        ({"value": torch.zeros(2, 2)}, ValueError, "one value per key; got 3 keys and 2 values"),
        ({"mask": torch.ones(2, 3)}, TypeError, "mask must be boolean"),
        ({"mask": torch.ones(3, 2).bool()}, ValueError, "mask must broadcast to"),
        ({"bias": torch.full((2, 3), -torch.inf)}, ValueError, "bias must be finite"),
        ({"keys": ["a"]}, ValueError, "there are 3 keys, but 1 texts for them"),
        ({"queries": ["a"]}, ValueError, "there are 2 queries, but 1 texts for them"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    change: dict[str, Any], error: type[Exception], said: str
) -> None:
    parts = dict(zip(("query", "key", "value"), inputs(), strict=True)) | change
    with pytest.raises(error, match=said):
        mechanism_of(**parts)


def test_the_largest_are_drawn() -> None:
    found = mechanism_of(*inputs(MAX_TOKENS, MAX_TOKENS, MAX_WIDTH))
    assert found.weights.shape == (MAX_TOKENS, MAX_TOKENS)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"weights": torch.full((2, 3), 2.0)}, ValueError, "weights must lie in 0…1"),
        ({"weights": torch.zeros(3, 2)}, ValueError, r"weights must have shape \(2, 3\)"),
        ({"context": torch.zeros(2, 3)}, ValueError, r"context must have shape \(2, 2\)"),
        ({"mask": torch.ones(2, 3)}, TypeError, "the mask must be boolean"),
        ({"value": torch.zeros(4, 2)}, ValueError, r"value must have shape \(3, 2\)"),
    ],
)
def test_stages_that_do_not_fit_are_refused(
    change: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Mechanism(**vars(mechanism_of(*inputs())) | change)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_every_choice_has_an_example(score: str, normalizer: str) -> None:
    found = example_of(TOKENS, ["sat", "on"], score=score, normalizer=normalizer)
    assert found.title == f"{score} × {normalizer}"
    assert found.weights.shape == (2, 3)
    again = example_of(TOKENS, ["sat", "on"], score=score, normalizer=normalizer)
    torch.testing.assert_close(found.weights, again.weights, rtol=0, atol=0)


def test_examples_have_every_score_and_normalizer() -> None:
    assert set(SCORES) == set(scores.__all__) - {"project", "unit"}
    assert set(NORMALIZERS) == set(normalizers.__all__)
    assert set(BIASES) <= set(biases.__all__)


def test_vectors_are_tenths_and_belong_to_words() -> None:
    found = example_of(["a", "b", "a"], ["b"], width=5)
    for vectors in (found.query, found.key, found.value):
        assert vectors.shape[-1] == 5
        torch.testing.assert_close((10 * vectors).round(), 10 * vectors, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.key[0], found.key[2], rtol=0, atol=0)
    assert not torch.equal(found.key[0], found.key[1])
    assert not torch.equal(found.key[1], found.query[0])  # of the same word, but learnt apart
    longer = example_of(["a", "b", "c"], ["c"], width=5)
    torch.testing.assert_close(longer.key[:2], found.key[:2], rtol=0, atol=0)
    other = example_of(["a", "b", "a"], ["b"], width=5, seed=2)
    assert not torch.equal(other.key, found.key)


def test_queries_stand_at_the_end_of_the_tokens() -> None:
    found = example_of(TOKENS, ["cat", "sat"], mask=masks.Window(None, 0), bias="alibi")
    assert found.mask is not None
    assert found.mask.tolist() == [[True, True, False], [True, True, True]]
    assert found.bias is not None
    assert found.bias.tolist() == [[-0.5, 0, -0.5], [-1, -0.5, 0]]
    near = example_of(TOKENS, ["sat"], bias="gaussian")
    assert near.bias is not None
    assert near.bias.tolist() == [[-2, -0.5, 0]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"tokens": []}, "tokens must hold a word"),
        ({"queries": []}, "queries must hold a word"),
        ({"width": 0}, "a width of 0"),
    ],
)
def test_nothing_is_no_example(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        example_of(**{"tokens": TOKENS, "queries": TOKENS} | words)
