"""The figures of heads against those of each head by itself."""

import pytest
import torch

from regard.functional import masks
from regard.inspection.head_weights import HeadWeights
from regard.inspection.measures.agreement import divergence
from regard.inspection.measures.head_measures import measure_heads
from regard.inspection.measures.statistics import entropy, gini, mean_distance, normalised_entropy

TOKENS = ["a", "b", "c", "d"]
CAUSAL = masks.causal(4, 4)


def causal_heads(num_heads: int) -> torch.Tensor:
    scores = 3 * torch.randn(num_heads, 4, 4)
    return scores.masked_fill(~CAUSAL, -torch.inf).softmax(-1)


def test_every_head_of_every_layer_is_measured() -> None:
    layers = [causal_heads(3), causal_heads(2)]
    rows = measure_heads(HeadWeights("x", layers, TOKENS, TOKENS, CAUSAL))
    assert [(row.layer, row.head) for row in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    for row in rows:
        weights = layers[row.layer][row.head]
        assert row.entropy == pytest.approx(entropy(weights).mean().item(), abs=1e-5)
        wide = [normalised_entropy(weights[at, : at + 1]).item() for at in range(4)]
        assert row.normalised_entropy == pytest.approx(sum(wide) / 4, abs=1e-5)
        uneven = [gini(weights[at, : at + 1]).item() for at in range(4)]
        assert row.gini == pytest.approx(sum(uneven) / 4, abs=1e-5)
        assert row.distance == pytest.approx(mean_distance(weights).item(), abs=1e-5)
        assert (row.sparsity, row.on_masked) == (0, 0)
        apart = divergence(layers[row.layer])[row.head].sum().item()
        agreed = 1 - apart / (len(layers[row.layer]) - 1)
        assert row.agreement == pytest.approx(agreed, abs=1e-5)


def test_zeros_where_nothing_may_be_attended_do_not_count() -> None:
    weights = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    [row] = measure_heads(HeadWeights("x", [weights], ["a", "b"], ["a", "b"], masks.causal(2, 2)))
    assert row.sparsity == pytest.approx(0.25)
    [row] = measure_heads(HeadWeights("x", [weights], ["a", "b"], ["a", "b"]))
    assert row.sparsity == pytest.approx(0.5)


def test_weight_on_what_is_masked_is_told() -> None:
    weights = torch.full((1, 2, 2), 0.5)
    [row] = measure_heads(HeadWeights("x", [weights], ["a", "b"], ["a", "b"], masks.causal(2, 2)))
    assert row.on_masked == pytest.approx(0.5)


def test_attention_to_another_text_has_no_distance() -> None:
    [row] = measure_heads(HeadWeights("x", [torch.rand(1, 2, 3) / 3], ["a", "b"], ["c", "d", "e"]))
    assert row.distance is None


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_weights_are_taken_as_shares(scale: float) -> None:
    layers = [causal_heads(2)]
    [one, other] = measure_heads(HeadWeights("x", layers, TOKENS, TOKENS))
    scaled = measure_heads(HeadWeights("x", [layers[0] * scale], TOKENS, TOKENS))
    for left, right in zip([one, other], scaled, strict=True):
        assert left == pytest.approx(right, abs=1e-5)


def test_heads_that_look_nowhere_have_figures_too() -> None:
    [row] = measure_heads(HeadWeights("x", [torch.zeros(1, 3, 3)], TOKENS[:3], TOKENS[:3]))
    assert row == (0, 0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0)
