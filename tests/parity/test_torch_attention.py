"""PyTorch's own attention gives the same numbers, forward and backward."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import regard
from regard import kernels, masks
from regard.nn import MultiHeadAttention
from tests.drawing import draws
from tests.questions import leaf

KERNELS = pytest.mark.parametrize("kernel", ["inner_product", "reference"])


def projected(*batch: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = draws()
    return leaf(draw(*batch, 4, 8)), leaf(draw(*batch, 6, 8)), leaf(draw(*batch, 6, 5))


def assert_same(got: Tensor, wanted: Tensor, leaves: list[Tensor]) -> None:
    """Compare two results and their gradients."""
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    cotangent = draws(9)(*wanted.shape)
    torch.testing.assert_close(
        torch.autograd.grad(got, leaves, cotangent, retain_graph=True),
        torch.autograd.grad(wanted, leaves, cotangent, retain_graph=True),
        rtol=1e-9,
        atol=1e-9,
    )


@KERNELS
@pytest.mark.parametrize("masked", ["everything", "some", "nothing"])
def test_scaled_dot_product_attention(kernel: str, masked: str) -> None:
    query, key, value = projected(2, 3)
    allowed = {
        "everything": None,
        "some": draws(1)(2, 1, 4, 6) > -0.3,
        "nothing": torch.zeros(4, 6, dtype=torch.bool),
    }[masked]
    with kernels.only(kernel):
        context = regard.attention(query, key, value, mask=allowed)
    wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    assert_same(context, wanted, [query, key, value])


@KERNELS
def test_scaled_dot_product_attention_with_bias(kernel: str) -> None:
    query, key, value = projected(2, 3)
    bias = leaf(draws(1)(3, 4, 6))
    with kernels.only(kernel):
        context = regard.attention(query, key, value, bias=bias)
    wanted = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    assert_same(context, wanted, [query, key, value, bias])


@KERNELS
def test_scaled_dot_product_attention_in_causal_order(kernel: str) -> None:
    text = leaf(draws()(2, 3, 6, 8))
    with kernels.only(kernel):
        context = regard.attention(text, text, text, mask=masks.causal(6, 6))
    wanted = F.scaled_dot_product_attention(text, text, text, is_causal=True)
    assert_same(context, wanted, [text])


@KERNELS
def test_dot_is_scaled_dot_product_attention_of_scale_one(kernel: str) -> None:
    query, key, value = projected(2)
    with kernels.only(kernel):
        context = regard.attention(query, key, value, score=regard.scores.dot)
    wanted = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    assert_same(context, wanted, [query, key, value])


EMBED, HEADS = 12, 3


def transplanted(key_dim: int = EMBED, value_dim: int = EMBED) -> tuple[nn.Module, nn.Module]:
    """Return our layer and PyTorch's, with the same weights."""
    ours = MultiHeadAttention(EMBED, HEADS, key_dim=key_dim, value_dim=value_dim).double()
    theirs = nn.MultiheadAttention(
        EMBED, HEADS, kdim=key_dim, vdim=value_dim, batch_first=True
    ).double()
    parts = [ours.query, ours.key, ours.value]
    with torch.no_grad():
        if theirs.in_proj_weight is None:
            own = [theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight]
            for theirs_weight, part in zip(own, parts, strict=True):
                theirs_weight.copy_(part.weight)
        else:
            theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.weight.copy_(ours.output.weight)
        theirs.out_proj.bias.copy_(ours.output.bias)
    return ours, theirs


@KERNELS
@pytest.mark.parametrize(("key_dim", "value_dim"), [(EMBED, EMBED), (7, 9)])
def test_multi_head_attention(kernel: str, key_dim: int, value_dim: int) -> None:
    ours, theirs = transplanted(key_dim, value_dim)
    draw = draws()
    query = leaf(draw(2, 4, EMBED))
    key, value = leaf(draw(2, 6, key_dim)), leaf(draw(2, 6, value_dim))
    lengths, order = torch.tensor([6, 3]), masks.window(4, 6, before=4, after=1)
    mask = masks.padding(lengths, 6) & order
    with kernels.only(kernel):
        context = ours(query, key, value, mask=mask)
    # Theirs are inverted: True = blocked.
    wanted, weights = theirs(
        query,
        key,
        value,
        key_padding_mask=~masks.padding(lengths, 6).squeeze(1),
        attn_mask=~order,
        average_attn_weights=False,
    )
    assert_same(context, wanted, [query, key, value])
    torch.testing.assert_close(
        ours.weights(query, key, value, mask=mask), weights, rtol=1e-9, atol=1e-12
    )

    cotangent = draws(9)(*wanted.shape)
    our_output = torch.autograd.grad(context, list(ours.output.parameters()), cotangent)
    their_output = torch.autograd.grad(wanted, list(theirs.out_proj.parameters()), cotangent)
    torch.testing.assert_close(our_output, their_output, rtol=1e-9, atol=1e-9)


def test_gradients_of_the_projections_of_multi_head_attention() -> None:
    ours, theirs = transplanted()
    query, memory = draws()(2, 4, EMBED), draws(1)(2, 6, EMBED)
    ours(query, memory, memory).square().sum().backward()
    theirs(query, memory, memory)[0].square().sum().backward()
    parts = [ours.query, ours.key, ours.value]
    torch.testing.assert_close(
        torch.cat([part.weight.grad for part in parts]),
        theirs.in_proj_weight.grad,
        rtol=1e-9,
        atol=1e-9,
    )
    torch.testing.assert_close(
        torch.cat([part.bias.grad for part in parts]),
        theirs.in_proj_bias.grad,
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
def test_shared_heads_are_repeated_heads(num_kv_heads: int) -> None:
    layer = MultiHeadAttention(8, 4, num_kv_heads=num_kv_heads).double()
    text = leaf(draws()(2, 5, 8))
    split = [
        projection(text).view(2, 5, -1, 2).transpose(1, 2)
        for projection in (layer.query, layer.key, layer.value)
    ]
    heads = F.scaled_dot_product_attention(*split, enable_gqa=True)
    wanted = layer.output(heads.transpose(1, 2).reshape(2, 5, 8))
    assert_same(layer(text, text, text), wanted, [text, *layer.parameters()])
