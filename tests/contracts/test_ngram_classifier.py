"""The reader of n-grams, against loops over the n-grams of one text."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard.data.encoding import EncodedLabelled, pad
from regard.data.ngrams import count_ngrams
from regard.functional.normalizers import sparsemax
from regard.interfaces import UNK, Tokens
from regard.models.ngram_classifier import NgramClassifier
from regard.nn.ngrams import Ngrams

VOCAB, HEADS = 8, 2
PAIRS = [(4, 5), (4, 6), (5, 4), (5, 5)]
TRIPLES = [(4, 5, 4), (5, 5, 5)]
NUMBERS = {(word,): word for word in range(4, VOCAB)}
NUMBERS |= {gram: VOCAB + at for at, gram in enumerate(PAIRS)}
NUMBERS |= {gram: VOCAB + len(PAIRS) + at for at, gram in enumerate(TRIPLES)}
TEXTS: list[list[int]] = [[4, 5, 4, 6, 7, 4, 5], [5, 5, 5, 4], [], [7], [6, 6, 7, 5, 4, 5, 5, 5, 5]]


def ngrams() -> Ngrams:
    pairs = [VOCAB * first + second for first, second in PAIRS]
    triples = [VOCAB * NUMBERS[gram[:2]] + gram[2] for gram in TRIPLES]
    return Ngrams(VOCAB, [torch.tensor(pairs), torch.tensor(triples)])


def classifier(num_outputs: int = 3, **options: Any) -> NgramClassifier:
    """Make a classifier in which everything has been learnt, at random."""
    model = NgramClassifier(ngrams(), num_outputs=num_outputs, num_heads=HEADS, **options)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    return model.double().eval()


def place(distance: int) -> int:
    return min(23, int(2 * math.log2(distance + 1)))


def standing(ids: list[int]) -> list[tuple[int, tuple[int, ...]]]:
    """Return the known n-grams of a text, and where each begins."""
    return [
        (first, tuple(ids[first : first + size]))
        for size in (1, 2, 3)
        for first in range(len(ids) - size + 1)
        if tuple(ids[first : first + size]) in NUMBERS
    ]


def head_weights(model: NgramClassifier, ids: list[int], head: int) -> list[float]:
    scores = [
        model.score.weight[NUMBERS[gram], head].item()
        + model.from_beginning[place(first), head].item()
        + model.from_end[place(len(ids) - 1 - first), head].item()
        for first, gram in standing(ids)
    ]
    largest = max(scores, default=0.0)
    powers = [math.exp(score - largest) for score in scores]
    return [power / sum(powers) for power in powers]


def slow_logits(model: NgramClassifier, ids: list[int]) -> list[float]:
    found = standing(ids)
    length = math.sqrt(len(found) / 500)
    logits = []
    for output in range(model.bias.numel()):
        evidence = 0.0
        for head in range(HEADS):
            for weight, (_, gram) in zip(head_weights(model, ids, head), found, strict=True):
                evidence += weight * model.value.weight[NUMBERS[gram], output].item()
        logits.append(model.scale.item() * length * evidence + model.bias[output].item())
    return logits


def slow_weights(model: NgramClassifier, ids: list[int]) -> list[float]:
    weights = [0.0] * len(ids)
    for head in range(HEADS):
        for weight, (first, gram) in zip(
            head_weights(model, ids, head), standing(ids), strict=True
        ):
            for offset in range(len(gram)):
                weights[first + offset] += weight / len(gram) / HEADS
    return weights


def assert_close(found: Tensor, expected: Any) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("num_outputs", [1, 3])
def test_logits_are_those_of_loops_over_the_ngrams(num_outputs: int) -> None:
    model = classifier(num_outputs)
    assert_close(model(pad(TEXTS)), [slow_logits(model, ids) for ids in TEXTS])


def test_a_word_counts_as_much_as_its_share_of_the_ngrams_it_stands_in() -> None:
    model = classifier()
    weights = model.weights(pad(TEXTS))
    for row, ids in enumerate(TEXTS):
        assert_close(weights[row, : len(ids)], slow_weights(model, ids))


def test_weights_sum_to_one_and_padding_has_none() -> None:
    for normalizer in (None, sparsemax):
        model = classifier(**({} if normalizer is None else {"normalizer": normalizer}))
        weights = model.weights(pad(TEXTS))
        assert_close(weights.sum(dim=1), [float(bool(ids)) for ids in TEXTS])
        assert all(not weights[row, len(ids) :].any() for row, ids in enumerate(TEXTS))
        assert (weights >= 0).all()


def test_an_empty_text_gets_the_bias() -> None:
    model, text = classifier(), pad(TEXTS)
    assert_close(model(text)[2], model.bias.detach())
    assert not model.weights(text)[2].any()
    alone = pad([[]])
    assert_close(model(alone)[0], model.bias.detach())
    assert model.weights(alone).shape == (1, 0)


def test_padding_and_company_change_nothing() -> None:
    model, text = classifier(), pad(TEXTS)
    longer = Tokens(torch.cat([text.ids, torch.full((len(TEXTS), 6), 5)], dim=1), text.lengths)
    assert_close(model(longer), model(text))
    assert_close(model.weights(longer)[:, :9], model.weights(text))
    order = torch.tensor([3, 0, 4, 2, 1])
    assert_close(model(Tokens(text.ids[order], text.lengths[order])), model(text)[order])
    for row, ids in enumerate(TEXTS):
        assert_close(model(pad([ids]))[0], model(text)[row])


def test_gradients_are_finite_and_reach_every_parameter() -> None:
    model = classifier().train()
    model(pad(TEXTS)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    assert not model.value.weight.grad[0].any()


def test_dropout_leaves_ngrams_out_in_training_alone() -> None:
    model, text = classifier(dropout=0.5), pad(TEXTS)
    torch.manual_seed(0)
    assert torch.equal(model(text), model(text))
    model.train()
    first, second = model(text), model(text)
    assert not torch.equal(first[0], second[0])
    assert_close(first[2], model.bias.detach())
    torch.testing.assert_close(model.train().weights(text), model.eval().weights(text))


def test_saved_weights_make_the_same_classifier() -> None:
    saved, fresh, text = classifier(), classifier(), pad(TEXTS)
    assert not torch.equal(fresh(text), saved(text))
    fresh.load_state_dict(saved.state_dict())
    assert torch.equal(fresh(text), saved(text))


ROWS = [([4, 5, 4], 0), ([4, 4], 0), ([5, 6], 1), ([6, 6, 4], 2), ([5], 1), ([5, 4], 1)]


def slow_ratio(word: int, of_class: int) -> float:
    """Return the naive-Bayes log-count ratio of a word by direct counts, of six texts."""

    def texts_with(each: int, *, inside: bool) -> int:
        return sum(each in ids and (target == of_class) == inside for ids, target in ROWS)

    def share(*, inside: bool) -> float:
        total = sum(1 + texts_with(each, inside=inside) for each in range(VOCAB))
        return (1 + texts_with(word, inside=inside)) / total

    return math.log(share(inside=True) / share(inside=False))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_values_begin_at_naive_bayes(num_classes: int) -> None:
    rows = [row for row in ROWS if row[1] < num_classes]
    counts = count_ngrams(
        [EncodedLabelled(*row) for row in rows],
        vocab=VOCAB,
        num_classes=num_classes,
        longest=1,
        min_texts=1,
    )
    num_outputs = 1 if num_classes == 2 else 3
    model = NgramClassifier(Ngrams(VOCAB), num_outputs=num_outputs, num_heads=HEADS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(f"{__name__}.ROWS", rows)
        model.start_from(counts.by_class, counts.texts)
        for word in range(VOCAB):
            outputs = range(num_classes)[-num_outputs:]
            ratios = [slow_ratio(word, of_class) for of_class in outputs]
            if not any(word in ids for ids, _ in rows):
                ratios = [0.0] * num_outputs
            found = model.value.weight[word] * HEADS
            torch.testing.assert_close(found, torch.tensor(ratios), rtol=1e-5, atol=1e-6)


def test_words_of_no_text_speak_for_no_class() -> None:
    # Of the second class are fewer words, so that a word of neither is less rare in it.
    by_class = torch.tensor([[0.0, 0], [0, 0], [0, 0], [0, 0], [90, 1], [80, 2], [70, 1], [0, 0]])
    model = NgramClassifier(Ngrams(VOCAB), num_outputs=1).eval()
    model.start_from(by_class, by_class.sum(dim=1))
    unknown = pad([[1, 7, 1, 1, 7, 1, 7, 7]])
    assert model(unknown).item() == 0
    assert model(pad([[5, 4, 4]])).item() != 0


def test_unknown_words_are_in_no_known_ngram() -> None:
    ngrams = Ngrams(10, [torch.tensor([1 * 10 + 5, 4 * 10 + 5])])
    numbers = ngrams(Tokens(torch.tensor([[UNK, 5, 4, 5]]), torch.tensor([4])))
    assert numbers.tolist() == [[[0, 5, 4, 5], [0, 0, 11, 0]]]
