"""A trace holds what a search went through: hypotheses are rebuilt from it, and nothing changes."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from regard.decoding import Beam, Constrained, Sampling, Search, WithoutUnknown
from regard.decoding.trace import Traced, Tracing
from regard.interfaces import BOS, EOS, PAD, Hypothesis, StepDecoder, Tokens
from tests.decoding.toy_decoder import (
    Rule,
    Text,
    ToyDecoder,
    ToyState,
    coarse_rule,
    look,
    random_rule,
    replay,
    tokens_of,
)

SOURCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), (), (6, 6, EOS)]
LIMIT = 6

SEARCHES: dict[str, Beam] = {
    "greedy": Beam(max_len=LIMIT),
    "beam": Beam(4, num_best=3, max_len=LIMIT),
    "beam of the first": Beam(5, max_len=LIMIT),
    "without a length penalty": Beam(3, num_best=3, length_penalty=0.0, max_len=LIMIT),
    "groups": Beam(6, num_groups=3, num_best=6, diversity=2.0, max_len=LIMIT),
    "groups of one": Beam(4, num_groups=4, num_best=4, diversity=9.0, max_len=LIMIT),
    "least length": Beam(4, num_best=4, min_len=3, max_len=LIMIT),
    "covered": Beam(4, num_best=2, coverage_penalty=0.5, max_len=LIMIT),
    "one token": Beam(3, num_best=3, max_len=1),
}
rules = st.one_of(
    st.builds(random_rule, st.integers(0, 2**31), st.sampled_from([-2.0, 0.0, 1.0])),
    st.builds(coarse_rule, st.integers(0, 2**31), st.sampled_from([2, 30])),
)
by_every_search = pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)


class Noting(ToyDecoder):
    """Notes the source and the text of every row that it is asked to go on with."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.asked: list[tuple[Text, Text]] = []

    def step(self, state: ToyState, token: Tensor) -> tuple[Tensor, ToyState]:
        log_probs, state = super().step(state, token)
        self.asked += state.rows
        return log_probs, state


def length_penalty(hypothesis: Hypothesis, limit: int, exponent: float) -> float:
    length = min(len(hypothesis.tokens) + 1, limit)
    return ((5 + length) / 6) ** exponent


def written(tracing: Tracing, number: int) -> Text:
    """Rebuild a text from the pointers of its nodes."""
    node = tracing.trace.nodes[number]
    return (*(() if node.parent is None else written(tracing, node.parent)), node.token)


@by_every_search
@given(rule=rules)
@settings(max_examples=15)
def test_every_hypothesis_is_rebuilt(search: Beam, rule: Rule) -> None:
    tracing = Tracing(search)
    found = tracing(ToyDecoder(rule), tokens_of(SOURCES))
    for sentence, (source, hypotheses) in enumerate(zip(SOURCES, found, strict=True)):
        assert hypotheses
        for each in hypotheses:
            nodes, last, log_prob = tracing.trace.follow(each, sentence)
            text = written(tracing, nodes[-1])
            assert nodes[0] in tracing.trace.roots(sentence)
            assert [BOS, *each.tokens] == [token for token in (*text, last) if token != EOS]
            assert last == EOS or len(each.tokens) == search.max_len
            whole = tracing.trace.nodes[nodes[-1]].log_prob + log_prob
            assert whole == pytest.approx(each.log_prob, abs=1e-4)
            limit = search.max_len or 0
            assert whole == pytest.approx(replay(rule, source, each.tokens, limit), abs=1e-4)
            if not search.coverage_penalty:
                penalty = length_penalty(each, limit, search.length_penalty)
                assert whole / penalty == pytest.approx(each.score, abs=1e-4)
            looked = [tracing.trace.nodes[at].looked for at in nodes[: len(each.tokens)]]
            rebuilt = torch.stack(looked) if looked else torch.zeros(0, len(source))
            torch.testing.assert_close(rebuilt[:, : len(source)], each.alignment, rtol=0, atol=0)


@by_every_search
@given(rule=rules)
@settings(max_examples=10)
def test_nodes_are_what_the_decoder_was_asked(search: Beam, rule: Rule) -> None:
    noting, tracing = Noting(rule), Tracing(search)
    tracing(noting, tokens_of(SOURCES))
    nodes = tracing.trace.nodes
    assert len(nodes) == len(noting.asked)
    width = max(map(len, SOURCES))
    for number, (node, (source, text)) in enumerate(zip(nodes, noting.asked, strict=True)):
        assert written(tracing, number) == text
        assert SOURCES[node.sentence] == source
        assert node.num_tokens == len(text) - 1
        row = [rule(source, text[:end])[text[end]] for end in range(1, len(text))]
        assert node.log_prob == pytest.approx(math.fsum(row), abs=1e-4)
        assert node.looked.tolist() == pytest.approx(look(text, len(source), width))
        following = rule(source, text)
        assert {token for token, _ in node.candidates} == {1, 3, 4, 5, 6}
        assert [each for _, each in node.candidates] == pytest.approx(
            sorted((following[token] for token, _ in node.candidates), reverse=True)
        )


@by_every_search
@given(rule=rules)
@settings(max_examples=10)
def test_tracing_changes_nothing(search: Beam, rule: Rule) -> None:
    plain, traced = (
        each(ToyDecoder(rule), tokens_of(SOURCES)) for each in (search, Tracing(search))
    )
    assert [[each[:3] for each in beam] for beam in traced] == [
        [each[:3] for each in beam] for beam in plain
    ]
    for beam, wanted in zip(traced, plain, strict=True):
        for each, other in zip(beam, wanted, strict=True):
            torch.testing.assert_close(each.alignment, other.alignment, rtol=0, atol=0)


def test_a_beam_follows_no_more_than_its_size_and_the_greedy_one() -> None:
    tracing = Tracing(Beam(3, max_len=8))
    tracing(ToyDecoder(random_rule(5, end=-2.0)), tokens_of(SOURCES[:1]))
    alive = [node.num_tokens for node in tracing.trace.nodes]
    assert alive.count(0) == 1
    assert max(map(alive.count, alive)) in (3, 4)


def test_groups_have_a_root_each() -> None:
    tracing = Tracing(SEARCHES["groups"])
    tracing(ToyDecoder(random_rule(3)), tokens_of(SOURCES))
    assert [len(tracing.trace.roots(sentence)) for sentence in range(4)] == [3, 3, 3, 3]


def test_prefixes_are_followed_as_any_token_is() -> None:
    prefix = tokens_of([(4, 5)])
    tracing = Tracing(Beam(3, num_best=3, max_len=LIMIT))
    rule = random_rule(7)
    [found] = tracing(ToyDecoder(rule), tokens_of(SOURCES[:1]), prefix)
    for each in found:
        nodes, *_ = tracing.trace.follow(each)
        assert written(tracing, nodes[2]) == (BOS, 4, 5)
        assert tracing.trace.nodes[nodes[2]].log_prob == pytest.approx(
            rule(SOURCES[0], (BOS,))[4] + rule(SOURCES[0], (BOS, 4))[5], abs=1e-4
        )


@given(seed=st.integers(0, 2**31))
@settings(max_examples=15)
def test_samples_are_rebuilt(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    tracing = Tracing(Sampling(3, max_len=4, generator=generator))
    rule = random_rule(seed)
    found = tracing(ToyDecoder(rule), tokens_of(SOURCES))
    assert len(tracing.trace.roots(1)) == 3
    for sentence, samples in enumerate(found):
        for each in samples:
            nodes, last, log_prob = tracing.trace.follow(each, sentence)
            text = (*written(tracing, nodes[-1]), last)
            assert [token for token in text if token not in (BOS, EOS)] == each.tokens
            assert tracing.trace.nodes[nodes[-1]].log_prob + log_prob == pytest.approx(
                replay(rule, SOURCES[sentence], each.tokens, 4), abs=1e-4
            )


@pytest.mark.parametrize("num_candidates", [1, 3])
def test_an_end_is_among_the_candidates_even_if_improbable(num_candidates: int) -> None:
    traced = Traced(ToyDecoder(random_rule(1, end=-20.0)), num_candidates=num_candidates)
    state = traced.start(tokens_of(SOURCES[:1]))
    traced.step(state, torch.tensor([BOS]))
    [node] = traced.trace.nodes
    tokens = [token for token, _ in node.candidates]
    assert tokens[-1] == EOS
    assert len(tokens) == num_candidates + 1


WRAPPERS: dict[str, Callable[[StepDecoder], StepDecoder]] = {
    "constrained": lambda decoder: Constrained(decoder, min_len=2),
    "without unknown": WithoutUnknown,
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_what_may_not_be_written_is_no_candidate_where_the_decoder_says_so(
    wrap: Callable[[StepDecoder], StepDecoder],
) -> None:
    tracing = Tracing(Beam(2, max_len=5))
    tracing(wrap(ToyDecoder(random_rule(2))), tokens_of(SOURCES[:1]))
    forbidden = EOS if wrap is WRAPPERS["constrained"] else 1
    assert all(token != forbidden for token, _ in tracing.trace.nodes[0].candidates)
    assert all(
        token not in (PAD, BOS) for node in tracing.trace.nodes for token, _ in node.candidates
    )


def test_a_traced_decoder_is_a_step_decoder_and_a_tracing_a_search() -> None:
    decoder = ToyDecoder(random_rule(0))
    traced = Traced(decoder)
    assert isinstance(traced, StepDecoder)
    assert isinstance(Tracing(Beam(2)), Search)
    source = tokens_of(SOURCES[:2])
    _, stepped = traced.step(traced.start(source), torch.tensor([BOS, BOS]))
    _, plain = decoder.step(decoder.start(source), torch.tensor([BOS, BOS]))
    swapped = traced.reorder(stepped, torch.tensor([1, 0]))
    torch.testing.assert_close(traced.alignment(stepped), decoder.alignment(plain))
    torch.testing.assert_close(traced.alignment(swapped), decoder.alignment(plain).flip(0))


def test_a_new_batch_is_a_new_trace() -> None:
    tracing = Tracing(Beam(2, max_len=4))
    decoder = ToyDecoder(random_rule(4))
    tracing(decoder, tokens_of(SOURCES))
    first = tracing.trace
    tracing(decoder, tokens_of(SOURCES[:1]))
    assert tracing.trace is not first
    assert {node.sentence for node in tracing.trace.nodes} == {0}
    assert tracing.num_rows == 2


def test_what_was_not_found_cannot_be_followed() -> None:
    tracing = Tracing(replace(SEARCHES["beam"], max_len=3))
    [found, *_] = tracing(ToyDecoder(random_rule(6)), tokens_of(SOURCES))
    other = found[0]._replace(tokens=[4, 5, 6, 4, 5])
    with pytest.raises(ValueError, match=r"did not write \[4, 5, 6, 4, 5\] for sentence 0"):
        tracing.trace.follow(other)


def test_nothing_is_traced_of_no_sentence() -> None:
    tracing = Tracing(Beam(2))
    assert tracing(ToyDecoder(random_rule(0)), Tokens(*tokens_of([]))) == []
    assert tracing.trace.nodes == []
