"""Samples are drawn as often as they are probable, and from no more than is asked."""

import math
from collections import Counter

import pytest
import torch

from regard.decoding import greedy, sample
from regard.decoding.lengths import LENGTH_PENALTY
from regard.interfaces import EOS, Hypothesis
from tests.decoding.toy_decoder import (
    VOCAB,
    Rule,
    Text,
    ToyDecoder,
    every_hypothesis,
    random_rule,
    replay,
    tokens_of,
)

SOURCE: Text = (5, 6, EOS)
PROBS = {4: 0.5, 5: 0.3, 6: 0.15, EOS: 0.05}


def fixed(_source: Text, _written: Text) -> list[float]:
    return [math.log(PROBS[token]) if token in PROBS else -math.inf for token in range(VOCAB)]


def drawn(rule: Rule, num_samples: int, seed: int = 1, **how: float | int) -> list[Hypothesis]:
    generator = torch.Generator().manual_seed(seed)
    decoder, source = ToyDecoder(rule), tokens_of([SOURCE])
    [found] = sample(decoder, source, num_samples=num_samples, generator=generator, **how)
    return found


def test_hypotheses_are_as_frequent_as_they_are_probable() -> None:
    rule, number = random_rule(3, end=1.0), 4000
    counts = Counter(tuple(each.tokens) for each in drawn(rule, number, max_len=2))
    probable = {}
    for each in every_hypothesis(rule, SOURCE, 2, 0.0):
        probable[tuple(each.tokens)] = math.exp(each.log_prob)
    total = sum(probable.values())  # what cannot be written has the rest
    for tokens, share in probable.items():
        expected = number * share / total
        assert abs(counts[tokens] - expected) < 5 * math.sqrt(expected + 1)
    assert set(counts) <= set(probable)


@pytest.mark.parametrize(
    ("how", "shares"),
    [
        ({}, PROBS),
        ({"top_k": 2}, {4: 0.625, 5: 0.375}),
        ({"top_k": 99}, PROBS),
        ({"top_p": 0.5}, {4: 1.0}),
        ({"top_p": 0.51}, {4: 0.625, 5: 0.375}),
        ({"top_p": 1e-9}, {4: 1.0}),
        ({"top_p": 1e-50}, {4: 1.0}),
        ({"temperature": 1e-40}, {4: 1.0}),
        ({"top_k": 3, "top_p": 0.6}, {4: 0.625, 5: 0.375}),
        ({"temperature": 0.5}, {4: 0.25, 5: 0.09, 6: 0.0225, EOS: 0.0025}),
        ({"temperature": 1e-3}, {4: 1.0}),
    ],
    ids=str,
)
def test_tokens_are_drawn_from_what_is_left(
    how: dict[str, float], shares: dict[int, float]
) -> None:
    number = 3000
    found = drawn(fixed, number, max_len=1, **how)
    counts = Counter(each.tokens[0] if each.tokens else EOS for each in found)
    assert set(counts) <= set(shares)
    for token, share in shares.items():
        expected = number * share / sum(shares.values())
        assert abs(counts[token] - expected) < 5 * math.sqrt(expected + 1)


def test_log_probabilities_are_those_of_the_decoder() -> None:
    rule = random_rule(4)
    for each in drawn(rule, 20, max_len=6, temperature=2.0, top_k=3):
        assert each.log_prob == pytest.approx(replay(rule, SOURCE, each.tokens, 6), abs=1e-4)
        length = min(len(each.tokens) + 1, 6)
        assert each.score == pytest.approx(
            each.log_prob / ((5 + length) / 6) ** LENGTH_PENALTY, abs=1e-4
        )


def test_the_same_seed_draws_the_same() -> None:
    rule = random_rule(4)
    first, again, other = (
        [each.tokens for each in drawn(rule, 20, seed, max_len=6)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_most_probable_alone_is_greedy() -> None:
    sources = tokens_of([SOURCE, (4, EOS), ()])
    decoder = ToyDecoder(random_rule(6))
    wanted = greedy(decoder, sources)
    found = sample(decoder, sources, top_k=1)
    assert [each.tokens for [each] in found] == [each.tokens for each in wanted]


def test_every_source_is_read_once_and_has_its_samples() -> None:
    sources = [SOURCE, (4, EOS)]
    decoder = ToyDecoder(random_rule(6))
    found = sample(decoder, tokens_of(sources), num_samples=3, max_len=4)
    assert [len(each) for each in found] == [3, 3]
    assert decoder.num_rows[0] == 6
    for source, samples in zip(sources, found, strict=True):
        for each in samples:
            assert each.alignment.shape == (len(each.tokens), len(source))
            assert each.log_prob == pytest.approx(
                replay(decoder.rule, source, each.tokens, 4), abs=1e-4
            )
    assert sample(decoder, tokens_of([])) == []


def test_every_source_has_its_own_limit() -> None:
    decoder = ToyDecoder(random_rule(6, end=-50.0))
    found = sample(decoder, tokens_of([SOURCE, (4, EOS)]), max_len=torch.tensor([5, 2]))
    assert [len(each.tokens) for [each] in found] == [5, 2]


def test_a_decoder_that_has_diverged_is_told() -> None:
    with pytest.raises(ValueError, match="did its training diverge"):
        drawn(lambda source, written: [math.nan] * VOCAB, 2)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"num_samples": 0}, "num_samples must be at least 1; got 0"),
        ({"temperature": 0.0}, "temperature must be above 0, and greedy is for 0; got 0.0"),
        ({"temperature": math.nan}, "temperature must be above 0"),
        ({"top_k": 0}, "top_k must be at least 1; got 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1; got 0.0"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1; got 1.5"),
    ],
)
def test_what_cannot_be_drawn_by_is_refused(how: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sample(ToyDecoder(fixed), tokens_of([SOURCE]), **how)
