"""The searches as things to be handed on, and the coverage that ranks what they find."""

import math

import pytest
import torch

from regard.decoding import (
    Beam,
    Sampling,
    beam_search,
    diverse_beam_search,
    greedy,
    rank_by_coverage,
    sample,
)
from regard.interfaces import EOS, Hypothesis
from tests.decoding.toy_decoder import Text, ToyDecoder, random_rule, tokens_of

SOURCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), (6, EOS)]


def written(beams: list[list[Hypothesis]]) -> list[list[list[int]]]:
    return [[each.tokens for each in beam] for beam in beams]


def test_a_beam_runs_what_its_numbers_say() -> None:
    decoder, source = ToyDecoder(random_rule(2)), tokens_of(SOURCES)
    assert written(Beam()(decoder, source)) == [[each.tokens] for each in greedy(decoder, source)]
    wanted = beam_search(decoder, source, beam_size=4, num_best=2, length_penalty=1.0, max_len=5)
    found = Beam(4, num_best=2, length_penalty=1.0, max_len=5)(decoder, source)
    assert written(found) == written(wanted)
    groups = {"num_groups": 2, "diversity": 2.0, "num_best": 3, "length_penalty": 2.0}
    wanted = diverse_beam_search(decoder, source, beam_size=4, **groups)
    assert written(Beam(4, **groups)(decoder, source)) == written(wanted)


def test_sampling_runs_what_its_numbers_say() -> None:
    decoder, source = ToyDecoder(random_rule(2)), tokens_of(SOURCES)
    how = {"temperature": 1.5, "top_k": 3, "top_p": 0.9}

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(7)

    wanted = sample(decoder, source, num_samples=4, generator=seeded(), **how)
    search = Sampling(4, generator=seeded(), **how)
    assert written(search(decoder, source)) == written(wanted)
    assert written(search(decoder, source)) != written(wanted)  # it goes on from batch to batch
    assert Sampling(4).num_rows == Beam(4).num_rows == 4


@pytest.mark.parametrize("search", [Beam(), Beam(3), Sampling(2)], ids=["greedy", "beam", "sample"])
def test_prefix_and_least_length_leave_room_for_themselves(search: Beam | Sampling) -> None:
    decoder, source = ToyDecoder(random_rule(2, end=3.0)), tokens_of([(), ()])
    prefix = tokens_of([(4,) * 30, (5,)])
    for [best, *_], begins in zip(search(decoder, source, prefix), [[4] * 30, [5]], strict=True):
        assert best.tokens[: len(begins)] == begins
    kind = type(search)
    for [best, *_] in kind(2, min_len=15)(decoder, source):
        assert len(best.tokens) >= 15
    for [best, *_] in kind(2, max_len=31)(decoder, source, prefix):  # room for just that and an end
        assert len(best.tokens) <= 30
    with pytest.raises(ValueError, match="max_len 30 is too short"):
        kind(2, max_len=30)(decoder, source, prefix)
    with pytest.raises(ValueError, match="max_len 20 is too short: with its end a hypothesis has"):
        kind(2, max_len=20)(decoder, source, prefix)
    with pytest.raises(ValueError, match=r"has at least 16 tokens here"):
        kind(2, min_len=15, max_len=15)(decoder, source)


def looking(score: float, *rows: list[float]) -> Hypothesis:
    return Hypothesis([4] * len(rows), score, score, torch.tensor(rows))


def test_coverage_is_what_the_paper_says() -> None:
    once = looking(-1.0, [0.5, 0.25], [0.25, 0.25])
    [ranked] = rank_by_coverage([once], 0.2)
    assert ranked.score == pytest.approx(-1 + 0.2 * (math.log(0.75) + math.log(0.5)), abs=1e-6)
    assert ranked.log_prob == -1.0
    [never] = rank_by_coverage([looking(0.0, [1.0, 0.0], [1.0, 0.0])], 1.0)
    assert never.score == pytest.approx(math.log(0.01), abs=1e-6)


def test_what_has_read_more_comes_first() -> None:
    half, whole = looking(-1.0, [1.0, 0.0]), looking(-1.2, [0.5, 0.5])
    assert rank_by_coverage([half, whole], 0.0)[0].score == -1.0
    assert rank_by_coverage([half, whole], 1.0)[0].log_prob == -1.2
    with pytest.raises(ValueError, match="coverage_penalty must be 0 or a positive number; got -1"):
        rank_by_coverage([half], -1.0)


def test_a_beam_ranks_all_it_has_found_by_coverage() -> None:
    decoder, source = ToyDecoder(random_rule(11)), tokens_of(SOURCES)
    every = beam_search(decoder, source, beam_size=5, num_best=5)
    wanted = [rank_by_coverage(beam, 2.0)[:2] for beam in every]
    assert written(Beam(5, coverage_penalty=2.0, num_best=2)(decoder, source)) == written(wanted)
    plain = [beam[:2] for beam in every]
    assert written(wanted) != written(plain)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"beam_size": 2, "num_best": 3}, "num_best between 1 and it; got 2 and 3"),
        ({"beam_size": 0}, "beam_size must be at least 1"),
        ({"num_groups": 2}, "num_groups must divide beam_size=1; got 2"),
        ({"diversity": -1.0}, "diversity must be 0 or a positive number"),
        ({"length_penalty": -1.0}, "length_penalty must be 0 or a positive number"),
        ({"coverage_penalty": -1.0}, "coverage_penalty must be 0 or a positive number"),
        ({"coverage_penalty": 1.0}, "coverage_penalty ranks what a beam of 2 or more finds"),
        ({"min_len": -1}, "min_len must be 0 or more; got -1"),
        ({"max_len": 0}, "max_len must be at least 1; got 0"),
    ],
)
def test_a_beam_that_cannot_be_is_refused(how: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Beam(**how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"num_samples": 0}, "num_samples must be at least 1; got 0"),
        ({"top_p": 2.0}, "top_p must be above 0 and at most 1"),
        ({"min_len": -1}, "min_len must be 0 or more; got -1"),
        ({"max_len": 0}, "max_len must be at least 1; got 0"),
    ],
)
def test_samples_that_cannot_be_are_refused(how: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Sampling(**how)  # type: ignore[arg-type]
