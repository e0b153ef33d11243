"""PyTorch's attention is recorded inside its Transformer layers, which keep their fast path."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard import record
from tests.drawing import draws

BATCH, LENGTH, WIDTH, HEADS = 3, 5, 8, 2
LENGTHS = torch.tensor([5, 3, 1])
PADDING = torch.arange(LENGTH) >= LENGTHS.unsqueeze(-1)  # True = blocked, as PyTorch has it
CAUSAL = nn.Transformer.generate_square_subsequent_mask(LENGTH)

pytestmark = [
    # What PyTorch says of the layers that have no fast path, and of tensors that are nested.
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors"),
]

draw = draws(dtype=torch.float32)


@pytest.fixture
def fast_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count how often PyTorch's fast paths run."""
    calls: list[str] = []
    for name in ("_transformer_encoder_layer_fwd", "_native_multi_head_attention"):
        fast = getattr(torch, name)

        def counted(*given: Any, fast: Any = fast, name: str = name) -> Any:
            calls.append(name)
            return fast(*given)

        monkeypatch.setattr(torch, name, counted)
    return calls


def encoder(**options: Any) -> nn.TransformerEncoder:
    chosen = {"batch_first": True, "dropout": 0.3, **options}
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 12, **chosen)
    nested = chosen["batch_first"] and not chosen.get("norm_first", False)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=nested)
    for number, parameter in enumerate(model.parameters()):
        nn.init.normal_(parameter, std=0.7, generator=torch.Generator().manual_seed(number))
    return model.eval()


def said_by(model: nn.TransformerEncoder, text: Tensor, **masks: Any) -> list[Tensor]:
    """Return the weights that each layer's attention gives out when it is asked."""
    found = []
    for layer in model.layers:
        vectors = layer.norm1(text) if layer.norm_first else text
        given = {"attn_mask": masks.get("mask"), "key_padding_mask": masks.get("padding")}
        attend = layer.self_attn
        weights = attend(vectors, vectors, vectors, average_attn_weights=False, **given)[1]
        found.append(weights.detach())
        text = layer(text, masks.get("mask"), masks.get("padding"))
    return found


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("mask", [None, CAUSAL, CAUSAL.isinf()])
@pytest.mark.parametrize("learning", [False, True])
def test_encoder_layers_are_recorded_in_their_fast_path_and_beside_it(
    norm_first: bool, mask: Tensor | None, learning: bool, fast_calls: list[str]
) -> None:
    model, text = encoder(norm_first=norm_first), draw(BATCH, LENGTH, WIDTH)
    with torch.set_grad_enabled(learning):
        plain = model(text, mask)
        num_fast = len(fast_calls)
        assert num_fast == (0 if learning else 2)
        with record(model) as seen:
            recorded = model(text, mask)
    assert len(fast_calls) == 2 * num_fast
    torch.testing.assert_close(recorded, plain, rtol=0, atol=0)
    assert seen.layers == ["layers.0.self_attn", "layers.1.self_attn"]
    with torch.no_grad():
        wanted = said_by(model, text, mask=mask)
    for name, expected in zip(seen.layers, wanted, strict=True):
        assert len(seen[name]) == 1
        torch.testing.assert_close(seen[name].weights(), expected, rtol=1e-4, atol=1e-5)


def test_padding_that_is_cut_off_has_no_weights(fast_calls: list[str]) -> None:
    model, text = encoder(), draw(BATCH, LENGTH, WIDTH)
    with torch.no_grad():
        plain = model(text, src_key_padding_mask=PADDING)
        with record(model) as seen:
            recorded = model(text, src_key_padding_mask=PADDING)
        wanted = said_by(model, text, padding=PADDING)
    assert fast_calls[:4] == 4 * ["_transformer_encoder_layer_fwd"]
    torch.testing.assert_close(recorded, plain, rtol=0, atol=0)
    for name, expected in zip(seen.layers, wanted, strict=True):
        weights = seen[name].weights()
        for row, length in enumerate(LENGTHS.tolist()):
            real = weights[row, :, :length, :length]
            torch.testing.assert_close(
                real, expected[row, :, :length, :length], rtol=1e-4, atol=1e-5
            )
            torch.testing.assert_close(
                weights[row].sum(), torch.tensor(float(HEADS * length)), rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_outputs_are_the_same_to_the_last_bit(
    training: bool, autocast: bool, batch_first: bool
) -> None:
    model = nn.Transformer(WIDTH, HEADS, 2, 2, 12, batch_first=batch_first).train(training)
    source, target = draw(LENGTH, LENGTH, WIDTH), draw(LENGTH, LENGTH, WIDTH)

    def run() -> list[Tensor]:
        torch.manual_seed(0)
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = model(source, target, tgt_mask=CAUSAL, tgt_is_causal=True)
        output.float().square().sum().backward()
        return [output.detach(), *(parameter.grad for parameter in model.parameters())]

    plain = run()
    with record(model) as seen:
        recorded = run()
    torch.testing.assert_close(recorded, plain, rtol=0, atol=0)
    assert seen.layers[-2:] == [
        "decoder.layers.1.self_attn",
        "decoder.layers.1.multihead_attn",
    ]
    weights = seen["decoder.layers.0.self_attn"].weights()
    assert weights.triu(1).abs().sum() == 0
    sums = torch.ones(LENGTH, HEADS, LENGTH)
    torch.testing.assert_close(weights.float().sum(-1), sums, rtol=0, atol=2e-2)


def test_the_fast_path_is_heard_after_a_call_of_the_attention_alone() -> None:
    model, text = encoder(), draw(BATCH, LENGTH, WIDTH)
    attention = model.layers[0].self_attn
    with torch.no_grad(), record(model, "layers.0.*") as seen:
        attention(text, text, text, need_weights=False)
        model(text)
    assert len(seen.only()) == 2
    torch.testing.assert_close(seen.only().weights(0), seen.only().weights(1), rtol=1e-5, atol=1e-6)


def test_nobody_listens_to_a_copy() -> None:
    layer, text = encoder(), draw(BATCH, LENGTH, WIDTH)
    with record(layer) as seen:
        copied = deepcopy(layer)
        for parameter in copied.parameters():
            parameter.data.zero_()
        assert copied(text).abs().sum() == 0
    assert [len(seen[name]) for name in seen.layers] == [0, 0]


def test_weights_follow_the_parameters_of_the_moment() -> None:
    model, text = encoder(norm_first=True), draw(BATCH, LENGTH, WIDTH)
    with torch.no_grad(), record(model) as seen:
        model(text)
        model.layers[0].norm1.weight.zero_()
    torch.testing.assert_close(
        seen["layers.0.self_attn"].weights(),
        torch.full((BATCH, HEADS, LENGTH, LENGTH), 1 / LENGTH),
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled_layers_are_recorded() -> None:
    torch.compiler.reset()
    model, text = encoder(), draw(BATCH, LENGTH, WIDTH)
    compiled = torch.compile(model, backend="eager")
    compiled(text)
    with record(model) as seen:
        compiled(text)
    compiled(text)
    assert [len(seen[name]) for name in seen.layers] == [1, 1]
    wanted = said_by(model, text)[0]
    torch.testing.assert_close(seen["layers.0.self_attn"].weights(), wanted, rtol=1e-4, atol=1e-5)
