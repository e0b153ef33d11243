"""What every layer promises: sequences that know nothing of each other, of padding, of saving."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from regard import nn as layers
from regard import normalizers
from regard.interfaces import Attends, Memory, Normalizer
from tests.cases import WIDTH, LayerCase, over
from tests.drawing import draws
from tests.layer_cases import LAYERS, encoder_layer
from tests.questions import leaf

LENGTHS = torch.tensor([5, 2, 0, 3])


def read(case: LayerCase, layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return case.read(layer, sequence, lengths)


def gradients(layer: nn.Module, result: Tensor, sequence: Tensor) -> list[Tensor]:
    cotangent = draws(9)(*result.shape)
    leaves = [sequence, *layer.parameters()]
    grads = torch.autograd.grad(result, leaves, cotangent, allow_unused=True)
    return [torch.zeros(()) if grad is None else grad for grad in grads]


@over(LAYERS)
def test_padding_changes_nothing(case: LayerCase) -> None:
    layer = case.make().double()
    sequence = leaf(draws()(4, 5, WIDTH))
    longer = leaf(torch.cat([sequence, 1e3 * draws(1)(4, 3, WIDTH)], dim=1))
    short, long = read(case, layer, sequence, LENGTHS), read(case, layer, longer, LENGTHS)
    torch.testing.assert_close(long, short, rtol=1e-9, atol=1e-9)

    of_short, *parameters = gradients(layer, short, sequence)
    of_long, *parameters_with_padding = gradients(layer, long, longer)
    torch.testing.assert_close(of_long[:, :5], of_short, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(parameters_with_padding, parameters, rtol=1e-9, atol=1e-9)
    real = torch.arange(8) < LENGTHS.unsqueeze(-1)
    assert of_long[~real].abs().sum().item() == 0


@over(LAYERS)
def test_sequences_know_nothing_of_each_other(case: LayerCase) -> None:
    layer = case.make().double()
    sequence = draws()(4, 5, WIDTH)
    together = read(case, layer, sequence, LENGTHS)
    for index, length in enumerate(LENGTHS.tolist()):
        row = slice(index, index + 1)
        alone = read(case, layer, sequence[row, :length], LENGTHS[row])
        torch.testing.assert_close(together[row], alone, rtol=1e-9, atol=1e-9)


@over(LAYERS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_empty_sequence_gives_what_is_declared(case: LayerCase, training: bool) -> None:
    layer = case.make().double().train(training)
    sequence = leaf(draws()(4, 5, WIDTH))
    result = read(case, layer, sequence, LENGTHS)
    nothing = case.of_nothing(layer).double().expand_as(result[2])
    torch.testing.assert_close(result[2], nothing, rtol=0, atol=1e-12)
    of_sequence, *of_parameters = gradients(layer, result, sequence)
    assert of_sequence.isfinite().all()
    assert of_sequence[2].abs().sum().item() == 0
    assert all(gradient.isfinite().all() for gradient in of_parameters)


@over(LAYERS)
def test_no_sequences_and_no_positions(case: LayerCase) -> None:
    layer = case.make().double()
    none = read(case, layer, draws()(0, 5, WIDTH), torch.zeros(0, dtype=torch.long))
    assert none.shape[0] == 0
    empty = read(case, layer, draws()(2, 0, WIDTH), torch.zeros(2, dtype=torch.long))
    nothing = case.of_nothing(layer).double().expand_as(empty)
    torch.testing.assert_close(empty, nothing, rtol=0, atol=1e-12)
    assert none.shape[1:] == empty.shape[1:]


@over(LAYERS)
def test_same_input_same_result(case: LayerCase) -> None:
    layer, sequence = case.make(), draws(dtype=torch.float32)(4, 5, WIDTH)
    first, second = (read(case, layer, sequence, LENGTHS) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@over([case for case in LAYERS if case.learns])
def test_layer_survives_saving(case: LayerCase) -> None:
    saved, fresh = case.make(), case.make()
    sequence = draws(dtype=torch.float32)(4, 5, WIDTH)
    wanted = read(case, saved, sequence, LENGTHS)
    assert not torch.allclose(read(case, fresh, sequence, LENGTHS), wanted, atol=1e-6)
    fresh.load_state_dict(saved.state_dict())
    torch.testing.assert_close(read(case, fresh, sequence, LENGTHS), wanted, rtol=0, atol=0)


@over([case for case in LAYERS if case.exportable])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept_and_low_precision_is_close(case: LayerCase, dtype: torch.dtype) -> None:
    layer, sequence = case.make().to(dtype), draws(dtype=dtype)(4, 5, WIDTH)
    result = read(case, layer, sequence, LENGTHS)
    assert result.dtype == dtype
    truth = read(case, layer.double(), sequence.double(), LENGTHS)
    torch.testing.assert_close(result.double(), truth, rtol=0, atol=16 * torch.finfo(dtype).eps)


@over(LAYERS)
def test_gradients_are_exact(case: LayerCase) -> None:
    layer = case.make().double()
    sequence = leaf(draws()(4, 5, WIDTH))
    assert torch.autograd.gradcheck(
        lambda sequence: read(case, layer, sequence, LENGTHS), [sequence], fast_mode=True
    )


DROPPING = {
    "Attention": partial(layers.Attention, layers.DotScore(), dropout=0.5),
    "MultiHeadAttention": partial(layers.MultiHeadAttention, WIDTH, 2, dropout=0.5),
    "AttentionPooling": partial(layers.AttentionPooling, WIDTH, 3, dropout=0.5),
    "MultiHeadAttentionPooling": partial(layers.MultiHeadAttentionPooling, WIDTH, 2, dropout=0.5),
    "QueryPooling": partial(layers.QueryPooling, WIDTH, WIDTH, dropout=0.5),
    "EncoderLayer": partial(encoder_layer, dropout=0.5),
    "BranchedAttention": partial(
        layers.BranchedAttention, WIDTH, 2, feedforward_dim=8, feedforward_dropout=0.5
    ),
    "LastStateAttention": partial(layers.LastStateAttention, WIDTH, 3, dropout=0.5),
}


@over([case for case in LAYERS if case.id in DROPPING])
def test_weights_are_dropped_in_training_only(case: LayerCase) -> None:
    layer, sequence = DROPPING[case.id](), draws(dtype=torch.float32)(4, 5, WIDTH)
    layer.train()
    first, second = (read(case, layer, sequence, LENGTHS) for _ in range(2))
    assert not torch.allclose(first, second, atol=1e-6)
    assert first.isfinite().all()
    layer.eval()
    first, second = (read(case, layer, sequence, LENGTHS) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_dropout_keeps_the_expected_context() -> None:
    layer = layers.Attention(layers.DotScore(), dropout=0.5)
    key = draws(dtype=torch.float32)(1, 5, WIDTH)
    memory = layer.memory(key, torch.ones(1, 5, 1))
    query = draws(1, torch.float32)(1, 2000, WIDTH)
    assert layer(query, memory).mean().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("normalizer", [normalizers.softmax, normalizers.sparsemax])
def test_weights_are_those_of_the_context(normalizer: Normalizer) -> None:
    layer = layers.Attention(layers.AdditiveScore(3, WIDTH, 5), normalizer, dropout=0.9).double()
    key, query, bias = draws()(2, 5, WIDTH), draws(1)(2, 3, 3), draws(2)(2, 3, 5)
    mask = draws(3)(2, 3, 5) > -0.3
    memory = layer.memory(key, torch.eye(5).double().expand(2, 5, 5), mask)
    weights = layer.weights(query, memory, bias)
    torch.testing.assert_close(weights, layer.eval()(query, memory, bias), rtol=1e-9, atol=1e-12)


def test_heads_of_weights_are_those_of_the_context() -> None:
    layer = layers.MultiHeadAttention(WIDTH, 2, num_kv_heads=1).double()
    query, key, bias = draws()(2, 3, WIDTH), draws(1)(2, 5, WIDTH), draws(2)(2, 3, 5)
    mask = draws(3)(2, 3, 5) > -0.3
    weights = layer.weights(query, key, key, mask=mask, bias=bias)
    assert weights.shape == (2, 2, 3, 5)
    heads = weights @ layer.value(key).unsqueeze(1)
    context = layer.output(torch.cat(heads.unbind(1), dim=-1))
    torch.testing.assert_close(
        layer(query, key, key, mask=mask, bias=bias), context, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("mask", [torch.ones(3, 5), torch.ones(5), torch.ones(1, 5)], ids=len)
def test_heads_take_masks_without_a_batch(mask: Tensor) -> None:
    layer = layers.MultiHeadAttention(WIDTH, 2).double()
    query, key = draws()(2, 3, WIDTH), draws(1)(2, 5, WIDTH)
    allowed = mask > 0
    torch.testing.assert_close(
        layer(query, key, key, mask=allowed), layer(query, key, key), rtol=1e-12, atol=1e-12
    )
    one = layer(query[0], key[0], key[0], mask=allowed)
    torch.testing.assert_close(one, layer(query, key, key)[0], rtol=1e-9, atol=1e-12)


POOLINGS = [case for case in LAYERS if isinstance(case.make(), layers.Pooling)]


@over(POOLINGS)
def test_pooling_shows_where_it_looks(case: LayerCase) -> None:
    layer, sequence = case.make(), draws(dtype=torch.float32)(4, 5, WIDTH)
    weights = layer.weights(sequence, LENGTHS)
    assert weights.shape == (4, 1, 5)
    sums = weights.sum(dim=-1).squeeze(-1)
    torch.testing.assert_close(sums, (LENGTHS > 0).float(), rtol=0, atol=1e-6)
    assert weights[1, 0, 2:].abs().sum().item() == 0
    assert layer.weights(sequence[:, :0], 0 * LENGTHS).shape == (4, 1, 0)


@over(POOLINGS)
def test_pooling_without_lengths_reads_everything(case: LayerCase) -> None:
    layer, sequence = case.make(), draws(dtype=torch.float32)(2, 5, WIDTH)
    whole = torch.tensor([5, 5])
    torch.testing.assert_close(layer(sequence), layer(sequence, whole), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        layer.weights(sequence), layer.weights(sequence, whole), rtol=0, atol=1e-6
    )


@over(POOLINGS)
def test_pooling_announces_its_widths(case: LayerCase) -> None:
    layer = case.make()
    assert layer.input_dim == WIDTH
    assert layer(torch.zeros(2, 5, WIDTH)).shape == (2, layer.output_dim)


def test_query_from_elsewhere_is_asked_for_each_sequence() -> None:
    layer = layers.QueryPooling(WIDTH, 3).double()
    sequence, query = draws()(4, 5, WIDTH), draws(1)(4, 3)
    weights = layer.weights(sequence, query, LENGTHS)
    torch.testing.assert_close(
        (weights @ sequence).squeeze(1), layer(sequence, query, LENGTHS), rtol=1e-9, atol=1e-12
    )
    assert not torch.allclose(weights, layer.weights(sequence, 2 * query, LENGTHS), atol=1e-3)


def test_pooling_says_what_it_lacks() -> None:
    with pytest.raises(TypeError, match="no forward"):
        layers.Pooling(3, 3)(torch.zeros(1, 2, 3))
    with pytest.raises(TypeError, match="no weights"):
        layers.Pooling(3, 3).weights(torch.zeros(1, 2, 3))
    with pytest.raises(ValueError, match="num_heads must divide input_dim; got 3 and 4"):
        layers.MultiHeadAttentionPooling(4, 3)


def test_memory_is_projected_once_and_read_many_times() -> None:
    layer = layers.Attention(layers.AdditiveScore(3, WIDTH, 7))
    calls: list[int] = []
    layer.score.key.register_forward_hook(lambda *_: calls.append(1))
    key = draws(dtype=torch.float32)(2, 5, WIDTH)
    memory = layer.memory(key, key)
    for seed in range(3):
        layer(draws(seed, torch.float32)(2, 1, 3), memory)
    assert isinstance(memory, Memory)
    assert memory.key.shape == (2, 5, 7)
    assert len(calls) == 1


def test_learnt_alpha_is_one_for_each_head() -> None:
    layer = layers.MultiHeadAttention(8, 4, normalizer=layers.Entmax(4, alpha=1.5))
    text = draws(dtype=torch.float32)(2, 6, 8)
    layer(text, text, text).square().sum().backward()
    logit = layer.normalizer.logit
    assert logit.grad is not None
    assert (logit.grad != 0).all()
    with torch.no_grad():
        logit.copy_(torch.tensor([-9.0, 9.0, 9.0, -9.0]).view(4, 1, 1))
    weights = layer.weights(10 * text, 10 * text, text)
    zeros = (weights == 0).float().mean(dim=(0, 2, 3))
    assert zeros[0].item() < zeros[1].item()
    assert zeros[3].item() < zeros[2].item()


def test_alphas_are_of_heads_and_not_of_the_batch() -> None:
    layer = layers.MultiHeadAttention(8, 4, normalizer=layers.Entmax(8))
    with pytest.raises(ValueError, match="an alpha for each of 8 heads"):
        layer(*[torch.zeros(2, 6, 8)] * 3)


def test_learnt_alpha_of_heads_that_share_keys() -> None:
    layer = layers.MultiHeadAttention(8, 4, num_kv_heads=2, normalizer=layers.Entmax(4)).double()
    with torch.no_grad():
        layer.normalizer.logit += 2 * draws(1)(4, 1, 1)
    text = draws()(2, 6, 8)
    value = layer.value(text).unflatten(-1, (2, 2)).transpose(1, 2).repeat_interleave(2, dim=1)
    read = layer.weights(text, text, text) @ value
    wanted = layer.output(read.transpose(1, 2).flatten(-2))
    torch.testing.assert_close(layer(text, text, text), wanted, rtol=1e-10, atol=1e-10)


def test_layers_that_attend_can_be_looked_into() -> None:
    attending = {case.id: isinstance(case.make(), Attends) for case in LAYERS}
    assert attending == {case.id: case.attends for case in LAYERS}
