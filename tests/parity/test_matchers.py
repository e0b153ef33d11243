"""Matchers, one pair, one position and one number at a time, as their papers write them."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from regard.interfaces import Tokens
from regard.models import (
    AttentiveMatcher,
    CompareAggregateMatcher,
    ConvolutionalMatcher,
    TransformerMatcher,
)
from regard.nn import (
    AttentionMaps,
    DotScore,
    PairConvolution,
    RecurrentEncoder,
    RecurrentLayers,
    SimilarityComparison,
    VectorComparison,
)
from tests.drawing import draws
from tests.matcher_cases import SIZES, attentive, compare_aggregate, convolutional, pairs

LENGTHS = [(7, 5), (2, 6), (1, 1)]
WINDOW = 3

Array = NDArray[np.float64]
Row = tuple[list[int], list[int]]


def texts() -> tuple[Tokens, Tokens]:
    return pairs(LENGTHS)


def rows(left: Tokens, right: Tokens) -> list[Row]:
    return [
        (left.ids[row, :n].tolist(), right.ids[row, :m].tolist())
        for row, (n, m) in enumerate(LENGTHS)
    ]


def known() -> Tensor:
    return draws(5)(len(LENGTHS), 2)


def array(tensor: Tensor) -> Array:
    return tensor.detach().numpy()


def matched(left: Array, right: Array) -> Array:
    """Return 1 / (1 + the distance) of every two rows."""
    matrix = np.zeros((len(left), len(right)))
    for i in range(len(left)):
        for j in range(len(right)):
            squares = 0.0
            for d in range(left.shape[1]):
                squares += (left[i, d] - right[j, d]) ** 2
            matrix[i, j] = 1 / (1 + squares**0.5)
    return matrix


def beside_maps(maps: AttentionMaps, left: Array, right: Array) -> tuple[Array, Array]:
    """Put beside each position what the attention matrix and the learnt rows make of it."""
    matrix = matched(left, right)
    rows_of_left, rows_of_right = array(maps.of_left), array(maps.of_right)
    of_left, of_right = np.zeros_like(left), np.zeros_like(right)
    for i in range(len(left)):
        for j in range(len(right)):
            for d in range(left.shape[1]):
                of_left[i, d] += matrix[i, j] * rows_of_right[j, d]
                of_right[j, d] += matrix[i, j] * rows_of_left[i, d]
    return np.hstack([left, of_left]), np.hstack([right, of_right])


def convolved(block: PairConvolution, text: Array) -> Array:
    """Return tanh(W c + b) of every n-gram, also of those that reach beyond the text."""
    weight, bias = (array(part) for part in block.convolution.convolution.parameters())
    columns = np.zeros((len(text) + WINDOW - 1, len(bias)))
    for at in range(len(columns)):
        for feature in range(len(bias)):
            total = bias[feature]
            for step in range(WINDOW):
                position = at - (WINDOW - 1) + step
                if 0 <= position < len(text):
                    total += weight[feature, :, step] @ text[position]
            columns[at, feature] = np.tanh(total)
    return columns


def windows(columns: Array, weights: Array | None) -> Array:
    """Return w-ap: the sum of each window's columns by their weights, or their average."""
    pooled = np.zeros((len(columns) - WINDOW + 1, columns.shape[1]))
    for j in range(len(pooled)):
        for k in range(j, j + WINDOW):
            pooled[j] += columns[k] / WINDOW if weights is None else weights[k] * columns[k]
    return pooled


def average(columns: Array, weights: Array | None = None) -> Array:
    """Return all-ap, by the columns' weights."""
    weights = np.ones(len(columns)) if weights is None else weights
    found = np.zeros(columns.shape[1])
    for column, weight in zip(columns, weights, strict=True):
        found += weight * column / weights.sum()
    return found


def told(one: Array, other: Array, *, vectors: bool) -> Array:
    """Compare what two texts are on average."""
    cosine = one @ other / (one @ one) ** 0.5 / (other @ other) ** 0.5
    closeness = 1 / (1 + ((one - other) @ (one - other)) ** 0.5)
    found = [[cosine, closeness]]
    if vectors:
        found += [one, other, np.abs(one - other), one * other]
    return np.concatenate(found)


def logits_of(model: ConvolutionalMatcher, pair: Row, features: Array, *, vectors: bool) -> Array:
    embedding = array(model.embedding.weight)
    left, right = embedding[pair[0]], embedding[pair[1]]
    levels = [told(average(left), average(right), vectors=vectors)]
    for block in model.blocks:
        if block.maps is not None:
            left, right = beside_maps(block.maps, left, right)
        left, right = convolved(block, left), convolved(block, right)
        of_left = of_right = None
        if block.weighs is not None:
            matrix = matched(left, right)
            of_left, of_right = matrix.sum(axis=1), matrix.sum(axis=0)
        levels.append(told(average(left, of_left), average(right, of_right), vectors=vectors))
        left, right = windows(left, of_left), windows(right, of_right)
    found = np.concatenate([*levels, features])
    if model.hidden is not None:
        found = np.tanh(array(model.hidden.weight) @ found + array(model.hidden.bias))
    return array(model.output.weight) @ found + array(model.output.bias)


@pytest.mark.parametrize("compares", ["similarities", "vectors"])
@pytest.mark.parametrize("kind", ["bcnn", "abcnn1", "abcnn2", "abcnn3"])
def test_convolutional_matchers_are_those_of_the_paper(kind: str, compares: str) -> None:
    comparison = {"similarities": SimilarityComparison, "vectors": VectorComparison}[compares]
    hidden_dim = 5 if compares == "vectors" else None
    model = convolutional(kind, comparison=comparison, hidden_dim=hidden_dim).double()
    left, right = texts()
    assert len(model.blocks) == 2
    found = array(model(left, right, known()))
    for row, pair in enumerate(rows(left, right)):
        wanted = logits_of(model, pair, array(known())[row], vectors=compares == "vectors")
        np.testing.assert_allclose(found[row], wanted, rtol=1e-9, atol=1e-12)


def test_matrices_of_the_first_block_are_those_of_the_paper() -> None:
    model, (left, right) = convolutional("abcnn3").double(), texts()
    first, matrix = model.matrices(left, right)[0], array(model.matrix(left, right))
    embedding = array(model.embedding.weight)
    assert first.columns is not None
    for row, (of_left, of_right) in enumerate(rows(left, right)):
        n, m = len(of_left), len(of_right)
        one, other = embedding[of_left], embedding[of_right]
        np.testing.assert_allclose(matrix[row, :n, :m], matched(one, other), atol=1e-6)
        one, other = beside_maps(model.blocks[0].maps, one, other)
        wanted = matched(convolved(model.blocks[0], one), convolved(model.blocks[0], other))
        found = array(first.columns[row])
        np.testing.assert_allclose(found[: len(wanted), : wanted.shape[1]], wanted, atol=1e-9)
        assert np.abs(found[n + WINDOW - 1 :]).sum() == 0
        assert np.abs(found[:, m + WINDOW - 1 :]).sum() == 0


def read(layers: RecurrentLayers, inputs: Tensor) -> Tensor:
    """Run PyTorch's own recurrence over one text, with the constant 1 that stands for biases."""
    (layer,) = layers.layers
    assert isinstance(layer, RecurrentEncoder)
    states: Tensor = layer.recurrence(F.pad(inputs, (0, 1), value=1.0).unsqueeze(0))[0]
    return states.squeeze(0)


def aligned(asking: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
    """Return what each position finds in the other text, and the weights it reads by."""
    found, all_weights = [], []
    for state in asking:
        powers = torch.stack([(state @ other).exp() for other in asked])
        weights = powers / powers.sum()
        found.append(sum(w * other for w, other in zip(weights, asked, strict=True)))
        all_weights.append(weights)
    return torch.stack(found), torch.stack(all_weights)


def pooled(model: AttentiveMatcher, states: Tensor, found: Tensor) -> Tensor:
    compared = [
        torch.relu(model.comparison(torch.cat([one, other, one - other, one * other])))
        for one, other in zip(states, found, strict=True)
    ]
    composed = read(model.composition, torch.stack(compared))
    return torch.cat([composed.mean(dim=0), composed.amax(dim=0)])


def test_attentive_matcher_is_that_of_the_paper() -> None:
    model, (left, right) = attentive().double(), texts()
    with torch.no_grad():
        model.embedding.weight.mul_(10)  # so that states differ, and with them the weights
    logits, matrix = model(left, right, known()), model.matrix(left, right)
    for row, pair in enumerate(rows(left, right)):
        one, other = (read(model.encoder, model.embedding.weight[ids]) for ids in pair)
        found, weights = aligned(one, other)
        of_left = pooled(model, one, found)
        of_right = pooled(model, other, aligned(other, one)[0])
        told = [of_left, of_right, (of_left - of_right).abs(), of_left * of_right, known()[row]]
        wanted = model.output(torch.tanh(model.hidden(torch.cat(told))))
        torch.testing.assert_close(logits[row], wanted, rtol=1e-9, atol=1e-12)
        of_row = matrix[row, : len(pair[0]), : len(pair[1])]
        torch.testing.assert_close(of_row, weights.float(), rtol=0, atol=1e-6)


def test_transformer_matcher_reads_pairs_without_padding() -> None:
    model, (left, right) = TransformerMatcher(**SIZES, num_heads=2).double(), texts()
    logits, matrix = model(left, right, known()), model.matrix(left, right)
    for row, (of_left, of_right) in enumerate(rows(left, right)):
        words = [model.embedding.weight[token] + model.sides[0] for token in of_left]
        words += [model.separator]
        words += [model.embedding.weight[token] + model.sides[1] for token in of_right]
        joined = model.positions(torch.stack([model.first, *words])).unsqueeze(0)
        told = torch.cat([model.encoder(joined)[0, 0], known()[row]])
        torch.testing.assert_close(logits[row], model.output(told), rtol=1e-9, atol=1e-12)
        below, last = model.encoder.layers
        asked = last.attention_norm.enter(below(joined))
        query, key = (
            projection(asked).unflatten(-1, (2, 3)).transpose(1, 2)
            for projection in (last.attention.query, last.attention.key)
        )
        weights = torch.softmax(query @ key.mT / 3**0.5, dim=-1).mean(dim=1)[0]
        n, m = len(of_left), len(of_right)
        wanted = weights[1 : 1 + n, 2 + n :].float()
        torch.testing.assert_close(matrix[row, :n, :m], wanted, rtol=0, atol=1e-6)


def test_compare_aggregate_matcher_compares_word_by_word() -> None:
    model, (left, right) = compare_aggregate(score=DotScore()).double(), texts()
    with torch.no_grad():
        model.embedding.weight.mul_(10)  # so that the weights differ
    logits, matrix = model(left, right, known()), model.matrix(left, right)
    for row, pair in enumerate(rows(left, right)):
        one, other = (model.embedding.weight[ids] for ids in pair)
        found, weights = aligned(one, other)
        of_left = aggregated(model, one, found)
        of_right = aggregated(model, other, aligned(other, one)[0])
        told = torch.cat([of_left, of_right, known()[row]])
        wanted = model.output(torch.tanh(model.hidden(told)))
        torch.testing.assert_close(logits[row], wanted, rtol=1e-9, atol=1e-12)
        of_row = matrix[row, : len(pair[0]), : len(pair[1])]
        torch.testing.assert_close(of_row, weights.float(), rtol=0, atol=1e-6)


def seen(one: Tensor, other: Tensor) -> list[Tensor]:
    """Return what is seen of a word and what it found."""
    cosine = one @ other / (one @ one).sqrt() / (other @ other).sqrt()
    closeness = 1 / (1 + ((one - other) ** 2).sum().sqrt())
    return [one, other, (one - other) ** 2, one * other, torch.stack([cosine, closeness])]


def aggregated(model: CompareAggregateMatcher, words: Tensor, found: Tensor) -> Tensor:
    """Compare, convolve n-gram by n-gram, and pool."""
    compared = [
        torch.relu(model.comparison(torch.cat(seen(one, other))))
        for one, other in zip(words, found, strict=True)
    ]
    columns = []
    for convolution, before, after in zip(
        model.aggregation.convolutions, (0, 1), (1, 1), strict=True
    ):
        zero = torch.zeros_like(compared[0])
        vectors = [zero] * before + compared + [zero] * after
        width = before + after + 1
        ngrams = [torch.stack(vectors[i : i + width], dim=1) for i in range(len(compared))]
        columns.append(
            [
                torch.relu((convolution.weight * ngram).sum(dim=(1, 2)) + convolution.bias)
                for ngram in ngrams
            ]
        )
    convolved = torch.stack([torch.cat(each) for each in zip(*columns, strict=True)])
    return torch.cat([convolved.mean(dim=0), convolved.amax(dim=0)])
