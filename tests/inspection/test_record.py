"""A record shows the weights of any layer, from outside, and leaves the model as it was."""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import regard
from regard import kernels, masks, normalizers, record
from regard.functional.attention import attention_weights
from regard.nn import (
    AdditiveScore,
    Attention,
    AttentionPooling,
    LastStateAttention,
    MultiHeadAttention,
    ScaledDotScore,
)
from tests.cases import WIDTH
from tests.drawing import draws

LENGTHS = torch.tensor([5, 2, 0])

draw = draws(dtype=torch.float32)
TEXT = draw(3, 5, WIDTH)
QUERY = draw(3, 2, WIDTH)
MASK = masks.padding(LENGTHS, 5)


class Stack(nn.Module):
    """Two layers of self-attention, the second over what the first has read."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MultiHeadAttention(WIDTH, 2, dropout=0.5) for _ in range(2))
        self.head = AttentionPooling(WIDTH, 3)

    def forward(self, text: Tensor, lengths: Tensor) -> Tensor:
        mask = masks.padding(lengths, text.shape[1])
        for layer in self.layers:
            text = text + layer(text, text, text, mask=mask)
        return self.head(text, lengths)


class Stepping(nn.Module):
    """A decoder reduced to its attention: one reading per step."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention(AdditiveScore(WIDTH, WIDTH, 5), normalizers.sparsemax)

    def forward(self, queries: Tensor, source: Tensor, mask: Tensor) -> Tensor:
        memory = self.attention.memory(source, source, mask)
        steps = [self.attention(query.unsqueeze(1), memory) for query in queries.unbind(dim=1)]
        return torch.cat(steps, dim=1)


@pytest.fixture
def sdpa_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often PyTorch's fused attention runs."""
    calls: list[int] = []
    fused = F.scaled_dot_product_attention

    def counted(*arguments: Tensor, **options: object) -> Tensor:
        calls.append(1)
        return fused(*arguments, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    return calls


def test_weights_of_attention_are_attention_weights() -> None:
    layer, bias = Attention(ScaledDotScore()), draw(3, 2, 5)
    with record(layer) as seen:
        layer(QUERY, layer.memory(TEXT, TEXT, MASK), bias)
    wanted = attention_weights(QUERY, TEXT, mask=MASK, bias=bias)
    torch.testing.assert_close(seen.only().weights(), wanted, rtol=1e-6, atol=1e-6)


def test_weights_of_heads_are_attention_weights() -> None:
    layer = MultiHeadAttention(WIDTH, 2, num_kv_heads=1, normalizer=normalizers.entmax15)
    with record(layer) as seen:
        layer(QUERY, TEXT, TEXT, mask=MASK)
    query = layer.query(QUERY).unflatten(-1, (2, 2)).transpose(1, 2)
    key = layer.key(TEXT).unsqueeze(1)
    wanted = attention_weights(query, key, mask=MASK.unsqueeze(1), normalizer=normalizers.entmax15)
    weights = seen.only().weights()
    assert weights.shape == (3, 2, 2, 5)
    torch.testing.assert_close(weights, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [AttentionPooling, LastStateAttention])
def test_weights_of_pooling_are_its_own(make: Callable[[int, int], nn.Module]) -> None:
    layer = make(WIDTH, 3)
    with record(layer) as seen:
        layer(TEXT, LENGTHS)
    assert seen.layers == ["attention"]
    torch.testing.assert_close(
        seen.only().weights(), layer.weights(TEXT, LENGTHS), rtol=0, atol=1e-6
    )


def test_layers_are_named_as_in_the_model() -> None:
    model = Stack()
    with record(model) as seen:
        model(TEXT, LENGTHS)
    assert seen.layers == ["layers.0", "layers.1", "head.attention"]
    assert [len(seen[name]) for name in seen.layers] == [1, 1, 1]
    assert seen["layers.1"].name == "layers.1"
    assert seen["layers.1"].weights().shape == (3, 2, 5, 5)
    assert seen["head.attention"].weights().shape == (3, 1, 5)


def test_model_keeps_its_fast_path(sdpa_calls: list[int]) -> None:
    model = Stack().eval()
    plain = model(TEXT, LENGTHS)
    assert len(sdpa_calls) == 3
    with record(model) as seen:
        recorded = model(TEXT, LENGTHS)
    assert len(sdpa_calls) == 6
    torch.testing.assert_close(recorded, plain, rtol=0, atol=0)
    seen["layers.0"].weights()
    assert len(sdpa_calls) == 6
    with kernels.only("inner_product"), record(model):
        model(TEXT, LENGTHS)
    assert len(sdpa_calls) == 9


def test_nothing_is_computed_until_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = MultiHeadAttention(WIDTH, 2)
    computed: list[int] = []
    asked = layer.weights_on_demand
    monkeypatch.setattr(
        layer,
        "weights_on_demand",
        lambda *given, **named: computed.append(1) or asked(*given, **named),
    )
    with record(layer) as seen:
        layer(TEXT, TEXT, TEXT)
        assert computed == []
    seen.only().weights()
    assert computed == [1]


def test_chosen_calls_heads_and_rows() -> None:
    layer = MultiHeadAttention(WIDTH, 4)
    other = draw(3, 5, WIDTH)
    with record(layer) as seen:
        layer(TEXT, TEXT, TEXT)
        layer(other, TEXT, TEXT)
    recorded = seen.only()
    first, last = layer.weights(TEXT, TEXT, TEXT), layer.weights(other, TEXT, TEXT)
    torch.testing.assert_close(recorded.weights(), last, rtol=0, atol=0)
    torch.testing.assert_close(recorded.weights(0), first, rtol=0, atol=0)
    torch.testing.assert_close(recorded.weights(-2), first, rtol=0, atol=0)
    torch.testing.assert_close(
        recorded.weights(0, heads=[2, 0], rows=[4, 1]),
        first[:, [2, 0]][:, :, [4, 1]],
        rtol=0,
        atol=0,
    )


def test_steps_are_gathered_into_the_alignment() -> None:
    model = Stepping()
    with record(model) as seen:
        model(QUERY, TEXT, MASK)
    recorded = seen["attention"]
    assert len(recorded) == 2
    memory = model.attention.memory(TEXT, TEXT, MASK)
    wanted = model.attention.weights(QUERY, memory)
    torch.testing.assert_close(recorded.alignment(), wanted, rtol=1e-6, atol=1e-6)
    assert recorded.alignment()[2].abs().sum().item() == 0


def test_weights_are_shown_without_dropout_and_without_graph() -> None:
    model = Stack().train()
    with record(model) as seen:
        model(TEXT, LENGTHS)
    weights = seen["layers.0"].weights()
    torch.testing.assert_close(
        weights.sum(dim=-1), (LENGTHS > 0).float().view(3, 1, 1).expand(3, 2, 5), rtol=0, atol=1e-6
    )
    assert not weights.requires_grad


def test_training_goes_on_as_without_a_record() -> None:
    model = Stack().eval()
    model(TEXT, LENGTHS).square().sum().backward()
    wanted = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    with record(model):
        model(TEXT, LENGTHS).square().sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    torch.testing.assert_close(gradients, wanted, rtol=0, atol=0)


class Witness:
    """Something that lives as long as what holds it."""


def test_record_holds_no_graph() -> None:
    model = Stepping()
    text = TEXT.clone().requires_grad_() * 2
    witness = Witness()
    text.grad_fn.metadata["witness"] = witness
    alive = weakref.ref(witness)
    del witness
    assert alive() is not None
    with record(model) as seen:
        model(QUERY, text, MASK)
    del text
    gc.collect()
    assert alive() is None
    assert len(seen["attention"]) == 2


def test_hooks_are_gone_afterwards() -> None:
    model = Stack()
    with record(model) as seen:
        model(TEXT, LENGTHS)
    assert not any("forward" in vars(module) for module in model.modules())
    with pytest.raises(RuntimeError, match="stop"), record(model):
        raise RuntimeError("stop")
    model(TEXT, LENGTHS)
    assert len(seen["layers.0"]) == 1
    assert not any("forward" in vars(module) for module in model.modules())


def test_records_nest() -> None:
    model = MultiHeadAttention(WIDTH, 2)
    with record(model) as outer:
        model(TEXT, TEXT, TEXT)
        with record(model) as inner:
            model(QUERY, TEXT, TEXT)
        model(TEXT, TEXT, TEXT)
    assert (len(outer.only()), len(inner.only())) == (3, 1)
    torch.testing.assert_close(outer.only().weights(1), inner.only().weights(), rtol=0, atol=0)


def test_weights_follow_the_parameters_of_the_moment() -> None:
    layer = MultiHeadAttention(WIDTH, 2)
    with record(layer) as seen:
        layer(TEXT, TEXT, TEXT)
    with torch.no_grad():
        layer.query.weight.zero_()
        layer.query.bias.zero_()
    torch.testing.assert_close(
        seen.only().weights(), torch.full((3, 2, 5, 5), 0.2), rtol=0, atol=1e-6
    )


def test_foreign_layer_with_weights_is_recorded() -> None:
    class Foreign(nn.Module):
        def forward(self, query: Tensor, *, key: Tensor) -> Tensor:
            return self.weights(query, key=key) @ key

        def weights(self, query: Tensor, *, key: Tensor) -> Tensor:
            return regard.attention_weights(query, key)

    layer = Foreign()
    with record(nn.Sequential(layer)) as seen:
        layer(QUERY, key=TEXT)
    torch.testing.assert_close(
        seen["0"].weights(), regard.attention_weights(QUERY, TEXT), rtol=0, atol=0
    )


def test_model_without_attention_is_refused() -> None:
    said = "Linear has no attention layer: none of its modules has a method `weights`"
    with pytest.raises(ValueError, match=said), record(nn.Linear(2, 2)):
        pass


def test_unknown_layer_is_refused() -> None:
    with (
        record(Stack()) as seen,
        pytest.raises(
            KeyError, match=r"no attention layer 'heads'; there are layers\.0, layers\.1"
        ),
    ):
        seen["heads"]


def test_one_of_several_layers_must_be_named() -> None:
    with (
        record(Stack()) as seen,
        pytest.raises(ValueError, match=r"name one of the attention layers: layers\.0, layers\.1"),
    ):
        seen.only()


def test_a_layer_on_its_own_is_called_by_its_class() -> None:
    with (
        record(MultiHeadAttention(WIDTH, 2)) as seen,
        pytest.raises(IndexError, match=r"^MultiHeadAttention was called 0 times"),
    ):
        seen.only().weights()


def test_call_that_was_not_made_is_refused() -> None:
    layer = MultiHeadAttention(WIDTH, 2)
    with record(layer) as seen:
        pass
    with pytest.raises(
        IndexError,
        match=r"was called 0 times; there is no call -1$",
    ):
        seen.only().weights()
    with pytest.raises(ValueError, match=r"was not called while it was recorded"):
        seen.only().alignment()
    with record(layer) as seen:
        layer(TEXT, TEXT, TEXT)
    for call in (1, -2):
        with pytest.raises(IndexError, match=f"was called 1 times; there is no call {call}"):
            seen.only().weights(call)


def test_calls_that_differ_have_no_alignment() -> None:
    model = Stepping()
    with record(model) as seen:
        model(QUERY, TEXT, MASK)
        model(QUERY[:2], TEXT[:2], MASK[:2])
    with pytest.raises(ValueError, match=r"attention differ in batch or keys .*one by one"):
        seen["attention"].alignment()


def test_what_was_changed_since_is_not_shown() -> None:
    layer, text = MultiHeadAttention(WIDTH, 2), TEXT.clone()
    with record(layer) as seen:
        layer(text, TEXT, TEXT)
        layer(TEXT, TEXT, TEXT)
    text.zero_()
    with pytest.raises(
        ValueError, match="asked has been changed in place since, so its weights are"
    ):
        seen.only().weights(0)
    assert seen.only().weights(1).shape == (3, 2, 5, 5)


@pytest.mark.parametrize("num_kv_heads", [4, 2])
def test_what_is_said_of_all_weights(num_kv_heads: int) -> None:
    layer = MultiHeadAttention(WIDTH, 4, num_kv_heads=num_kv_heads)
    with record(layer) as seen:
        layer(QUERY, TEXT, TEXT, mask=MASK)
    said, whole = seen.only(), layer.weights(QUERY, TEXT, TEXT, mask=MASK).detach()
    torch.testing.assert_close(said.column_sums(), whole.sum(-2), rtol=0, atol=1e-6)
    torch.testing.assert_close(said.entropy(), torch.special.entr(whole).sum(-1), rtol=0, atol=1e-6)
    torch.testing.assert_close(said.top(2)[0], whole.topk(2).values, rtol=0, atol=1e-6)


def test_gradients_reach_the_model_from_its_weights_when_asked() -> None:
    layer, text = MultiHeadAttention(WIDTH, 2), TEXT.clone().requires_grad_()
    with record(layer) as apart, record(layer, differentiable=True) as kept:
        layer(text, text, text)
    assert not apart.only().weights(rows=[1]).requires_grad
    kept.only().weights(rows=[1]).square().sum().backward()
    found = text.grad.clone(), layer.key.weight.grad.clone()
    text.grad, layer.key.weight.grad = None, None
    layer.weights(text, text, text)[..., 1, :].square().sum().backward()
    assert found[0].abs().max() > 0
    torch.testing.assert_close(found, (text.grad, layer.key.weight.grad), rtol=1e-5, atol=1e-6)
