"""Pooling layers, one sequence and one position at a time, as their papers write them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from regard.nn import (
    AdditiveScore,
    AttentionPooling,
    BilinearScore,
    LastPooling,
    LastStateAttention,
    MaxPooling,
    MeanPooling,
    MultiHeadAttentionPooling,
    QueryPooling,
)
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


def test_heads_pool_slices_each_for_its_query() -> None:
    layer = MultiHeadAttentionPooling(WIDTH, 2).double()
    sequence = draws()(3, 5, WIDTH)
    lengths = torch.tensor(LENGTHS)
    pooled, all_weights = layer(sequence, lengths), layer.weights(sequence, lengths)
    for row, (states, length) in enumerate(zip(sequence, LENGTHS, strict=True)):
        real = list(states[:length])
        hidden = [torch.tanh(layer.projection.weight @ h + layer.projection.bias) for h in real]
        contexts, of_heads = [], []
        for head, part in enumerate((slice(0, 2), slice(2, 4))):
            weights = softmax([u[part] @ layer.query[head, 0] for u in hidden])
            contexts.append(sum(w * h[part] for w, h in zip(weights, real, strict=True)))
            of_heads.append(torch.stack(weights))
        torch.testing.assert_close(pooled[row], torch.cat(contexts), rtol=1e-9, atol=1e-12)
        mean = (of_heads[0] + of_heads[1]) / 2
        torch.testing.assert_close(all_weights[row, 0, :length], mean, rtol=1e-9, atol=1e-12)


def test_query_pooling_scores_each_state_for_the_query() -> None:
    layer = QueryPooling(WIDTH, 3).double()
    sequence, queries = draws()(3, 5, WIDTH), draws(1)(3, 3)
    results = layer(sequence, queries, torch.tensor(LENGTHS))
    for states, query, length, result in zip(sequence, queries, LENGTHS, results, strict=True):
        real = list(states[:length])
        weights = softmax([query @ layer.attention.score.weight @ state for state in real])
        wanted = sum(w * h for w, h in zip(weights, real, strict=True))
        torch.testing.assert_close(result, wanted, rtol=1e-9, atol=1e-12)


POOLED: dict[str, tuple[nn.Module, Callable[[Tensor], Tensor]]] = {
    "last": (LastPooling(WIDTH), lambda states: states[-1]),
    "both directions": (
        LastPooling(WIDTH, bidirectional=True),
        lambda states: torch.cat([states[-1, :2], states[0, 2:]]),
    ),
    "mean": (MeanPooling(WIDTH), lambda states: states.mean(dim=0)),
    "max": (MaxPooling(WIDTH), lambda states: states.amax(dim=0)),
}


@pytest.mark.parametrize("name", POOLED)
def test_plain_poolings_are_those_of_each_sequence_alone(name: str) -> None:
    layer, define = POOLED[name]
    sequence = draws()(3, 5, WIDTH)
    results = layer(sequence, torch.tensor(LENGTHS))
    for states, length, result in zip(sequence, LENGTHS, results, strict=True):
        torch.testing.assert_close(result, define(states[:length]), rtol=1e-12, atol=1e-12)


def test_weights_of_plain_poolings_count_features() -> None:
    states = torch.tensor([[[1.0, 9.0, 0.0, 0.0], [2.0, 3.0, 4.0, 0.5], [8.0, 8.0, 8.0, 8.0]]])
    lengths = torch.tensor([2])
    assert MaxPooling(4).weights(states, lengths).tolist() == [[[0.25, 0.75, 0]]]
    assert MeanPooling(4).weights(states, lengths).tolist() == [[[0.5, 0.5, 0]]]
    assert LastPooling(4).weights(states, lengths).tolist() == [[[0, 1, 0]]]
    both = LastPooling(4, bidirectional=True).weights(states, lengths)
    assert both.tolist() == [[[0.5, 0.5, 0]]]


def test_last_state_of_both_directions_has_read_everything() -> None:
    layer = LastStateAttention(4, 3, bidirectional=True)
    states, lengths = torch.randn(2, 5, 4), torch.tensor([5, 3])
    found = layer(states, lengths)
    for row, length in enumerate(lengths.tolist()):
        real = states[row, :length]
        state = torch.cat([real[-1, :2], real[0, 2:]])
        weights = layer.attention.score(state.view(1, 1, 4), real.unsqueeze(0)).softmax(dim=-1)
        merged = torch.cat([(weights @ real)[0, 0], state])
        expected = torch.tanh(layer.output(merged))
        torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-6)
