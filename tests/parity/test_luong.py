"""Luong's decoder, and predictions that are weighed: their equations, written out step by step."""

from typing import Any

import pytest
import torch
from torch import Tensor

from regard import nn as layers
from regard.interfaces import Tokens
from regard.models import RecurrentTranslator
from regard.nn.decoders import RecurrentSteps
from tests.drawing import VOCAB, draws, sentences
from tests.model_cases import translator

SOURCE, TARGET = sentences([5, 2, 4]), sentences([3, 4, 1], seed=1)


def luong(attention: Any, **options: Any) -> Any:
    torch.manual_seed(3)
    return translator(attention, decoder=layers.LuongDecoder, **options).double().eval()


def read(model: Any, source: Tensor) -> tuple[Tensor, Tensor]:
    """Return the encoder's states of one sentence, and the decoder's first state."""
    embedded = model.source_embedding(source).unsqueeze(0)
    states, final = model.encoder(embedded, torch.tensor([len(source)]))
    return states[0], torch.tanh(model.decoder.initial(final[0]))


def gru(steps: RecurrentSteps, word: Tensor, fed: Tensor, state: Tensor) -> Tensor:
    """Take a step of PyTorch's own GRU with the same weights."""
    cell = torch.nn.GRUCell(5 + len(fed), 6).double()
    parts = steps.gates_of_embedding, steps.gates_of_other, steps.gates_of_state[0]
    cell.weight_ih.data = torch.cat([parts[0].weight, parts[1].weight], dim=1)
    cell.bias_ih.data, cell.bias_hh.data = parts[0].bias.data, parts[2].bias.data
    cell.weight_hh.data = parts[2].weight.data
    stepped: Tensor = cell(torch.cat([word, fed]).unsqueeze(0), state.unsqueeze(0))[0]
    return stepped


def attentional(model: Any, context: Tensor, state: Tensor) -> Tensor:
    mixed: Tensor = model.decoder.readout.hidden.weight @ torch.cat([context, state])
    return torch.tanh(mixed)


def test_logits_are_those_of_the_equations() -> None:
    model = luong(layers.Attention(layers.BilinearScore(6, 12)))
    logits = model(SOURCE, TARGET)
    for row, (source_len, target_len) in enumerate(
        zip(SOURCE.lengths, TARGET.lengths, strict=True)
    ):
        states, state = read(model, SOURCE.ids[row, :source_len])
        fed = torch.zeros(6, dtype=torch.float64)
        for position in range(target_len):
            word = model.target_embedding(TARGET.ids[row, position])
            state = gru(model.decoder.steps, word, fed, state)
            weights = (state @ model.decoder.attention.score.weight @ states.T).softmax(dim=0)
            fed = attentional(model, weights @ states, state)
            wanted = model.output(fed)
            torch.testing.assert_close(logits[row, position], wanted, rtol=1e-9, atol=1e-10)


def test_predictions_of_alternatives_are_weighed() -> None:
    """With more alternatives than words, the sum over all words of the source."""
    model = luong(layers.MarginalAttention(layers.BilinearScore(6, 12), num_alternatives=9))
    log_probs = model(SOURCE, TARGET)
    torch.testing.assert_close(
        log_probs.exp().sum(-1), torch.ones(3, 4, dtype=torch.float64), rtol=0, atol=1e-6
    )
    states, state = read(model, SOURCE.ids[0, :5])
    fed = torch.zeros(6, dtype=torch.float64)
    for position in range(3):
        word = model.target_embedding(TARGET.ids[0, position])
        state = gru(model.decoder.steps, word, fed, state)
        weights = (state @ model.decoder.attention.score.weight @ states.T).softmax(dim=0)
        wanted = sum(
            weight * model.output(attentional(model, each, state)).softmax(dim=0)
            for weight, each in zip(weights, states, strict=True)
        )
        assert isinstance(wanted, Tensor)
        torch.testing.assert_close(log_probs[0, position].exp(), wanted, rtol=1e-5, atol=1e-7)
        fed = attentional(model, weights @ states, state)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16], ids=str)
def test_what_is_hardly_likely_keeps_its_gradient(precision: torch.dtype) -> None:
    """Of 40,000 words each is less likely than half precision can tell from nothing."""
    torch.manual_seed(3)
    decoder = layers.LuongDecoder(
        layers.MarginalAttention(layers.BilinearScore(6, 12)),
        embed_dim=5,
        context_dim=12,
        hidden_dim=6,
    )
    model = RecurrentTranslator(
        source_vocab=VOCAB,
        target_vocab=40_000,
        embed_dim=5,
        encoder=layers.RecurrentLayers(5, 6),
        decoder=decoder,
    )

    def gradient(*, autocast: bool) -> Tensor:
        with torch.autocast("cpu", precision, enabled=autocast):
            logits = model.predictions(SOURCE, TARGET).logits
        assert logits.dtype == torch.float32
        return torch.autograd.grad(logits[:, 7].sum(), model.output.weight)[0][7]

    wanted = gradient(autocast=False)
    torch.testing.assert_close(gradient(autocast=True), wanted, rtol=0.05, atol=0.02)
    assert wanted.abs().max().item() > 0.5


def test_only_the_likeliest_are_weighed() -> None:
    attention = layers.MarginalAttention(layers.DotScore(), num_alternatives=2)
    key = draws()(1, 5, 3).float()
    query = draws(1)(1, 4, 3).float()
    memory = attention.memory(key, key)
    values, shares = attention.alternatives(query, memory)
    weights = attention.weights(query, memory)[0]
    for step in range(4):
        best = weights[step].argsort(descending=True)[:2]
        torch.testing.assert_close(values[0, step], key[0, best], rtol=0, atol=0)
        wanted = weights[step, best] / weights[step, best].sum()
        torch.testing.assert_close(shares[0, step], wanted, rtol=1e-5, atol=1e-6)


def test_layers_above_add_what_they_read() -> None:
    """Three layers, the same in a decoder that steps and in an encoder that runs through."""
    torch.manual_seed(5)
    steps = RecurrentSteps(4, 2, 3, num_layers=3, residual=True).double()
    encoder = layers.RecurrentLayers(
        4, 3, num_layers=3, bidirectional=False, two_biases=True, residual=True
    ).double()
    below = [steps.gates_of_embedding, *steps.gates_of_below]
    for layer, of_input, of_state in zip(encoder.layers, below, steps.gates_of_state, strict=True):
        recurrence = layer.recurrence
        recurrence.weight_ih_l0.data, recurrence.bias_ih_l0.data = of_input.weight, of_input.bias
        recurrence.weight_hh_l0.data, recurrence.bias_hh_l0.data = of_state.weight, of_state.bias
    words, nothing = draws()(2, 4, 4), torch.zeros(2, 2, dtype=torch.float64)
    wanted, _ = encoder(words, torch.tensor([4, 4]))
    states = (torch.zeros(2, 3, dtype=torch.float64),) * 3
    for position in range(4):
        handed_on, states = steps(steps.gates_of_embedding(words[:, position]), nothing, states)
        torch.testing.assert_close(handed_on, wanted[:, position], rtol=1e-9, atol=1e-10)


def test_maxout_takes_the_larger_of_two() -> None:
    readout = layers.MaxoutReadout((2, 3), 4).double()
    first, second = draws()(5, 2), draws(1)(5, 3)
    known = torch.cat([first, second], dim=-1)
    weight, bias = readout.hidden.weight, readout.hidden.bias
    wanted = torch.maximum(known @ weight[0::2].T + bias[0::2], known @ weight[1::2].T + bias[1::2])
    torch.testing.assert_close(readout(first, second), wanted, rtol=1e-9, atol=1e-10)


def test_no_source_words() -> None:
    """What has nothing to read writes all the same."""
    model = luong(layers.MarginalAttention(layers.BilinearScore(6, 12)))
    nothing = Tokens(torch.zeros(3, 0, dtype=torch.long), torch.zeros(3, dtype=torch.long))
    assert model(nothing, TARGET).isfinite().all()
