"""Of attention with heads, a few rows cost what they need, and are those of the whole."""

from typing import Any

import pytest
import torch
from torch import Tensor

from regard import kernels, masks, normalizers, rotary
from regard.functional.masks import Window
from regard.nn import (
    AdditiveScore,
    BilinearScore,
    CachedMultiHeadAttention,
    MultiHeadAttention,
)
from tests.drawing import draws

BATCH, QUERIES, KEYS, WIDTH, HEADS = 2, 4, 6, 8, 4
ROWS = [3, 0, -1]

LAYERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rotary": {"rotate": rotary.rotary},
    "shared": {"num_kv_heads": 2, "rotate": rotary.rotary},
    "additive": {"score": AdditiveScore(2, 2, 5)},
    "bilinear": {"score": BilinearScore(2, 2), "num_kv_heads": 1},
    "sparsemax": {"normalizer": normalizers.sparsemax},
}
ALLOWED: dict[str, Tensor | Window | None] = {
    "all": None,
    "padding": masks.padding(torch.tensor([6, 0]), KEYS),
    "window": Window(2, 0),
    "causal": masks.causal(QUERIES, KEYS),
}

draw = draws(dtype=torch.float32)
QUERY, KEY = draw(BATCH, QUERIES, WIDTH), draw(BATCH, KEYS, WIDTH)


def weights_of(
    layer: MultiHeadAttention, mask: Tensor | Window | None, **options: Tensor
) -> kernels.Weights:
    return layer.weights_on_demand(QUERY, KEY, KEY, mask=mask, **options)


@pytest.mark.parametrize("mask", ALLOWED.values(), ids=ALLOWED)
@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
def test_rows_are_those_of_the_whole(options: dict[str, Any], mask: Tensor | Window | None) -> None:
    layer = MultiHeadAttention(WIDTH, HEADS, **options)
    bias = draw(HEADS, QUERIES, KEYS)
    weights = weights_of(layer, mask, bias=bias)
    whole = layer.weights(QUERY, KEY, KEY, mask=mask, bias=bias)
    torch.testing.assert_close(weights.rows(ROWS), whole[..., ROWS, :], rtol=1e-5, atol=1e-6)
    of_heads = weights.heads([2, 0])
    torch.testing.assert_close(
        of_heads.rows(ROWS), whole[:, [2, 0]][..., ROWS, :], rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(weights.column_sums(), whole.sum(dim=-2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
def test_weights_read_what_the_layer_reads(options: dict[str, Any]) -> None:
    layer = MultiHeadAttention(WIDTH, HEADS, **options)
    value = layer.memory(KEY, KEY).value
    value = value.squeeze(-3).repeat_interleave(layer.num_shared, 1) if value.dim() == 5 else value
    rows = weights_of(layer, None).rows(range(QUERIES))
    torch.testing.assert_close(
        layer.joined(rows @ value), layer(QUERY, KEY, KEY), rtol=1e-5, atol=1e-6
    )


def test_only_the_rows_that_are_asked_for_are_projected() -> None:
    layer = MultiHeadAttention(WIDTH, HEADS)
    seen: dict[str, list[int]] = {"query": [], "key": [], "value": []}
    for name, lengths in seen.items():
        getattr(layer, name).register_forward_hook(
            lambda _, given, __, lengths=lengths: lengths.append(given[0].shape[-2])
        )
    weights_of(layer, None).rows([1, 2])
    assert seen == {"query": [2], "key": [KEYS], "value": []}


def test_gradients_reach_what_projects_the_rows() -> None:
    layer = MultiHeadAttention(WIDTH, HEADS, rotate=rotary.rotary)
    weight = layer.query.weight
    upstream = draw(BATCH, HEADS, 2, KEYS)
    some = (weights_of(layer, None).rows([1, 2]) * upstream).sum()
    whole = (layer.weights(QUERY, KEY, KEY)[..., [1, 2], :] * upstream).sum()
    (found,), (wanted,) = (torch.autograd.grad(each, weight) for each in (some, whole))
    assert wanted.abs().max() > 0
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_memory_brings_its_own_mask() -> None:
    layer = CachedMultiHeadAttention(WIDTH, HEADS)
    allowed = masks.padding(torch.tensor([6, 2]), KEYS)
    rows = layer.weights_on_demand(QUERY, layer.memory(KEY, KEY, allowed)).rows([0])
    assert rows[1, :, :, 2:].abs().sum() == 0
    assert rows[1, :, :, :2].min() > 0


def test_what_does_not_fit_is_refused_before_anything_is_asked() -> None:
    layer = MultiHeadAttention(WIDTH, HEADS)
    with pytest.raises(ValueError, match="mask"):
        weights_of(layer, masks.padding(torch.tensor([1, 2]), KEYS - 1))
    with pytest.raises(ValueError, match="bias"):
        weights_of(layer, None, bias=draw(HEADS, QUERIES, KEYS + 1))
