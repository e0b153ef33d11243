from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from regard.decoding import greedy
from regard.interfaces import BOS, EOS, PAD, UNK
from tests.decoding.toy_decoder import (
    VOCAB,
    WRITABLE,
    Rule,
    Text,
    ToyDecoder,
    ToyState,
    coarse_rule,
    look,
    random_rule,
    tokens_of,
)

SENTENCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), (), (6, 6, EOS), (4,)]


def ends_after(num_tokens: dict[Text, int]) -> Rule:
    """Return a rule that writes 4 so many times, then `EOS`."""

    def rule(source: Text, written: Text) -> list[float]:
        row = [-9.0] * VOCAB
        row[EOS if len(written) > num_tokens[source] else 4] = -0.5
        return row

    return rule


def write(rule: Rule, source: Text, limit: int) -> list[int]:
    """Return what greedy decoding writes, one sentence and one token at a time."""
    written: list[int] = []
    while len(written) < limit:
        row = rule(source, (BOS, *written))
        token = min(WRITABLE, key=lambda token: (-row[token], token))
        if token == EOS:
            break
        written.append(token)
    return written


@given(seed=st.integers(0, 2**31), limit=st.integers(1, 12), num_levels=st.integers(0, 3))
def test_every_token_is_the_most_probable(seed: int, limit: int, num_levels: int) -> None:
    rule = coarse_rule(seed, num_levels) if num_levels else random_rule(seed)
    for sentence, hypothesis in zip(
        SENTENCES, greedy(ToyDecoder(rule), tokens_of(SENTENCES), max_len=limit), strict=True
    ):
        tokens = hypothesis.tokens
        assert tokens == write(rule, sentence, limit)
        assert not {PAD, BOS, EOS} & set(tokens)
        wanted = [look((BOS, *tokens[:place]), len(sentence), 0) for place in range(len(tokens))]
        assert hypothesis.alignment.shape == (len(tokens), len(sentence))
        assert hypothesis.alignment.flatten().tolist() == pytest.approx([*chain(*wanted)], abs=1e-6)


def test_score_is_the_log_probability_over_the_length_penalty() -> None:
    source = tokens_of([(4,)])
    rule = ends_after({(4,): 3})
    (plain,) = greedy(ToyDecoder(rule), source, length_penalty=0.0)
    (penalised,) = greedy(ToyDecoder(rule), source, length_penalty=2.0)
    assert plain.score == plain.log_prob == pytest.approx(-2.0, abs=1e-6)
    assert penalised.log_prob == pytest.approx(-2.0, abs=1e-6)
    assert penalised.score == pytest.approx(-2.0 / (9 / 6) ** 2, abs=1e-6)


def test_finished_sentences_take_no_time() -> None:
    decoder = ToyDecoder(ends_after({(4,): 0, (5,): 3, (6,): 1}))
    hypotheses = greedy(decoder, tokens_of([(4,), (5,), (6,)]))
    assert [len(hypothesis.tokens) for hypothesis in hypotheses] == [0, 3, 1]
    assert decoder.num_rows == [3, 2, 1, 1]


def test_nothing_is_reordered_while_no_sentence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = ToyDecoder(ends_after({(4,): 5, (5,): 5}))
    monkeypatch.delattr(ToyDecoder, "reorder")
    hypotheses = greedy(decoder, tokens_of([(4,), (5,)]))
    assert [hypothesis.tokens for hypothesis in hypotheses] == [[4] * 5] * 2


@given(seed=st.integers(0, 2**31))
@settings(max_examples=30)
def test_a_sentence_does_not_depend_on_its_batch(seed: int) -> None:
    rule = random_rule(seed, end=-1.0)
    together = greedy(ToyDecoder(rule), tokens_of(SENTENCES, width=9))
    for sentence, left in zip(SENTENCES, together, strict=True):
        (right,) = greedy(ToyDecoder(rule), tokens_of([sentence]))
        assert left[:3] == right[:3]
        torch.testing.assert_close(left.alignment, right.alignment, rtol=0, atol=0)


def test_default_limit_is_twice_the_source_and_ten() -> None:
    endless = ends_after(dict.fromkeys(SENTENCES, 1000))
    hypotheses = greedy(ToyDecoder(endless), tokens_of(SENTENCES))
    lengths = [len(hypothesis.tokens) for hypothesis in hypotheses]
    assert lengths == [2 * len(sentence) + 10 for sentence in SENTENCES]


def test_limit_counts_the_end_of_the_sentence() -> None:
    rule = ends_after({(4,): 2})
    source = tokens_of([(4,)])
    whole, cut = (greedy(ToyDecoder(rule), source, max_len=limit)[0] for limit in (3, 2))
    assert whole.tokens == cut.tokens == [4, 4]
    assert whole.log_prob == pytest.approx(-1.5, abs=1e-6)
    assert cut.log_prob == pytest.approx(-1.0, abs=1e-6)


def test_limits_may_differ_by_sentence() -> None:
    endless = ends_after(dict.fromkeys(SENTENCES, 1000))
    limits = torch.tensor([2, 1, 4, 3, 1], dtype=torch.int32)
    hypotheses = greedy(ToyDecoder(endless), tokens_of(SENTENCES), max_len=limits)
    assert [len(hypothesis.tokens) for hypothesis in hypotheses] == limits.tolist()


def test_unknown_may_be_written_and_wins_ties() -> None:
    (best,) = greedy(ToyDecoder(coarse_rule(0, num_levels=1)), tokens_of([(4,)]), max_len=3)
    assert best.tokens == [UNK] * 3


def test_the_decoders_own_table_is_left_alone() -> None:
    class Shared(ToyDecoder):
        table = torch.full((1, VOCAB), -1.0)

        def step(self, state: ToyState, token: Tensor) -> tuple[Tensor, ToyState]:
            return self.table, super().step(state, token)[1]

    greedy(Shared(random_rule(0)), tokens_of([(4,)]), max_len=2)
    assert Shared.table.tolist() == [[-1.0] * VOCAB]


def test_half_precision_log_probabilities_are_summed_in_float32() -> None:
    class Half(ToyDecoder):
        def step(self, state: ToyState, token: Tensor) -> tuple[Tensor, ToyState]:
            log_probs, state = super().step(state, token)
            return log_probs.bfloat16(), state

        def alignment(self, state: ToyState) -> Tensor:
            return super().alignment(state).bfloat16()

    decoder = Half(ends_after({(4,): 300}))
    (best,) = greedy(decoder, tokens_of([(4,)]), max_len=400)
    assert best.log_prob == pytest.approx(-150.5, abs=1e-3)
    assert best.alignment.dtype == torch.float32


def test_no_sentences_give_no_hypotheses() -> None:
    assert greedy(ToyDecoder(random_rule(0)), tokens_of([])) == []


@pytest.mark.parametrize(
    ("max_len", "message"),
    [
        (0, "max_len must be at least 1; got 0"),
        (torch.tensor([3, 0]), "max_len must be at least 1; got 0"),
        (torch.tensor([3]), r"one limit per sentence, shape \(2,\); got \(1,\)"),
    ],
)
def test_limits_out_of_range_are_refused(max_len: int | Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        greedy(ToyDecoder(random_rule(0)), tokens_of([(4,), (5,)]), max_len=max_len)


def test_negative_length_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be 0 or a positive number; got -0\.1"):
        greedy(ToyDecoder(random_rule(0)), tokens_of([(4,)]), length_penalty=-0.1)


@pytest.mark.parametrize("value", [float("nan"), -float("inf")])
def test_a_sentence_without_probabilities_is_named(value: float) -> None:
    def rule(source: Text, _written: Text) -> list[float]:
        return [value if source == (5,) else -1.0] * VOCAB

    with pytest.raises(ValueError, match="sentence 1 of the batch"):
        greedy(ToyDecoder(rule), tokens_of([(4,), (5,)]), max_len=3)
