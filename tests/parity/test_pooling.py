"""Pooling layers, one sequence and one position at a time, as their papers write them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from regard.nn import AdditiveScore, AttentionPooling, BilinearScore, LastStateAttention
from tests.drawing import draws

WIDTH, LENGTHS = 4, [5, 2, 1]


def softmax(scores: list[Tensor]) -> list[Tensor]:
    powers = [score.exp() for score in scores]
    return [power / sum(powers) for power in powers]


def test_attention_pooling_is_that_of_the_hierarchical_network() -> None:
    layer = AttentionPooling(WIDTH, 3).double()
    sequence = draws()(3, 5, WIDTH)
    pooled = layer(sequence, torch.tensor(LENGTHS))
    for states, length, result in zip(sequence, LENGTHS, pooled, strict=True):
        real = list(states[:length])
        hidden = [torch.tanh(layer.projection.weight @ h + layer.projection.bias) for h in real]
        weights = softmax([u @ layer.query for u in hidden])
        wanted = sum(w * h for w, h in zip(weights, real, strict=True))
        torch.testing.assert_close(result, wanted, rtol=1e-9, atol=1e-12)


def bilinear(score: BilinearScore, last: Tensor, state: Tensor) -> Tensor:
    return last @ score.weight @ state


def additive(score: AdditiveScore, last: Tensor, state: Tensor) -> Tensor:
    hidden = score.query.weight @ last + score.key.weight @ state + score.key.bias
    return torch.tanh(hidden) @ score.energy


@pytest.mark.parametrize(
    ("score", "define"),
    [(None, bilinear), (AdditiveScore(WIDTH, WIDTH, 5), additive)],
    ids=["luong", "bahdanau"],
)
def test_last_state_attention_merges_context_and_last_state(
    score: nn.Module | None, define: Callable[..., Tensor]
) -> None:
    layer = LastStateAttention(WIDTH, 3, score=score).double()
    sequence = draws()(3, 5, WIDTH)
    results = layer(sequence, torch.tensor(LENGTHS))
    for states, length, result in zip(sequence, LENGTHS, results, strict=True):
        last, real = states[length - 1], list(states[:length])
        weights = softmax([define(layer.attention.score, last, state) for state in real])
        context = sum(w * h for w, h in zip(weights, real, strict=True))
        wanted = torch.tanh(layer.output.weight @ torch.cat([context, last]))
        torch.testing.assert_close(result, wanted, rtol=1e-9, atol=1e-12)


def test_learned_query_is_drawn_for_scores_of_size_one() -> None:
    queries = torch.stack([AttentionPooling(WIDTH, 256).query.detach() for _ in range(20)])
    assert queries.norm(dim=-1).mean().item() == pytest.approx(1, abs=0.1)
    assert queries.mean().item() == pytest.approx(0, abs=0.01)
