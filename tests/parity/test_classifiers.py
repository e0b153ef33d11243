"""Classifiers, one text, one sentence and one word at a time, as their papers write them."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.interfaces import EOS, Tokens
from regard.models import ConvolutionalClassifier, HierarchicalClassifier, RecurrentClassifier
from regard.nn import AttentionPooling, RecurrentEncoder, RecurrentLayers
from tests.drawing import sentences
from tests.model_cases import SIZES

LENGTHS = [9, 4, 1]


def texts() -> Tokens:
    text = sentences(LENGTHS)
    text.ids[0, 3] = text.ids[0, 8] = text.ids[1, 1] = EOS
    return text


def gru(weight: dict[str, Tensor], suffix: str, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Run one direction of a GRU with one bias per gate, the last column of its input weights."""
    of_input, of_state = weight[f"weight_ih_l0{suffix}"], weight[f"weight_hh_l0{suffix}"]
    state, states = torch.zeros(of_state.shape[1], dtype=torch.float64), []
    for vector in inputs:
        reset_in, update_in, candidate_in = (of_input @ F.pad(vector, (0, 1), value=1.0)).chunk(3)
        reset_state, update_state, candidate_state = (of_state @ state).chunk(3)
        reset, update = (reset_in + reset_state).sigmoid(), (update_in + update_state).sigmoid()
        candidate = torch.tanh(candidate_in + reset * candidate_state)
        state = (1 - update) * candidate + update * state
        states.append(state)
    return states


def read(layers: RecurrentLayers, inputs: Sequence[Tensor]) -> list[Tensor]:
    (layer,) = layers.layers
    assert isinstance(layer, RecurrentEncoder)
    weight = dict(layer.recurrence.named_parameters())
    forwards = gru(weight, "", inputs)
    backwards = gru(weight, "_reverse", inputs[::-1])[::-1]
    return [torch.cat(pair) for pair in zip(forwards, backwards, strict=True)]


def pool(pooling: AttentionPooling, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    hidden = [torch.tanh(pooling.projection(state)) for state in states]
    powers = [(vector @ pooling.query).exp() for vector in hidden]
    weights = [power / sum(powers) for power in powers]
    return sum(w * h for w, h in zip(weights, states, strict=True)), weights


def words(text: Tokens) -> list[list[int]]:
    return [ids[:length].tolist() for ids, length in zip(text.ids, LENGTHS, strict=True)]


def test_recurrent_classifier_is_the_article_s() -> None:
    model, text = RecurrentClassifier(**SIZES, hidden_dim=4).double(), texts()
    logits, all_weights = model(text), model.weights(text)
    for row, ids in enumerate(words(text)):
        states = read(model.encoder, [model.embedding.weight[i] for i in ids])
        pooled, weights = pool(model.pooling, states)
        torch.testing.assert_close(logits[row], model.output(pooled), rtol=1e-9, atol=1e-12)
        wanted = torch.stack(weights).float()
        torch.testing.assert_close(all_weights[row, : len(ids)], wanted, rtol=0, atol=1e-6)


def test_hierarchical_classifier_is_that_of_the_paper() -> None:
    model, text = HierarchicalClassifier(**SIZES, hidden_dim=4).double(), texts()
    logits, all_weights = model(text), model.weights(text)
    for row, ids in enumerate(words(text)):
        parts: list[list[int]] = [[]]
        for token in ids:
            if token == EOS:
                parts.append([])
            else:
                parts[-1].append(token)
        vectors, of_words = [], []
        for part in filter(None, parts):
            states = read(model.words.encoder, [model.embedding.weight[i] for i in part])
            vector, weights = pool(model.words.pooling, states)
            vectors.append(vector)
            of_words.append(weights)
        pooled, of_sentences = pool(model.sentences.pooling, read(model.sentences.encoder, vectors))
        torch.testing.assert_close(logits[row], model.output(pooled), rtol=1e-9, atol=1e-12)
        shares = [p * w for p, ws in zip(of_sentences, of_words, strict=True) for w in ws]
        real = [place for place, token in enumerate(ids) if token != EOS]
        torch.testing.assert_close(
            all_weights[row, real], torch.stack(shares), rtol=1e-9, atol=1e-12
        )


def test_convolutions_stand_around_each_word() -> None:
    model = ConvolutionalClassifier(**SIZES, channels=4, widths=(2, 3)).double()
    text = texts()
    logits = model(text)
    for row, ids in enumerate(words(text)):
        pooled = []
        for convolution, before, after in zip(model.convolutions, (0, 1), (1, 1), strict=True):
            zero = torch.zeros(6, dtype=torch.float64)
            vectors = [zero] * before + [model.embedding.weight[i] for i in ids] + [zero] * after
            width = before + after + 1
            ngrams = [torch.stack(vectors[i : i + width], dim=1) for i in range(len(ids))]
            features = [
                torch.relu((convolution.weight * ngram).sum(dim=(1, 2)) + convolution.bias)
                for ngram in ngrams
            ]
            pooled.append(torch.stack(features).amax(dim=0))
        wanted = model.output(torch.cat(pooled))
        torch.testing.assert_close(logits[row], wanted, rtol=1e-9, atol=1e-12)
