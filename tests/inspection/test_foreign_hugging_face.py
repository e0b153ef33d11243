"""Models of Hugging Face are recorded as they are: nothing is switched, nothing changes."""

import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface
from transformers.models.llama import modeling_llama

from regard import record
from regard.inspection.record import Record
from tests.inspection.foreign_models import EAGER, PADDED, SDPA, bert, llama, mistral, t5, texts

ALL = {**SDPA, **EAGER}


def said_by(model: Any) -> list[Tensor]:
    """Return the weights that eager attention gives out, as the record orders them."""
    was = model.config._attn_implementation
    model.set_attn_implementation("eager")
    with torch.no_grad():
        out = model(**texts(model), output_attentions=True)
    model.set_attn_implementation(was)
    if not model.config.is_encoder_decoder:
        return list(out.attentions)
    pairs = zip(out.decoder_attentions, out.cross_attentions, strict=True)
    return [*out.encoder_attentions, *(weights for pair in pairs for weights in pair)]


def output(model: Any, **changes: Any) -> Tensor:
    torch.manual_seed(0)
    return model(**{**texts(model), **changes})[0]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


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


@pytest.mark.parametrize("name", ALL)
def test_weights_are_those_that_eager_attention_gives_out(name: str) -> None:
    model = ALL[name]()
    assert (model.config._attn_implementation == "sdpa") == (name in SDPA)
    with record(model) as seen:
        output(model)
    wanted = said_by(model)
    assert len(wanted) == len(seen.layers)
    for layer, expected in zip(seen.layers, wanted, strict=True):
        torch.testing.assert_close(seen[layer].weights(), expected, rtol=0, atol=1e-5)
    # Else it would be no test: weights that are all alike are right for any mask but one.
    assert max(expected.max() for expected in wanted) > 0.7


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("autocast", [False, True])
def test_outputs_are_the_same_to_the_last_bit(name: str, training: bool, autocast: bool) -> None:
    model = ALL[name]().train(training)
    config = model.config.to_dict()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        plain = output(model)
        with record(model) as seen:
            recorded = output(model)
    torch.testing.assert_close(recorded, plain, rtol=0, atol=0)
    assert all(len(seen[layer]) == 1 for layer in seen.layers)
    assert model.config.to_dict() == config


def test_gradients_are_the_same_to_the_last_bit() -> None:
    model = llama().train()
    output(model).square().sum().backward()
    plain = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    with record(model):
        output(model).square().sum().backward()
    torch.testing.assert_close(
        [parameter.grad for parameter in model.parameters()], plain, rtol=0, atol=0
    )


def test_model_keeps_its_fused_attention(sdpa_calls: list[int]) -> None:
    model = bert()
    with record(model) as seen:
        output(model)
    assert len(sdpa_calls) == 2
    seen[seen.layers[0]].weights()
    assert len(sdpa_calls) == 2


def test_layers_have_the_names_of_their_modules() -> None:
    model = t5()
    with record(model, "*.EncDecAttention") as seen:
        output(model)
    assert seen.layers == [f"decoder.block.{number}.layer.1.EncDecAttention" for number in (0, 1)]
    assert seen[seen.layers[0]].weights().shape == (2, 4, 5, 7)


def test_padding_has_no_weight() -> None:
    model = bert()
    with record(model) as seen:
        output(model)
    weights = seen[seen.layers[0]].weights()
    assert weights[1, ..., -PADDED:].abs().sum() == 0
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 7), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["llama", "t5", "gemma2"])
def test_parts_are_parts_of_the_whole(name: str) -> None:
    model = ALL[name]()
    with record(model) as seen:
        output(model)
    layer = seen[seen.layers[0]]
    whole = layer.weights()
    part = layer.weights(rows=[3, -1], heads=[2, 0])
    torch.testing.assert_close(part, whole[:, [2, 0]][:, :, [3, -1]], rtol=0, atol=1e-6)
    torch.testing.assert_close(layer.column_sums(), whole.sum(-2), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        layer.entropy(), torch.special.entr(whole).sum(-1), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5", "bart"])
def test_what_is_written_with_a_cache_is_one_alignment(name: str) -> None:
    model = SDPA[name]()
    ids = texts(model)["input_ids"][:1]
    options = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}
    plain = model.generate(ids, **options)
    with record(model) as seen:
        written = model.generate(ids, **options)
    assert torch.equal(written, plain)
    whole = {"decoder_input_ids": written[:, :-1]} if name in ("t5", "bart") else {}
    with record(model) as at_once, torch.no_grad():
        model(ids if whole else written[:, :-1], **whole)
    for layer in seen.layers:
        stepwise = seen[layer].alignment()
        torch.testing.assert_close(stepwise, at_once[layer].weights(), rtol=0, atol=1e-5)
    assert {len(seen[layer]) for layer in seen.layers} == ({1, 5} if whole else {5})


def test_keys_that_a_window_has_dropped_have_no_alignment() -> None:
    model = mistral()
    ids = texts(model)["input_ids"][:1, :2]
    with record(model) as seen:
        model.generate(ids, max_new_tokens=4, min_new_tokens=4, do_sample=False)
    layer = seen[seen.layers[0]]
    assert [layer.weights(call).shape[-1] for call in range(4)] == [2, 3, 3, 3]
    with pytest.raises(ValueError, match=r"differ in batch or keys .* one by one"):
        layer.alignment()


def test_a_cache_that_is_written_in_place_loses_the_earlier_steps() -> None:
    model = llama()
    ids = texts(model)["input_ids"][:1]
    static = {"cache_implementation": "static", "do_sample": False}
    with record(model) as seen:
        model.generate(ids, max_new_tokens=3, min_new_tokens=3, **static)
    layer = seen[seen.layers[0]]
    assert layer.weights(2).shape[-2] == 1
    with pytest.raises(ValueError, match="changed in place since"):
        layer.weights(0)


def test_only_the_recorded_model_is_heard() -> None:
    model, other = bert(), bert()
    with record(model) as seen, record(model.encoder.layer[0]) as of_layer:
        output(other)
        output(model)
    assert [len(seen[layer]) for layer in seen.layers] == [1, 1]
    assert of_layer.layers == ["attention.self"]
    assert len(of_layer.only()) == 1
    torch.testing.assert_close(
        of_layer.only().weights(), seen[seen.layers[0]].weights(), rtol=0, atol=0
    )


def test_everything_is_as_it_was_whatever_happens() -> None:
    model = bert()
    interface = modeling_llama.ALL_ATTENTION_FUNCTIONS
    before = dict(vars(interface)), [dict(vars(module)) for module in model.modules()]
    with pytest.raises(RuntimeError, match="stop"), record(model), record(model):
        raise RuntimeError("stop")
    first, second = ExitStack(), ExitStack()
    first.enter_context(record(model))
    inner = second.enter_context(record(model))
    first.close()  # before what has begun after it
    output(model)
    second.close()
    assert len(inner[inner.layers[0]]) == 1
    assert (dict(vars(interface)), [dict(vars(module)) for module in model.modules()]) == before
    assert "get_interface" not in vars(interface)


def test_eager_attention_is_seen_without_its_dropout() -> None:
    model = bert(
        attn_implementation="eager", attention_probs_dropout_prob=0.5, hidden_dropout_prob=0.0
    )
    with record(model) as seen:
        output(model.train())
    weights = seen[seen.layers[0]].weights()
    torch.testing.assert_close(weights, said_by(model.eval())[0], rtol=0, atol=1e-6)


def test_weights_of_autocast_are_those_of_its_numbers() -> None:
    model = llama()
    with torch.autocast("cpu", torch.bfloat16), record(model) as seen:
        output(model)
    weights = seen[seen.layers[0]].weights()
    assert weights.dtype == torch.bfloat16
    torch.testing.assert_close(weights.float(), said_by(model)[0], rtol=0, atol=2e-2)


def test_gradients_reach_the_model_from_its_weights_when_asked() -> None:
    model = bert()
    with record(model, differentiable=True) as seen:
        output(model)
    seen[seen.layers[1]].weights(rows=[0]).square().sum().backward()
    assert model.embeddings.word_embeddings.weight.grad.abs().max() > 0


def of_my_own(*given: Any, **_: Any) -> Any:
    """Attend in a way that nobody knows."""
    return given[3].transpose(1, 2), None


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(AttentionInterface._global_mapping, "of_my_own", of_my_own)
    return "of_my_own"


def test_unknown_attention_is_refused(registered: str) -> None:
    model = bert()
    said = r"attends by of_my_own; weights are known of sdpa and eager: .*set_attn_implementation"
    with record(model) as seen:
        model.set_attn_implementation(registered)
        output(model)
    with pytest.raises(ValueError, match=said):
        seen[seen.layers[0]].weights()
    with pytest.raises(ValueError, match=f"BertSelfAttention {said}"), record(model):
        pass


def attend(layer: Any, *given: Any, **options: Any) -> Tensor:
    """Attend as a layer does by sdpa, from projected vectors on."""
    interface = modeling_llama.ALL_ATTENTION_FUNCTIONS
    sdpa = interface.get_interface("sdpa", modeling_llama.eager_attention_forward)
    return sdpa(layer, *given, **options)[0].transpose(1, 2)


def vectors(num_queries: int, num_keys: int, kv_heads: int) -> tuple[Tensor, ...]:
    """Draw projected queries, keys and values of one text."""
    return (
        torch.randn(1, 4, num_queries, 8),
        torch.randn(1, kv_heads, num_keys, 8),
        torch.randn(1, kv_heads, num_keys, 8),
    )


def test_attention_over_pages_is_refused() -> None:
    layer = llama().model.layers[0].self_attn
    with record(layer) as seen:
        attend(layer, *vectors(3, 3, 2), None, cache=object())
    with pytest.raises(ValueError, match="weights are known of sdpa and eager"):
        seen.only().weights()


def test_queries_fewer_than_keys_begin_at_the_first() -> None:
    """As sdpa's causal form has it, where a cache has room for keys that are to come."""
    layer, given = llama().model.layers[0].self_attn, vectors(3, 5, 2)
    with record(layer) as seen:
        context = attend(layer, *given, None)
    weights = seen.only().weights()
    assert weights[..., 0, 1:].abs().sum() == 0
    of_heads = given[2].repeat_interleave(2, dim=1)
    torch.testing.assert_close(weights @ of_heads, context, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["none", "boolean", "float"])
def test_what_reads_values_by_the_weights_has_read_what_the_model_has(kind: str) -> None:
    layer, given = t5().decoder.block[0].layer[0].SelfAttention, vectors(5, 5, 4)
    bias = torch.randn(1, 4, 5, 5)
    allowed = torch.rand(1, 1, 5, 5) > 0.4
    allowed[..., 2, :] = False  # sdpa then attends everything alike, as nothing is infinite
    mask = {"none": None, "boolean": allowed, "float": torch.randn(1, 1, 5, 5)}[kind]
    with record(layer) as seen:
        context = attend(layer, *given, mask, scaling=0.7, position_bias=bias)
    weights = seen.only().weights()
    torch.testing.assert_close(weights @ given[2], context, rtol=0, atol=1e-5)


def test_autocast_rounds_what_is_added_to_the_scores() -> None:
    layer, given = t5().encoder.block[0].layer[0].SelfAttention, vectors(5, 5, 4)
    bias = 30 * torch.randn(1, 4, 5, 5)
    with torch.autocast("cpu", torch.bfloat16), record(layer) as seen:
        attend(layer, *given, None, scaling=1.0, position_bias=bias)
    query, key = (each.bfloat16().float() for each in given[:2])
    wanted = (query @ key.mT + bias.bfloat16().float()).softmax(-1)
    torch.testing.assert_close(seen.only().weights().float(), wanted, rtol=0, atol=2e-3)


def test_float_masks_block_where_they_are_infinite() -> None:
    layer = bert().encoder.layer[0].attention.self
    text = torch.randn(1, 5, 32)
    mask = torch.randn(1, 1, 5, 5)
    mask[..., 2, :] = mask[..., 1:, 0] = -torch.inf
    with record(layer) as seen:
        layer(text, attention_mask=mask)
    weights = seen.only().weights()
    query, key = (
        part(text).unflatten(-1, (4, 8)).transpose(1, 2) for part in (layer.query, layer.key)
    )
    wanted = (query @ key.mT / 8**0.5 + mask).softmax(-1).nan_to_num()
    torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-6)
    assert weights[..., 2, :].abs().sum() == 0


def test_memory_is_that_of_projected_queries_and_keys() -> None:
    model = llama()
    ids = texts(model)["input_ids"]
    with record(model) as seen, torch.no_grad():
        model(ids, use_cache=False)
    of_layer = 2 * 7 * (4 + 2) * 8 * 4
    assert seen.num_bytes == 2 * of_layer


def test_transformers_is_not_imported_for_other_models() -> None:
    program = (
        "import sys, torch; from torch import nn; from regard import record\n"
        "layer, text = nn.MultiheadAttention(4, 2), torch.zeros(3, 1, 4)\n"
        "with record(layer) as seen: layer(text, text, text)\n"
        "assert seen.only().weights().shape == (1, 2, 3, 3)\n"
        "print('transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_record_of_one_model_is_a_record(registered: str) -> None:
    """Layers that are not chosen may attend as they like."""
    model = bert()
    model.encoder.layer[1].attention.self.config = type(model.config)(attn_implementation="eager")
    model.encoder.layer[1].attention.self.config._attn_implementation_internal = registered
    with record(model, "encoder.layer.0.*") as seen:
        output(model)
    assert isinstance(seen, Record)
    assert seen.only().weights().shape == (2, 4, 7, 7)
