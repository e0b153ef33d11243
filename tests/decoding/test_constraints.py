"""Prefixes and least lengths, under whatever search."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.decoding import Constrained, beam_search, diverse_beam_search, greedy, sample
from regard.decoding.lengths import LENGTH_PENALTY
from regard.interfaces import BOS, EOS, PAD, Hypothesis, StepDecoder, Tokens
from tests.decoding.toy_decoder import Text, ToyDecoder, every_hypothesis, random_rule, replay
from tests.decoding.toy_decoder import tokens_of as tokens

SOURCES: list[Text] = [(5, 6, EOS), (4, EOS), (6, EOS)]
PREFIXES: list[Text] = [(4, 5), (), (6,)]
LIMIT = 5

Search = Callable[[StepDecoder, Tokens], list[list[Hypothesis]]]

SEARCHES: dict[str, Search] = {
    "greedy": lambda decoder, source: [[each] for each in greedy(decoder, source, max_len=LIMIT)],
    "beam": lambda decoder, source: beam_search(decoder, source, beam_size=3, max_len=LIMIT),
    "diverse": lambda decoder, source: diverse_beam_search(
        decoder, source, beam_size=4, num_groups=2, num_best=4, max_len=LIMIT
    ),
    "sample": lambda decoder, source: sample(
        decoder, source, num_samples=3, max_len=LIMIT, generator=torch.Generator().manual_seed(5)
    ),
}

by_every_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)


@by_every_search
@given(seed=st.integers(0, 2**31), min_len=st.integers(0, 4))
@settings(max_examples=20)
def test_hypotheses_are_what_was_asked_for(search: Search, seed: int, min_len: int) -> None:
    rule = random_rule(seed, end=1.0)
    decoder = Constrained(ToyDecoder(rule), prefix=tokens(PREFIXES), min_len=min_len)
    for source, prefix, found in zip(
        SOURCES, PREFIXES, search(decoder, tokens(SOURCES)), strict=True
    ):
        assert found
        for each in found:
            assert tuple(each.tokens[: len(prefix)]) == prefix
            assert len(each.tokens) >= min_len
            assert each.log_prob == pytest.approx(
                replay(rule, source, each.tokens, LIMIT), abs=1e-4
            )
            assert each.alignment.shape == (len(each.tokens), len(source))


@given(seed=st.integers(0, 2**31), min_len=st.integers(0, 3))
@settings(max_examples=20)
def test_a_wide_beam_finds_the_best_that_is_allowed(seed: int, min_len: int) -> None:
    rule, limit = random_rule(seed), 4
    every = every_hypothesis(rule, SOURCES[0], limit, LENGTH_PENALTY)
    allowed = [each for each in every if each.tokens[:1] == [4] and len(each.tokens) >= min_len]
    decoder = Constrained(ToyDecoder(rule), prefix=tokens([(4,)]), min_len=min_len)
    [[best]] = beam_search(decoder, tokens(SOURCES[:1]), beam_size=len(every), max_len=limit)
    wanted = max(allowed, key=lambda each: each.score)
    assert best.tokens == wanted.tokens
    assert best.score == pytest.approx(wanted.score, abs=1e-4)


def test_nothing_asked_changes_nothing() -> None:
    rule = random_rule(3)
    plain = beam_search(ToyDecoder(rule), tokens(SOURCES), beam_size=3)
    free = beam_search(Constrained(ToyDecoder(rule)), tokens(SOURCES), beam_size=3)
    assert [each[0][:3] for each in free] == [each[0][:3] for each in plain]


def test_a_prefix_of_unknown_tokens_is_refused() -> None:
    prefix = Tokens(torch.full((len(SOURCES), 1), 999), torch.ones(len(SOURCES), dtype=torch.long))
    decoder = Constrained(ToyDecoder(random_rule(3)), prefix=prefix)
    with pytest.raises(ValueError, match="a prefix holds token 999; the vocabulary ends at"):
        beam_search(decoder, tokens(SOURCES), beam_size=3)


@pytest.mark.parametrize(("token", "name"), [(PAD, "PAD"), (BOS, "BOS"), (EOS, "EOS")])
def test_what_no_hypothesis_begins_with_is_refused(token: int, name: str) -> None:
    prefix = Tokens(torch.tensor([[4, token]]), torch.tensor([2]))
    with pytest.raises(ValueError, match=f"a prefix begins hypotheses, and cannot hold {name}"):
        Constrained(ToyDecoder(random_rule(0)), prefix=prefix)


@pytest.mark.parametrize("number", [1, 3])
def test_each_source_has_a_prefix(number: int) -> None:
    decoder = Constrained(ToyDecoder(random_rule(0)), prefix=tokens([(4,)] * number))
    with pytest.raises(ValueError, match=f"2 sources have {number} prefixes"):
        greedy(decoder, tokens(SOURCES[:2]))


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="min_len must be 0 or more; got -1"):
        Constrained(ToyDecoder(random_rule(0)), min_len=-1)
