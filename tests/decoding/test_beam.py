from collections.abc import Callable
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.decoding import beam_search, greedy
from regard.interfaces import BOS, EOS, PAD, UNK, Hypothesis, StepDecoder, Tokens
from tests.decoding.toy_decoder import (
    VOCAB,
    Rule,
    Text,
    ToyDecoder,
    coarse_rule,
    every_hypothesis,
    look,
    random_rule,
    replay,
    slow_beam_search,
    tokens_of,
)

SENTENCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), (), (6, 6, EOS), (4,)]

seeds = st.integers(0, 2**31)
exponents = st.sampled_from([0.0, 0.6, 1.0, 2.0])
limits = st.integers(1, 9)


@st.composite
def rules(draw: Callable[[st.SearchStrategy[float]], float]) -> Rule:
    seed = int(draw(seeds))
    coarse = coarse_rule(seed, num_levels=int(draw(st.sampled_from([2, 4, 30]))))
    smooth = random_rule(seed, end=draw(st.sampled_from([-2.0, 0.0, 1.0])))
    return [coarse, smooth][int(draw(st.integers(0, 1)))]


def scripted(script: dict[Text, dict[int, float]]) -> Rule:
    """Return a rule for any source; what the script leaves out has log-probability -50."""

    def rule(_source: Text, written: Text) -> list[float]:
        row = script.get(written[1:], {})
        return [row.get(token, -50.0) for token in range(VOCAB)]

    return rule


def assert_same(left: Hypothesis, right: Hypothesis) -> None:
    assert left[:3] == right[:3]
    torch.testing.assert_close(left.alignment, right.alignment, rtol=0, atol=0)


def test_toy_decoder_is_a_step_decoder() -> None:
    assert isinstance(ToyDecoder(random_rule(0)), StepDecoder)


@given(rule=rules(), limit=limits, exponent=exponents)
def test_beam_of_one_is_greedy(rule: Rule, limit: int, exponent: float) -> None:
    source = tokens_of(SENTENCES)
    options = {"max_len": limit, "length_penalty": exponent}
    wanted = greedy(ToyDecoder(rule), source, **options)
    beams = beam_search(ToyDecoder(rule), source, beam_size=1, **options)
    assert [len(beam) for beam in beams] == [1] * len(SENTENCES)
    for (best,), greedy_best in zip(beams, wanted, strict=True):
        assert_same(best, greedy_best)


@given(rule=rules(), limit=limits, exponent=exponents, beam_size=st.integers(2, 6))
def test_larger_beam_never_scores_below_greedy(
    rule: Rule, limit: int, exponent: float, beam_size: int
) -> None:
    source = tokens_of(SENTENCES)
    options = {"max_len": limit, "length_penalty": exponent}
    floor = greedy(ToyDecoder(rule), source, **options)
    beams = beam_search(ToyDecoder(rule), source, beam_size=beam_size, **options)
    for beam, lowest in zip(beams, floor, strict=True):
        assert beam[0].score >= lowest.score


def test_greedy_hypothesis_survives_a_beam_that_drops_it() -> None:
    rule = scripted(
        {
            (): {4: -1.0, 5: -1.1},
            (4,): {4: -5.0},
            (5,): {5: -0.1, 6: -0.2},
            (4, 4): {EOS: 0.0},
        }
    )
    source = tokens_of([(4, EOS)])
    (beam,) = beam_search(ToyDecoder(rule), source, beam_size=2, length_penalty=0.0, max_len=3)
    assert beam[0].tokens == [4, 4]
    assert beam[0].log_prob == pytest.approx(-6.0, abs=1e-6)


def test_beam_finds_what_greedy_misses() -> None:
    rule = scripted({(): {4: -0.5, 5: -1.0}, (4,): {EOS: -3.0}, (5,): {EOS: -0.1}})
    source = tokens_of([(4, EOS)])
    (missed,) = greedy(ToyDecoder(rule), source, length_penalty=0.0)
    ((best,),) = beam_search(ToyDecoder(rule), source, beam_size=2, length_penalty=0.0)
    assert missed.tokens == [4]
    assert best.tokens == [5]
    assert best.score == best.log_prob == pytest.approx(-1.1, abs=1e-6)


def test_length_penalty_prefers_the_longer_hypothesis() -> None:
    rule = scripted({(): {EOS: -1.0, 4: -0.9}, (4,): {4: 0.0}, (4, 4): {EOS: -0.2}})
    source = tokens_of([(4, EOS)])
    best = {
        exponent: beam_search(ToyDecoder(rule), source, beam_size=3, length_penalty=exponent)[0][0]
        for exponent in (0.0, 1.0)
    }
    assert best[0.0].tokens == []
    assert best[0.0].score == pytest.approx(-1.0, abs=1e-6)
    assert best[1.0].tokens == [4, 4]
    assert best[1.0].score == pytest.approx(-1.1 * 6 / 8, abs=1e-6)


@given(seed=seeds, limit=st.integers(1, 4), exponent=exponents)
@settings(max_examples=25)
def test_wide_beam_equals_enumeration(seed: int, limit: int, exponent: float) -> None:
    rule = random_rule(seed)
    num_hypotheses = len(every_hypothesis(rule, (), limit, exponent))
    sentences = SENTENCES[:2]
    beams = beam_search(
        ToyDecoder(rule),
        tokens_of(sentences),
        beam_size=num_hypotheses,
        num_best=num_hypotheses,
        length_penalty=exponent,
        max_len=limit,
    )
    for sentence, beam in zip(sentences, beams, strict=True):
        wanted = every_hypothesis(rule, sentence, limit, exponent)
        scores = {tuple(hypothesis.tokens): hypothesis.score for hypothesis in wanted}
        assert {tuple(hypothesis.tokens) for hypothesis in beam} == set(scores)
        assert beam[0].score == pytest.approx(wanted[0].score, abs=1e-4)
        for hypothesis in beam:
            assert hypothesis.score == pytest.approx(scores[tuple(hypothesis.tokens)], abs=1e-4)


@given(
    seed=seeds,
    num_levels=st.sampled_from([2, 5, 30]),
    limit=limits,
    exponent=st.sampled_from([0.0, 0.6, 1.3]),  # no two lengths tie by rounding
    beam_size=st.integers(1, 6),
    num_best=st.integers(1, 6),
)
def test_equals_search_over_plain_lists(
    seed: int, num_levels: int, limit: int, exponent: float, beam_size: int, num_best: int
) -> None:
    rule = coarse_rule(seed, num_levels)
    num_best = min(num_best, beam_size)
    beams = beam_search(
        ToyDecoder(rule),
        tokens_of(SENTENCES),
        beam_size=beam_size,
        num_best=num_best,
        length_penalty=exponent,
        max_len=limit,
    )
    for sentence, beam in zip(SENTENCES, beams, strict=True):
        wanted = slow_beam_search(rule, sentence, beam_size, limit, exponent)[:num_best]
        assert [hypothesis.tokens for hypothesis in beam] == [w.tokens for w in wanted]
        assert [h.log_prob for h in beam] == [w.log_prob for w in wanted]
        assert [h.score for h in beam] == pytest.approx([w.score for w in wanted], rel=1e-5)


@given(rule=rules(), limit=limits, exponent=exponents)
def test_hypotheses_are_sorted_distinct_and_their_own_sentence(
    rule: Rule, limit: int, exponent: float
) -> None:
    beams = beam_search(
        ToyDecoder(rule),
        tokens_of(SENTENCES),
        beam_size=4,
        num_best=3,
        length_penalty=exponent,
        max_len=limit,
    )
    for sentence, beam in zip(SENTENCES, beams, strict=True):
        assert 1 <= len(beam) <= 3
        scores = [hypothesis.score for hypothesis in beam]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(hypothesis.tokens) for hypothesis in beam}) == len(beam)
        for hypothesis in beam:
            assert not {PAD, BOS, EOS} & set(hypothesis.tokens)
            log_prob = replay(rule, sentence, hypothesis.tokens, limit)
            assert hypothesis.log_prob == pytest.approx(log_prob, abs=1e-4)


@given(rule=rules(), beam_size=st.integers(1, 4), exponent=exponents)
@settings(max_examples=20)
def test_a_sentence_does_not_depend_on_its_batch(
    rule: Rule, beam_size: int, exponent: float
) -> None:
    options = {"beam_size": beam_size, "num_best": beam_size, "length_penalty": exponent}
    together = beam_search(ToyDecoder(rule), tokens_of(SENTENCES, width=9), **options)
    for sentence, beam in zip(SENTENCES, together, strict=True):
        (alone,) = beam_search(ToyDecoder(rule), tokens_of([sentence]), **options)
        assert len(alone) == len(beam)
        for left, right in zip(alone, beam, strict=True):
            assert_same(left, right)


@given(rule=rules(), limit=limits, num_best=st.integers(1, 4), exponent=exponents)
def test_asking_for_fewer_returns_the_same_ones(
    rule: Rule, limit: int, num_best: int, exponent: float
) -> None:
    source = tokens_of(SENTENCES)
    options = {"beam_size": 4, "max_len": limit, "length_penalty": exponent}
    few = beam_search(ToyDecoder(rule), source, num_best=num_best, **options)
    many = beam_search(ToyDecoder(rule), source, num_best=4, **options)
    for left, right in zip(few, many, strict=True):
        assert [h[:3] for h in left] == [h[:3] for h in right[:num_best]]


@given(rule=rules(), limit=limits)
def test_alignment_follows_each_hypothesis_through_the_beam(rule: Rule, limit: int) -> None:
    beams = beam_search(
        ToyDecoder(rule), tokens_of(SENTENCES), beam_size=4, num_best=4, max_len=limit
    )
    for sentence, beam in zip(SENTENCES, beams, strict=True):
        for tokens, _, _, alignment in beam:
            written = [(BOS, *tokens[:place]) for place in range(len(tokens))]
            wanted = [look(history, len(sentence), len(sentence)) for history in written]
            assert alignment.dtype == torch.float32
            assert alignment.shape == (len(tokens), len(sentence))
            assert alignment.flatten().tolist() == pytest.approx([*chain(*wanted)], abs=1e-6)


def test_a_sentence_stops_only_when_nothing_can_beat_what_it_keeps() -> None:
    rule = scripted({(): {EOS: -1.0, 4: -1.1}, (4,): {4: 0.0}, (4, 4): {4: 0.0, EOS: -30.0}})
    source = tokens_of([(4, EOS)])
    steps = {}
    for limit in (2, 8):
        decoder = ToyDecoder(rule)
        beam_search(decoder, source, beam_size=2, length_penalty=1.0, max_len=limit)
        steps[limit] = len(decoder.num_rows)
    # -1.1 over the penalty of 8 tokens is above -1, until (4, 4) makes the next word cost 50.
    assert steps == {2: 2, 8: 4}
    decoder = ToyDecoder(rule)
    beam_search(decoder, source, beam_size=2, length_penalty=0.0, max_len=8)
    assert len(decoder.num_rows) == 1


def test_a_hypothesis_that_cannot_be_kept_is_not_continued() -> None:
    rule = scripted({(): {4: -0.1, 5: -2.0, EOS: -1.0}, (4,): {4: -0.2}, (4, 4): {EOS: -0.2}})
    decoder = ToyDecoder(rule)
    (beam,) = beam_search(decoder, tokens_of([(4,)]), beam_size=3, length_penalty=0.0)
    assert beam[0].tokens == [4, 4]
    assert decoder.num_rows == [1, 1, 1]


def test_finished_sentences_leave_the_batch() -> None:
    def rule(source: Text, written: Text) -> list[float]:
        row = [-30.0] * VOCAB
        row[EOS if len(written) == len(source) else 4] = -0.01
        return row

    decoder = ToyDecoder(rule)
    sentences: list[Text] = [(4,), (4, 4, 4), (4, 4)]
    beams = beam_search(decoder, tokens_of(sentences), beam_size=3, length_penalty=0.0)
    assert [len(beam[0].tokens) for beam in beams] == [0, 2, 1]
    assert decoder.num_rows[0] == 3
    assert decoder.num_rows[1] <= 2 * 4
    assert decoder.num_rows[2] <= 1 * 4
    assert len(decoder.num_rows) == 3


@given(rule=rules(), beam_size=st.integers(1, 5))
@settings(max_examples=20)
def test_rows_per_sentence_are_bounded(rule: Rule, beam_size: int) -> None:
    decoder = ToyDecoder(rule)
    beam_search(decoder, tokens_of(SENTENCES), beam_size=beam_size, num_best=beam_size)
    per_sentence = beam_size + (beam_size > 1)
    assert decoder.num_rows[0] == len(SENTENCES)
    assert max(decoder.num_rows) <= len(SENTENCES) * per_sentence


def test_unknown_may_be_written() -> None:
    rule = scripted({(): {UNK: -0.1}, (UNK,): {EOS: -0.1}})
    ((best,),) = beam_search(ToyDecoder(rule), tokens_of([(4,)]), beam_size=2)
    assert best.tokens == [UNK]


def test_equal_continuations_are_taken_by_lowest_id() -> None:
    level = coarse_rule(0, num_levels=1)
    beams = beam_search(
        ToyDecoder(level), tokens_of([(4,)]), beam_size=3, num_best=3, length_penalty=0.0, max_len=1
    )
    assert [hypothesis.tokens for hypothesis in beams[0]] == [[UNK], [], [4]]


def test_hypotheses_cut_at_the_limit_are_ranked_as_they_are() -> None:
    rule = scripted({(): {4: -0.5, EOS: -1.0}, (4,): {4: -0.1}})
    (beam,) = beam_search(
        ToyDecoder(rule), tokens_of([(4,)]), beam_size=2, num_best=2, length_penalty=0.0, max_len=2
    )
    assert [hypothesis.tokens for hypothesis in beam] == [[4, 4], []]
    assert [h.log_prob for h in beam] == pytest.approx([-0.6, -1.0], abs=1e-6)


def test_limits_may_differ_by_sentence() -> None:
    endless = scripted({(4,) * length: {4: 0.0} for length in range(20)})
    beams = beam_search(
        ToyDecoder(endless),
        tokens_of([(4,), (5,), (6,)]),
        beam_size=2,
        max_len=torch.tensor([3, 1, 5]),
    )
    assert [beam[0].tokens for beam in beams] == [[4] * 3, [4], [4] * 5]


def test_lengths_may_be_32_bit_integers() -> None:
    rule = random_rule(5)
    ids, lengths = source = tokens_of(SENTENCES)
    wanted = beam_search(ToyDecoder(rule), source, beam_size=3)
    beams = beam_search(ToyDecoder(rule), Tokens(ids.int(), lengths.int()), beam_size=3)
    for (left,), (right,) in zip(beams, wanted, strict=True):
        assert_same(left, right)


def test_no_sentences_give_no_hypotheses() -> None:
    assert beam_search(ToyDecoder(random_rule(0)), tokens_of([]), beam_size=2) == []


def test_results_can_be_changed_in_place() -> None:
    ((best,),) = beam_search(ToyDecoder(random_rule(3)), tokens_of([(4, 5)]), beam_size=2)
    assert not best.alignment.requires_grad
    assert best.alignment.mul_(0).sum() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "beam_size must be at least 1; got 0"),
        ({"beam_size": 2, "num_best": 3}, "num_best must lie between 1 and beam_size=2; got 3"),
        ({"beam_size": 2, "num_best": 0}, "num_best must lie between 1 and beam_size=2; got 0"),
        ({"beam_size": 2, "max_len": 0}, "max_len must be at least 1; got 0"),
        ({"beam_size": 2, "length_penalty": -1.0}, "length_penalty must be 0 or a positive"),
        ({"beam_size": 2, "length_penalty": float("nan")}, "length_penalty must be 0 or a pos"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        beam_search(ToyDecoder(random_rule(0)), tokens_of([(4,)]), **options)


@pytest.mark.parametrize("value", [float("nan"), -float("inf")])
def test_a_sentence_without_probabilities_is_named(value: float) -> None:
    def rule(source: Text, _written: Text) -> list[float]:
        return [value if source == (5,) else -1.0] * VOCAB

    with pytest.raises(ValueError, match="sentence 1 of the batch"):
        beam_search(ToyDecoder(rule), tokens_of([(4,), (5,)]), beam_size=2, max_len=3)


def test_probability_zero_is_never_chosen_while_anything_else_is() -> None:
    impossible = -float("inf")

    def rule(_source: Text, written: Text) -> list[float]:
        row = [impossible] * VOCAB
        row[4 if len(written) < 3 else EOS] = -1.0
        return row

    (beam,) = beam_search(ToyDecoder(rule), tokens_of([(4,)]), beam_size=4, num_best=4)
    assert [hypothesis.tokens for hypothesis in beam] == [[4, 4]]
