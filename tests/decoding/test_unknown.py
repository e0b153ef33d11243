import pytest
import torch

from regard.decoding import Beam, Sampling, WithoutUnknown, force, replace_unknown
from regard.interfaces import EOS, UNK, StepDecoder
from tests.decoding.toy_decoder import Text, ToyDecoder, random_rule, replay, tokens_of

SOURCES: list[Text] = [(5, 6, 4, EOS), (4, EOS), (6, 6, EOS)]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_unknown_is_not_written(seed: int) -> None:
    rule = random_rule(seed)
    decoder, source = WithoutUnknown(ToyDecoder(rule)), tokens_of(SOURCES)
    assert isinstance(decoder, StepDecoder)
    drawn = Sampling(20, max_len=6, generator=torch.Generator().manual_seed(seed))
    with_unknown = [each.tokens for found in drawn(ToyDecoder(rule), source) for each in found]
    assert any(UNK in tokens for tokens in with_unknown)
    for search in (drawn, Beam(4, num_best=4, max_len=6)):
        for text, found in zip(SOURCES, search(decoder, source), strict=True):
            assert found
            for each in found:
                assert UNK not in each.tokens
                wanted = replay(rule, text, each.tokens, limit=6)
                assert each.log_prob == pytest.approx(wanted, abs=1e-4)
                assert each.alignment.shape == (len(each.tokens), len(text))


def test_an_unknown_word_cannot_be_forced() -> None:
    decoder = WithoutUnknown(ToyDecoder(random_rule(0)))
    with pytest.raises(ValueError, match="nothing can be decoded for sentence 0"):
        force(decoder, tokens_of(SOURCES[:1]), tokens_of([(4, UNK)]))


def test_unknown_becomes_the_most_attended_source_word() -> None:
    alignment = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    tokens = ["a", "<unk>", "<unk>"]
    assert replace_unknown(tokens, alignment, ["berta", "carl"]) == ["a", "carl", "berta"]
    assert tokens == ["a", "<unk>", "<unk>"]


def test_the_column_of_eos_is_never_chosen() -> None:
    alignment = torch.tensor([[0.1, 0.2, 0.7]])
    assert replace_unknown(["<unk>"], alignment, ["berta", "carl"]) == ["carl"]


def test_the_first_word_wins_among_equals() -> None:
    assert replace_unknown(["<unk>"], torch.tensor([[0.5, 0.5]]), ["berta", "carl"]) == ["berta"]


def test_unknown_stays_where_no_word_is_attended() -> None:
    only_eos = torch.tensor([[0.0, 0.0, 1.0]])
    assert replace_unknown(["<unk>"], only_eos, ["berta", "carl"]) == ["<unk>"]
    assert replace_unknown(["<unk>"], torch.ones(1, 1), []) == ["<unk>"]


def test_another_word_may_stand_for_the_unknown() -> None:
    tokens = replace_unknown(["<unk>", "?"], torch.ones(2, 1), ["berta"], unknown="?")
    assert tokens == ["<unk>", "berta"]


def test_nothing_to_replace_leaves_the_tokens() -> None:
    assert replace_unknown(["a"], torch.ones(1, 2), ["berta", "carl"]) == ["a"]
    assert replace_unknown([], torch.ones(0, 2), ["berta", "carl"]) == []


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 4), (3, 2)])
def test_an_alignment_that_does_not_fit_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 2\) or \(2, 3\); got \(\d, \d\)"):
        replace_unknown(["<unk>", "a"], torch.ones(shape), ["berta", "carl"])
