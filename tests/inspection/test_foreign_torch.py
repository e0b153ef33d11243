"""PyTorch's attention is recorded, however it is called."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard import record
from tests.drawing import draws

BATCH, QUERIES, KEYS, WIDTH, HEADS = 3, 4, 5, 8, 2
PADDING = torch.zeros(BATCH, KEYS, dtype=torch.bool)
CAUSAL = nn.Transformer.generate_square_subsequent_mask(KEYS)

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch_first": {"batch_first": True},
    "no_bias": {"bias": False},
    "other_widths": {"kdim": 6, "vdim": 7, "batch_first": True},
    "bias_kv": {"add_bias_kv": True},
    "zero": {"add_zero_attn": True, "batch_first": True},
    "both": {"add_bias_kv": True, "add_zero_attn": True},
}

draw = draws(dtype=torch.float32)


def blocked(*shape: int) -> Tensor:
    """Block some keys, but never the first."""
    mask = draw(*shape) > 0.4
    mask[..., 0] = False
    return mask


def added(*shape: int) -> Tensor:
    """Add something to the scores, and block some."""
    return draw(*shape).masked_fill(blocked(*shape), -torch.inf)


MASKS: dict[str, Callable[..., dict[str, Tensor]]] = {
    "none": lambda *_: {},
    "boolean": lambda *_: {"attn_mask": blocked(QUERIES, KEYS)},
    "boolean_by_head": lambda rows, _: {"attn_mask": blocked(rows, QUERIES, KEYS)},
    "float": lambda *_: {"attn_mask": added(QUERIES, KEYS)},
    "float_by_head": lambda rows, _: {"attn_mask": added(rows, QUERIES, KEYS)},
    "padding": lambda _, batch: {"key_padding_mask": blocked(*batch, KEYS)},
    "float_padding": lambda _, batch: {"key_padding_mask": added(*batch, KEYS)},
    "both": lambda _, batch: {
        "attn_mask": blocked(QUERIES, KEYS),
        "key_padding_mask": blocked(*batch, KEYS),
    },
    "both_float": lambda rows, batch: {
        "attn_mask": added(rows, QUERIES, KEYS),
        "key_padding_mask": added(*batch, KEYS),
    },
}


def attention(**options: Any) -> nn.MultiheadAttention:
    layer = nn.MultiheadAttention(WIDTH, HEADS, **options)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.7, generator=torch.Generator().manual_seed(1))
    return layer.eval()


def asked(layer: nn.MultiheadAttention, *, batched: bool = True) -> tuple[Tensor, ...]:
    """Draw query, key and value as the layer wants them."""
    vectors = (
        draw(BATCH, QUERIES, WIDTH),
        draw(BATCH, KEYS, layer.kdim),
        draw(BATCH, KEYS, layer.vdim),
    )
    if not batched:
        return tuple(each[0] for each in vectors)
    return vectors if layer.batch_first else tuple(each.transpose(0, 1) for each in vectors)


def context(layer: nn.MultiheadAttention, weights: Tensor, value: Tensor) -> Tensor:
    """Read values by weights, as the paper has it; of a layer that is not `batch_first`."""
    matrix, bias = layer.in_proj_weight[2 * WIDTH :], layer.in_proj_bias[2 * WIDTH :]
    values = F.linear(value.transpose(0, 1), matrix, bias)
    if layer.bias_v is not None:
        values = torch.cat([values, layer.bias_v.expand(len(values), 1, -1)], dim=1)
    if layer.add_zero_attn:
        values = torch.cat([values, torch.zeros(len(values), 1, WIDTH)], dim=1)
    heads = weights @ values.unflatten(-1, (HEADS, -1)).transpose(1, 2)
    return layer.out_proj(heads.transpose(1, 2).flatten(-2)).transpose(0, 1)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("batched", [True, False])
def test_weights_are_those_that_the_layer_gives_out(option: str, mask: str, batched: bool) -> None:
    layer = attention(**OPTIONS[option])
    vectors = asked(layer, batched=batched)
    given = MASKS[mask](BATCH * HEADS if batched else HEADS, (BATCH,) if batched else ())
    wanted = layer(*vectors, **given, average_attn_weights=False)[1].detach()
    with record(layer) as seen:
        layer(*vectors, **given, need_weights=False)
    weights = seen.only().weights()
    torch.testing.assert_close(weights, wanted, rtol=1e-5, atol=1e-6)
    part = seen.only().weights(rows=[2, -1], heads=[1])
    torch.testing.assert_close(part, wanted[..., [1], :, :][..., [2, 3], :], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("num_kept", [1, 2])
def test_what_is_said_of_all_weights(num_kept: int) -> None:
    layer = attention(add_zero_attn=num_kept == 2)
    vectors = asked(layer)
    with record(layer) as seen:
        whole = layer(*vectors, average_attn_weights=False)[1].detach()
    said = seen.only()
    torch.testing.assert_close(said.column_sums(), whole.sum(-2), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        said.entropy(), torch.special.entr(whole).sum(-1), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(
        said.top(num_kept)[0], whole.topk(num_kept).values, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("rows", [[], [0, 0, 3]])
def test_rows_may_be_none_or_the_same(rows: list[int]) -> None:
    layer = attention()
    with record(layer) as seen:
        whole = layer(*asked(layer), average_attn_weights=False)[1].detach()
    found = seen.only().weights(rows=rows)
    torch.testing.assert_close(found, whole[:, :, rows], rtol=1e-5, atol=1e-6)


def test_rows_that_may_attend_nothing_are_0() -> None:
    layer = attention()
    vectors = asked(layer)
    mask = torch.zeros(QUERIES, KEYS, dtype=torch.bool)
    mask[1] = True
    with record(layer) as seen:
        out = layer(*vectors, attn_mask=mask, need_weights=False)[0]
    weights = seen.only().weights()
    assert weights[..., 1, :].abs().sum() == 0
    torch.testing.assert_close(context(layer, weights, vectors[2]), out, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("option", ["plain", "bias_kv", "zero", "both"])
def test_what_is_called_causal_is_what_the_layer_took_for_causal(option: str) -> None:
    layer = attention(**{**OPTIONS[option], "batch_first": False})
    text = draw(KEYS, BATCH, WIDTH)
    with record(layer) as seen:
        out = layer(text, text, text, attn_mask=CAUSAL, is_causal=True, need_weights=False)[0]
    weights = seen.only().weights()
    assert weights[..., 0, 1:].abs().sum() == 0
    torch.testing.assert_close(context(layer, weights, text), out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mask", [torch.zeros(KEYS, KEYS), CAUSAL + 1, torch.isinf(CAUSAL.T)])
def test_a_mask_that_is_called_causal_and_is_not_is_refused(mask: Tensor) -> None:
    layer, text = attention(), draw(KEYS, BATCH, WIDTH)
    with record(layer) as seen:
        layer(text, text, text, attn_mask=mask, is_causal=True, need_weights=False)
        layer(text, text, text, attn_mask=mask, is_causal=True)
    with pytest.raises(
        ValueError, match=r"is_causal=True and a mask that is not causal.*leave out"
    ):
        seen.only().weights(0)
    wanted = layer(text, text, text, attn_mask=mask, average_attn_weights=False)[1].detach()
    torch.testing.assert_close(seen.only().weights(1), wanted, rtol=1e-5, atol=1e-6)


def test_weights_under_autocast_are_those_of_its_numbers() -> None:
    layer, text = attention(), draw(KEYS, BATCH, WIDTH)
    with torch.autocast("cpu", torch.bfloat16), record(layer) as seen:
        layer(text, text, text, need_weights=False)
    matrices, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    query, key = (
        F.linear(text.bfloat16(), matrix.bfloat16(), bias.bfloat16())
        .float()
        .unflatten(-1, (HEADS, -1))
        .permute(1, 2, 0, 3)
        for matrix, bias in zip(matrices[:2], biases[:2], strict=True)
    )
    wanted = (query @ key.mT / (WIDTH // HEADS) ** 0.5).softmax(-1).detach()
    torch.testing.assert_close(seen.only().weights(), wanted, rtol=1e-5, atol=1e-6)
    row = seen.only().weights(rows=[1])
    torch.testing.assert_close(row, wanted[:, :, [1]], rtol=1e-5, atol=1e-6)


def test_everything_is_as_it_was_whatever_happens() -> None:
    model = nn.Transformer(WIDTH, HEADS, 1, 1, 12, batch_first=True)
    own = model.encoder.layers[0].self_attn
    own.forward = kept = own.forward  # as libraries that move layers about leave it
    before = [dict(vars(module)) for module in model.modules()]
    with pytest.raises(RuntimeError, match="stop"), record(model), record(model):
        raise RuntimeError("stop")
    first, second = ExitStack(), ExitStack()
    first.enter_context(record(model))
    inner = second.enter_context(record(model))
    first.close()  # before what has begun after it
    model(draw(2, 1, WIDTH), draw(2, 1, WIDTH))
    second.close()
    assert [len(inner[name]) for name in inner.layers] == [1, 1, 1]
    assert [dict(vars(module)) for module in model.modules()] == before
    assert vars(own)["forward"] is kept


def test_records_nest() -> None:
    layer, text = attention(), draw(KEYS, BATCH, WIDTH)
    with record(layer) as outer:
        layer(text, text, text)
        with record(layer) as inner:
            layer(text[:2], text, text)
    assert (len(outer.only()), len(inner.only())) == (2, 1)
    torch.testing.assert_close(outer.only().weights(), inner.only().weights(), rtol=0, atol=0)


def test_what_was_changed_since_is_not_shown() -> None:
    layer, text = attention(), draw(KEYS, BATCH, WIDTH)
    with record(layer) as seen:
        layer(text, text, text)
    text.zero_()
    with pytest.raises(ValueError, match="changed in place since, so its weights are"):
        seen.only().weights()


def test_gradients_reach_the_model_from_its_weights_when_asked() -> None:
    layer, text = attention(), draw(KEYS, BATCH, WIDTH).requires_grad_()
    with record(layer, differentiable=True) as seen:
        layer(text, text, text)
    seen.only().weights(rows=[1]).square().sum().backward()
    found = text.grad.clone(), layer.in_proj_weight.grad.clone()
    text.grad, layer.in_proj_weight.grad = None, None
    layer(text, text, text, average_attn_weights=False)[1][..., 1, :].square().sum().backward()
    assert found[0].abs().max() > 0
    torch.testing.assert_close(found, (text.grad, layer.in_proj_weight.grad), rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_called_otherwise_is_not_recorded() -> None:
    class Rewritten(nn.MultiheadAttention):
        def forward(self, text: Tensor) -> Tensor:
            return super().forward(text, text, text)[0]

    with pytest.raises(ValueError, match="has no attention layer"), record(Rewritten(8, 2)):
        pass


def test_memory_counts_what_is_shared_once() -> None:
    layer, text = attention(batch_first=True), draw(BATCH, KEYS, WIDTH)
    with record(layer) as seen:
        layer(text, text, text, key_padding_mask=PADDING)
        layer(text, text, text, key_padding_mask=PADDING)
    assert seen.num_bytes == 4 * text.numel() + PADDING.numel()
