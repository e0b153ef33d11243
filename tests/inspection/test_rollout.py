"""Attention through layers, against the sum over all paths through them."""

import itertools
import re

import pytest
import torch
from torch import Tensor

from regard.inspection.measures.rollout import rollout


def over_all_paths(layers: list[Tensor], residual: float) -> list[list[float]]:
    """Add up what every path from a position to a token lets through, layer by layer."""
    length = layers[0].shape[-1]

    def passed(layer: Tensor, query: int, key: int) -> float:
        mean = sum(float(head[query, key]) for head in layer) / len(layer)
        return (1 - residual) * mean + residual * (query == key)

    found = [[0.0] * length for _ in range(length)]
    for first, last in itertools.product(range(length), repeat=2):
        for inner in itertools.product(range(length), repeat=len(layers) - 1):
            path = [first, *inner, last]
            share = 1.0
            steps = zip(reversed(layers), itertools.pairwise(path), strict=True)
            for layer, (query, key) in steps:
                share *= passed(layer, query, key)
            found[first][last] += share
    return found


@pytest.mark.parametrize("residual", [0.5, 0.0, 1.0])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_rollout_adds_up_all_paths(num_layers: int, residual: float) -> None:
    layers = [torch.randn(2, 4, 4).mul(3).softmax(-1) for _ in range(num_layers)]
    expected = torch.tensor(over_all_paths(layers, residual))
    torch.testing.assert_close(rollout(layers, residual=residual), expected, rtol=1e-5, atol=1e-6)


def test_rows_sum_to_one_whatever_the_weights_do() -> None:
    layers = [torch.rand(2, 3, 5, 5) for _ in range(4)]
    layers[1][:, :, 2] = 0
    rolled = rollout(layers)
    assert rolled.shape == (2, 5, 5)
    torch.testing.assert_close(rolled.sum(-1), torch.ones(2, 5), rtol=1e-5, atol=1e-6)


def test_who_looks_nowhere_keeps_itself() -> None:
    assert rollout([torch.zeros(2, 3, 3)] * 2).tolist() == torch.eye(3).tolist()


def test_no_position_reads_what_stands_ahead_of_a_causal_one() -> None:
    layers = [torch.randn(2, 5, 5).masked_fill(torch.ones(5, 5).triu(1).bool(), -1e9).softmax(-1)]
    assert rollout(layers * 3).triu(1).abs().max().item() == 0


def test_a_text_is_rolled_out_by_itself() -> None:
    layers = [torch.rand(3, 2, 4, 4).softmax(-1) for _ in range(2)]
    together = rollout(layers)
    for text in range(3):
        alone = rollout([layer[text] for layer in layers])
        torch.testing.assert_close(together[text], alone, rtol=1e-5, atol=1e-6)


def test_a_decoder_reads_through_an_encoder() -> None:
    encoder = [torch.rand(2, 4, 4).softmax(-1)]
    cross = torch.rand(2, 3, 4).softmax(-1)
    read = cross.mean(-3) @ rollout(encoder)
    torch.testing.assert_close(read.sum(-1), torch.ones(3), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([], "there must be at least one layer to roll out; got none"),
        ([torch.rand(2, 3, 4)], "layer 0 must have shape (…, heads, 4, 4)"),
        ([torch.rand(2, 3, 3), torch.rand(2, 4, 4)], "layer 1 must have shape (…, heads, 3, 3)"),
    ],
)
def test_what_cannot_be_rolled_out_is_refused(layers: list[Tensor], said: str) -> None:
    # Without the shapes in its signature, which are checked in tests alone.
    unchecked = getattr(rollout, "__wrapped__", rollout)
    with pytest.raises(ValueError, match=re.escape(said)):
        unchecked(layers)
