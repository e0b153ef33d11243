"""Compiled as one graph, everything gives what it gives when it runs line by line."""

import pytest
import torch
from torch import Tensor

import regard
from regard import kernels
from regard.interfaces import BOS
from regard.kernels import fused
from tests.cases import BIASES, MASKS, WIDTH, BiasCase, LayerCase, MaskCase, over
from tests.compiler import has_compiler, needs_compiler
from tests.drawing import draws, sentences
from tests.layer_cases import LAYERS
from tests.model_cases import DECODERS, DecoderCase
from tests.questions import PAIRS, Pair, leaf, question

pytestmark = pytest.mark.compiled

STEPPING = ("gru", "lstm", *(f"transformer_{name}" for name in ("plain", "window", "shared_keys")))
"""The decoders whose step is compiled: those that differ in what a step does."""


@pytest.fixture(autouse=True)
def forget_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()
    if not has_compiler:
        monkeypatch.setattr(fused, "_not_compiled", {"cpu"})


@over(PAIRS)
def test_compiled_attention_is_eager_attention(case: Pair) -> None:
    mask = draws(3)(2, 3, 5) > -0.3
    mask[1, 0] = False  # nothing to attend to
    asked = question(case, dtype=torch.float32).having(
        mask=mask, bias=leaf(draws(4, torch.float32)(3, 5))
    )

    @torch.compile(fullgraph=True, backend="aot_eager")
    def compiled(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
        return regard.attention(
            query,
            key,
            value,
            score=asked.score,
            normalizer=asked.normalizer,
            mask=mask,
            bias=bias,
        )

    context = compiled(asked.query, asked.key, asked.value, asked.mask, asked.bias)
    wanted = asked.context()
    torch.testing.assert_close(context, wanted, rtol=1e-5, atol=1e-6)
    assert context[1, 0].tolist() == [0.0] * 6
    cotangent = draws(9, torch.float32)(*wanted.shape)
    gradients = asked.gradients_of(context, cotangent)
    torch.testing.assert_close(
        gradients, asked.gradients_of(wanted, cotangent), rtol=1e-4, atol=1e-5
    )
    assert all(grad is None or grad.isfinite().all() for grad in gradients.values())


@needs_compiler
@over([pair for pair in PAIRS if pair.id in ("dot-softmax", "additive-softmax")])
def test_compiled_with_a_compiler_attention_is_eager_attention(case: Pair) -> None:
    mask = draws(3)(2, 3, 5) > -0.3
    mask[1, 0] = False
    asked = question(case, dtype=torch.float32).having(mask=mask)
    compiled = torch.compile(regard.attention, fullgraph=True, backend="inductor")
    context = compiled(asked.query, asked.key, asked.value, **asked.options)
    wanted = asked.context()
    torch.testing.assert_close(context, wanted, rtol=1e-5, atol=1e-6)
    cotangent = draws(9, torch.float32)(*wanted.shape)
    torch.testing.assert_close(
        asked.gradients_of(context, cotangent),
        asked.gradients_of(wanted, cotangent),
        rtol=1e-4,
        atol=1e-5,
    )


@over([case for case in LAYERS if case.exportable])
def test_compiled_layer_is_the_eager_layer(case: LayerCase) -> None:
    layer = case.make()
    lengths = torch.tensor([5, 2, 0, 3])

    @torch.compile(fullgraph=True, backend="aot_eager")
    def compiled(sequence: Tensor, lengths: Tensor) -> Tensor:
        return case.read(layer, sequence, lengths)

    sequence = leaf(draws(dtype=torch.float32)(4, 5, WIDTH))
    result, wanted = compiled(sequence, lengths), case.read(layer, sequence, lengths)
    torch.testing.assert_close(result, wanted, rtol=1e-5, atol=1e-6)
    leaves = [sequence, *layer.parameters()]
    grads, wanted_grads = (
        torch.autograd.grad(tensor.square().sum(), leaves, allow_unused=True)
        for tensor in (result, wanted)
    )
    torch.testing.assert_close(grads, wanted_grads, rtol=1e-4, atol=1e-5)


def test_one_graph_serves_all_sizes() -> None:
    compiled = torch.compile(regard.attention, fullgraph=True, dynamic=True, backend="aot_eager")
    graphs_before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for batch, query_len, key_len in [(2, 3, 5), (3, 4, 6), (5, 2, 9)]:
        asked = question(PAIRS[0], (batch,), query_len=query_len, key_len=key_len)
        mask = draws(3)(batch, query_len, key_len) > -0.3
        context = compiled(asked.query, asked.key, asked.value, mask=mask)
        wanted = regard.attention(asked.query, asked.key, asked.value, mask=mask)
        torch.testing.assert_close(context, wanted, rtol=1e-9, atol=1e-9)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"] - graphs_before
    assert graphs == 1


@over(MASKS)
def test_compiled_mask_is_the_eager_mask(case: MaskCase) -> None:
    compiled = torch.compile(case.make, fullgraph=True, backend="eager")
    assert compiled(3, 5).tolist() == case.make(3, 5).tolist()


@over(BIASES)
def test_compiled_bias_is_the_eager_bias(case: BiasCase) -> None:
    if case.id == "relative_position":
        table, buckets = draws()(8, 2), regard.biases.relative_buckets(3, 5, num_buckets=8)
        compiled = torch.compile(regard.biases.relative_position, fullgraph=True, backend="eager")
        got, wanted = compiled(table, buckets), regard.biases.relative_position(table, buckets)
    else:
        got = torch.compile(case.make, fullgraph=True, backend="eager")(3, 5)
        wanted = case.make(3, 5)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@over([case for case in DECODERS if case.id in STEPPING])
def test_compiled_step_is_the_eager_step(case: DecoderCase) -> None:
    decoder = case.make().eval()
    compiled = torch.compile(decoder.step, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        state = wanted_state = decoder.start(sentences([4, 1, 0]))
        for order in ([0, 1, 2], [2, 0, 1], [0, 0, 1, 2, 2, 2], [5, 4, 3, 0]):
            rows = torch.tensor(order)
            state, wanted_state = (decoder.reorder(each, rows) for each in (state, wanted_state))
            log_probs, state = compiled(state, torch.full((len(rows),), BOS))
            wanted, wanted_state = decoder.step(wanted_state, torch.full((len(rows),), BOS))
            torch.testing.assert_close(log_probs, wanted, rtol=1e-5, atol=1e-6)
            alignment, looked = decoder.alignment(state), decoder.alignment(wanted_state)
            torch.testing.assert_close(alignment, looked, rtol=1e-5, atol=1e-6)


def test_forced_kernel_is_forced_in_compiled_code_too() -> None:
    compiled = torch.compile(regard.attention, fullgraph=True, backend="aot_eager")
    vectors = draws(dtype=torch.float32)(3, WIDTH)
    with kernels.only("inner_product"), pytest.raises(Exception, match="it refuses"):
        compiled(vectors, vectors, vectors, normalizer=regard.normalizers.sparsemax)
    with kernels.only("reference"):
        forced = compiled(vectors, vectors, vectors)
    torch.testing.assert_close(forced, compiled(vectors, vectors, vectors), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_layer_that_was_compiled_before_is_recorded() -> None:
    layer, sequence = regard.nn.MultiHeadAttention(8, 2), torch.randn(1, 3, 8)
    compiled = torch.compile(layer, backend="eager")
    compiled(sequence, sequence, sequence)
    with regard.record(layer) as seen:
        compiled(sequence, sequence, sequence)
    expected = layer.weights(sequence, sequence, sequence)
    torch.testing.assert_close(seen.only().weights(), expected, rtol=0, atol=0)
