from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.decoding import force, greedy
from regard.interfaces import BOS, EOS, PAD, UNK, Tokens
from tests.cases import over
from tests.decoding.toy_decoder import (
    Text,
    ToyDecoder,
    look,
    random_rule,
    replay,
    tokens_of,
)
from tests.drawing import sentences
from tests.model_cases import DECODERS, DecoderCase

SOURCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), (), (6, 6, EOS), (4,)]
TARGETS: list[Text] = [(4, 5), (), (UNK, 6, 6, 4, 5), (5,), (4, 4)]

SOME = {"bilinear", "local_m", "coverage", "hard", "monotonic", "chunkwise", "luong"}
SOME_DECODERS = [case for case in DECODERS if case.id in SOME]

some_targets = st.lists(
    st.lists(st.sampled_from([UNK, 4, 5, 6]), max_size=7).map(tuple),
    min_size=len(SOURCES),
    max_size=len(SOURCES),
)


@given(seed=st.integers(0, 2**31), targets=some_targets, width=st.integers(0, 9))
def test_given_tokens_are_written_with_their_probability(
    seed: int, targets: list[Text], width: int
) -> None:
    rule = random_rule(seed)
    found = force(ToyDecoder(rule), tokens_of(SOURCES), tokens_of(targets, width))
    for source, target, hypothesis in zip(SOURCES, targets, found, strict=True):
        assert tuple(hypothesis.tokens) == target
        wanted = replay(rule, source, target, limit=len(target) + 1)
        assert hypothesis.log_prob == pytest.approx(wanted, abs=1e-4)
        looks = [look((BOS, *target[:place]), len(source), 0) for place in range(len(target))]
        assert hypothesis.alignment.shape == (len(target), len(source))
        assert hypothesis.alignment.flatten().tolist() == pytest.approx([*chain(*looks)], abs=1e-6)


@given(seed=st.integers(0, 2**31))
def test_following_what_greedy_wrote_gives_the_same(seed: int) -> None:
    decoder, source = ToyDecoder(random_rule(seed, end=1.0)), tokens_of(SOURCES)
    written = greedy(decoder, source, max_len=40)
    followed = force(decoder, source, tokens_of([each.tokens for each in written]))
    for left, right in zip(written, followed, strict=True):
        if len(left.tokens) == 40:  # greedy was stopped before the end
            continue
        assert right[:3] == left[:3]
        torch.testing.assert_close(right.alignment, left.alignment, rtol=0, atol=0)


@over(SOME_DECODERS)
def test_models_give_their_teacher_forced_probabilities(case: DecoderCase) -> None:
    model = case.make().eval()
    source, target = sentences([4, 1, 0, 3, 6]), sentences([3, 5, 2, 0, 1], seed=1)
    followed = force(model, source, target)
    begun = torch.cat([torch.full((5, 1), BOS), target.ids], dim=1)
    with torch.no_grad():
        logits = model(source, Tokens(begun, target.lengths + 1))
    log_probs = logits.log_softmax(dim=-1)
    for row, (hypothesis, length) in enumerate(zip(followed, target.lengths.tolist(), strict=True)):
        tokens = target.ids[row, :length].tolist()
        wanted = sum(float(log_probs[row, at, token]) for at, token in enumerate([*tokens, EOS]))
        assert hypothesis.tokens == tokens
        assert hypothesis.log_prob == pytest.approx(wanted, abs=1e-4)
        assert hypothesis.alignment.shape == (length, int(source.lengths[row]))


@over(SOME_DECODERS)
def test_models_look_where_they_looked_when_they_wrote(case: DecoderCase) -> None:
    model, source = case.make().eval(), sentences([4, 1, 0, 3, 6])
    written = greedy(model, source, max_len=torch.tensor([8, 3, 5, 1, 12]))
    followed = force(model, source, tokens_of([each.tokens for each in written]))
    for left, right in zip(written, followed, strict=True):
        assert right.tokens == left.tokens
        torch.testing.assert_close(right.alignment, left.alignment, rtol=1e-5, atol=1e-6)


def test_score_is_the_log_probability_over_the_length_penalty() -> None:
    rule = random_rule(0)
    [plain] = force(ToyDecoder(rule), tokens_of([(4,)]), tokens_of([(5, 6)]), length_penalty=0.0)
    [usual] = force(ToyDecoder(rule), tokens_of([(4,)]), tokens_of([(5, 6)]), length_penalty=2.0)
    assert plain.score == plain.log_prob == usual.log_prob
    assert usual.score == pytest.approx(plain.log_prob / (8 / 6) ** 2, rel=1e-6)


def test_sentences_leave_the_batch_at_their_end() -> None:
    decoder = ToyDecoder(random_rule(0))
    force(decoder, tokens_of(SOURCES), tokens_of(TARGETS))
    assert decoder.num_rows == [5, 4, 3, 1, 1, 1]


def test_only_empty_targets_take_one_step() -> None:
    decoder = ToyDecoder(random_rule(0))
    found = force(decoder, tokens_of(SOURCES), tokens_of([()] * 5))
    assert [(each.tokens, len(each.alignment)) for each in found] == [([], 0)] * 5
    assert decoder.num_rows == [5]


def test_no_sentences_give_no_hypotheses() -> None:
    assert force(ToyDecoder(random_rule(0)), tokens_of([]), tokens_of([])) == []


def test_there_must_be_a_target_for_each_source() -> None:
    with pytest.raises(ValueError, match="there are 1 sources, but 2 targets"):
        force(ToyDecoder(random_rule(0)), tokens_of([(4,)]), tokens_of([(4,), (5,)]))


@pytest.mark.parametrize(("token", "name"), [(PAD, "PAD"), (BOS, "BOS"), (EOS, "EOS")])
def test_what_is_never_written_is_no_target(token: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"cannot hold {name}"):
        force(ToyDecoder(random_rule(0)), tokens_of([(4,), (5,)]), tokens_of([(4,), (5, token)]))


def test_a_target_that_cannot_be_written_is_named() -> None:
    def rule(_source: Text, _written: Text) -> list[float]:
        return [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -torch.inf]

    with pytest.raises(ValueError, match="sentence 1 of the batch"):
        force(ToyDecoder(rule), tokens_of([(4,), (5,)]), tokens_of([(4,), (6,)]))
