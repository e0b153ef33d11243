"""Diverse beam search against its definition, group by group and step by step."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.decoding import beam_search, diverse_beam_search
from regard.decoding.lengths import LENGTH_PENALTY
from regard.interfaces import BOS, EOS
from tests.decoding.toy_decoder import (
    WRITABLE,
    Rule,
    Text,
    ToyDecoder,
    random_rule,
    replay,
    tokens_of,
)

SOURCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), ()]


def in_lockstep(
    rule: Rule, source: Text, num_groups: int, diversity: float, limit: int
) -> list[Text]:
    """Let all groups of one hypothesis each take a step before any takes the next."""
    written: list[Text] = [(BOS,)] * num_groups
    for place in range(limit):
        said: list[int] = []
        for group, text in enumerate(written):
            if text[-1] == EOS:
                continue
            row = rule(source, text)
            best = max(WRITABLE, key=lambda token: row[token] - diversity * said.count(token))
            if best != EOS and place < limit - 1:  # neither ends nor what stands at the limit
                said.append(best)
            written[group] = (*text, best)
    return [tuple(token for token in text[1:] if token != EOS) for text in written]


@given(
    seed=st.integers(0, 2**31),
    num_groups=st.integers(1, 4),
    diversity=st.sampled_from([0.0, 0.5, 3.0]),
)
@settings(max_examples=40)
def test_groups_of_one_are_those_of_the_definition(
    seed: int, num_groups: int, diversity: float
) -> None:
    rule, limit = random_rule(seed, end=0.5), 6
    found = diverse_beam_search(
        ToyDecoder(rule),
        tokens_of(SOURCES),
        beam_size=num_groups,
        num_groups=num_groups,
        num_best=num_groups,
        diversity=diversity,
        max_len=limit,
    )
    for source, beam in zip(SOURCES, found, strict=True):
        wanted = in_lockstep(rule, source, num_groups, diversity, limit)
        assert {tuple(each.tokens) for each in beam} == set(wanted)
        scores = [each.score for each in beam]
        assert scores == sorted(scores, reverse=True)
        for each in beam:
            assert each.log_prob == pytest.approx(
                replay(rule, source, each.tokens, limit), abs=1e-4
            )
            length = min(len(each.tokens) + 1, limit)
            assert each.score == pytest.approx(
                each.log_prob / ((5 + length) / 6) ** LENGTH_PENALTY, abs=1e-4
            )


@given(seed=st.integers(0, 2**31), beam_size=st.integers(1, 5))
@settings(max_examples=20)
def test_one_group_is_a_beam(seed: int, beam_size: int) -> None:
    decoder, sources = ToyDecoder(random_rule(seed)), tokens_of(SOURCES)
    wanted = beam_search(decoder, sources, beam_size=beam_size, num_best=beam_size)
    found = diverse_beam_search(
        decoder, sources, beam_size=beam_size, num_groups=1, num_best=beam_size
    )
    assert [[each.tokens for each in beam] for beam in found] == [
        [each.tokens for each in beam] for beam in wanted
    ]
    for beam, of_beam in zip(found, wanted, strict=True):
        for each, expected in zip(beam, of_beam, strict=True):
            assert each[2:3] == expected[2:3]
            assert each.score == pytest.approx(expected.score, abs=1e-6)
            torch.testing.assert_close(each.alignment, expected.alignment, rtol=0, atol=0)


def distinct(beams: Sequence[Sequence[Text]]) -> int:
    return sum(len({each[:2] for each in beam}) for beam in beams)


def test_more_diversity_begins_more_differently() -> None:
    rule, sources = random_rule(9, end=-9.0), [(4, 5, EOS), (5, EOS), (6, 6, 6, EOS)]

    def beginnings(diversity: float) -> list[list[Text]]:
        found = diverse_beam_search(
            ToyDecoder(rule),
            tokens_of(sources),
            beam_size=4,
            num_groups=4,
            num_best=4,
            diversity=diversity,
            max_len=4,
        )
        return [[tuple(each.tokens) for each in beam] for beam in found]

    assert distinct(beginnings(0.0)) == len(sources)  # every group finds the same
    assert distinct(beginnings(5.0)) >= 3 * len(sources)


def test_sources_are_read_once() -> None:
    class Counting(ToyDecoder):
        starts = 0

        def start(self, source):  # type: ignore[no-untyped-def]
            self.starts += 1
            return super().start(source)

    decoder = Counting(random_rule(1))
    diverse_beam_search(decoder, tokens_of(SOURCES), beam_size=4, num_groups=2)
    assert decoder.starts == 1
    assert diverse_beam_search(decoder, tokens_of([]), beam_size=2, num_groups=2) == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"num_groups": 3}, "num_groups must divide beam_size=4; got 3"),
        ({"num_groups": 0}, "num_groups must divide beam_size=4; got 0"),
        ({"diversity": -1.0}, "diversity must be 0 or a positive number; got -1.0"),
        ({"diversity": math.inf}, "diversity must be 0 or a positive number; got inf"),
        ({"num_best": 5}, "num_best must lie between 1 and beam_size=4; got 5"),
    ],
)
def test_what_cannot_be_is_refused(how: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        diverse_beam_search(
            ToyDecoder(random_rule(0)),
            tokens_of(SOURCES),
            **{"beam_size": 4, "num_groups": 2} | how,  # type: ignore[arg-type]
        )
