"""Half precision and autocast: computed wide where it matters, whatever comes in and goes out."""

from collections.abc import Iterator

import pytest
import torch

import regard
from regard import kernels, record
from regard.functional.splitting import split
from regard.nn import AdditiveScore, Attention, DotScore, MultiHeadAttention
from tests.cases import SCORES, WIDTH, LayerCase, ScoreCase, over
from tests.drawing import draws, sentences
from tests.layer_cases import LAYERS
from tests.model_cases import DECODERS, DecoderCase
from tests.questions import PAIRS, leaf, question

KERNELS = pytest.mark.parametrize("kernel", ["inner_product", "reference"])
HALVES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)


@pytest.fixture
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16):
        yield


@KERNELS
@HALVES
def test_scores_are_not_rounded_before_they_are_normalized(kernel: str, dtype: torch.dtype) -> None:
    # Both scores are near 30, where bfloat16 knows steps of an eighth only.
    query = torch.tensor([[1.0, 0.0625]], dtype=dtype)
    key = torch.tensor([[30.0, 1.0], [30.0, 0.0]], dtype=dtype)
    with kernels.only(kernel):
        context = regard.attention(query, key, torch.eye(2, dtype=dtype), score=regard.scores.dot)
    wanted = torch.tensor([[0.0625, 0.0]], dtype=torch.float64).softmax(dim=-1)
    assert context.dtype == dtype
    torch.testing.assert_close(context.double(), wanted, rtol=0, atol=0.003)


@KERNELS
def test_scores_are_compared_in_single_precision_under_autocast(kernel: str) -> None:
    # Inputs that bfloat16 holds exactly, and scores that it does not.
    query = torch.tensor([[1.0, 0.0625]])
    key = torch.tensor([[30.0, 1.0], [30.0, 0.0]])
    wanted = torch.tensor([[0.0625, 0.0]]).softmax(dim=-1)
    with kernels.only(kernel), torch.autocast("cpu", torch.bfloat16):
        context = regard.attention(query, key, torch.eye(2), score=regard.scores.dot)
        weights = regard.attention_weights(query, key, score=regard.scores.dot)
    torch.testing.assert_close(context.float(), wanted, rtol=0, atol=0.003)
    torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-6)


@over([case for case in SCORES if case.comparison is not None])
@HALVES
def test_weights_are_rounded_once(case: ScoreCase, dtype: torch.dtype) -> None:
    pair = next(pair for pair in PAIRS if pair.score is case)
    asked = question(pair, dtype=dtype)
    parts = split(asked.score, asked.query, asked.key)
    assert parts is not None
    truth = parts.compare(parts.query.float(), parts.key.float()).softmax(dim=-1)
    weights = asked.weights()
    assert weights.dtype == dtype
    torch.testing.assert_close(
        weights.float(), truth, rtol=torch.finfo(dtype).eps, atol=torch.finfo(dtype).tiny
    )


@KERNELS
def test_scores_beyond_half_precision_are_no_infinities(kernel: str) -> None:
    query = torch.full((1, 4), 200.0, dtype=torch.float16)
    key = torch.stack([torch.full((4,), size) for size in (150.0, 149.0, -150.0)]).half()
    with kernels.only(kernel):
        context = regard.attention(
            query, key, torch.eye(3, dtype=torch.float16), score=regard.scores.dot
        )
    assert context.tolist() == [[1.0, 0.0, 0.0]]


@KERNELS
def test_bias_beyond_half_precision_is_no_infinity(kernel: str) -> None:
    vectors = torch.zeros(3, 2, dtype=torch.float16)
    bias = torch.tensor([0.0, -1e6, 0.0])
    with kernels.only(kernel):
        context = regard.attention(vectors, vectors, torch.eye(3).half(), bias=bias)
        nothing = regard.attention(vectors, vectors, torch.eye(3).half(), bias=0 * bias - 1e6)
    assert context.tolist() == [[0.5, 0.0, 0.5]] * 3
    torch.testing.assert_close(
        nothing, torch.full((3, 3), 1 / 3, dtype=torch.float16), rtol=0, atol=1e-3
    )


@HALVES
def test_far_positions_are_turned_exactly(dtype: torch.dtype) -> None:
    vectors, positions = draws(dtype=dtype)(3, 8), torch.tensor([0, 301, 100_003])
    turned = regard.rotary.rotary(vectors, positions)
    truth = regard.rotary.rotary(vectors.double(), positions)
    # float32 knows the angle of the last position to a hundredth.
    torch.testing.assert_close(
        turned.double(), truth, rtol=0, atol=0.01 + 4 * torch.finfo(dtype).eps
    )


LENGTHS = torch.tensor([5, 2, 0, 3])


@over(LAYERS)
def test_layer_under_autocast_is_close(case: LayerCase) -> None:
    layer, sequence = case.make(), leaf(draws(dtype=torch.float32)(4, 5, WIDTH))
    wanted = case.read(layer, sequence, LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        result = case.read(layer, sequence, LENGTHS)
    result.float().square().sum().backward()
    torch.testing.assert_close(result.float(), wanted, rtol=0, atol=0.05)
    gradients = [leaf.grad for leaf in (sequence, *layer.parameters()) if leaf.grad is not None]
    assert len(gradients) > int(case.learns)
    assert all(gradient.isfinite().all() for gradient in gradients)


@over(DECODERS)
def test_decoder_under_autocast_is_close(case: DecoderCase) -> None:
    decoder = case.make().eval()
    source, target = sentences([4, 1, 0, 3]), sentences([3, 3, 3, 3], seed=1)
    with torch.no_grad():
        wanted = decoder(source, target)
        with torch.autocast("cpu", torch.bfloat16):
            logits = decoder(source, target)
            log_probs, state = decoder.step(decoder.start(source), target.ids[:, 0])
            alignment = decoder.alignment(state)
    torch.testing.assert_close(logits.float(), wanted, rtol=0, atol=0.1)
    assert log_probs.dtype == alignment.dtype == torch.float32
    torch.testing.assert_close(log_probs, wanted[:, 0].log_softmax(dim=-1), rtol=0, atol=0.1)


@pytest.mark.usefixtures("autocast")
@pytest.mark.parametrize("score", [DotScore, lambda: AdditiveScore(WIDTH, WIDTH, 5)])
def test_memory_is_cast_once_under_autocast(score: type[DotScore]) -> None:
    layer = Attention(score())
    memory = layer.memory(draws(dtype=torch.float32)(2, 5, WIDTH), torch.zeros(2, 5, 3))
    assert memory.key.dtype == memory.value.dtype == torch.bfloat16
    assert layer(draws(dtype=torch.float32)(2, 1, WIDTH), memory).dtype == torch.bfloat16


@pytest.mark.usefixtures("autocast")
def test_double_precision_is_left_alone_by_autocast() -> None:
    layer = Attention(DotScore())
    vectors = draws()(2, 5, WIDTH)
    memory = layer.memory(vectors, vectors)
    assert memory.key.dtype == memory.value.dtype == torch.float64


def test_record_shows_what_autocast_computed() -> None:
    layer, text = MultiHeadAttention(WIDTH, 2), draws(dtype=torch.float32)(2, 5, WIDTH)
    with torch.autocast("cpu", torch.bfloat16), record(layer) as seen:
        layer(text, text, text)
        wanted = layer.weights(text, text, text)
    weights = seen.only().weights()
    assert weights.dtype == wanted.dtype
    torch.testing.assert_close(weights, wanted, rtol=0, atol=0)
    exact = layer.weights(text, text, text)
    torch.testing.assert_close(weights.float(), exact, rtol=0, atol=0.02)
