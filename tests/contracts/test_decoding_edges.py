"""Every decoder under a search, where things are at their largest, longest or emptiest."""

import pytest
import torch

from regard.decoding import beam_search, greedy
from regard.interfaces import EOS, Tokens
from tests import cases
from tests.cases import over
from tests.drawing import VOCAB, sentences
from tests.model_cases import DECODERS, DecoderCase

BY_LOCATION = [case for case in DECODERS if "location" in case.id]
MAX_LEN = 5


def lengths_of(case: DecoderCase) -> list[int]:
    """Return one longer than any mask, window or chunk, if it can be read; and nothing at all."""
    return [cases.MAX_LEN if case in BY_LOCATION else 40, 1, 0, 3]


@over(DECODERS)
@pytest.mark.parametrize("beam_size", [1, VOCAB + 5])
def test_each_sentence_is_written_as_if_alone(case: DecoderCase, beam_size: int) -> None:
    lengths = lengths_of(case)
    decoder, source = case.make().double().eval(), sentences(lengths)
    together = beam_search(decoder, source, beam_size=beam_size, max_len=MAX_LEN)
    for row, length in enumerate(lengths):
        alone = Tokens(source.ids[row : row + 1, :length], source.lengths[row : row + 1])
        (wanted,) = beam_search(decoder, alone, beam_size=beam_size, max_len=MAX_LEN)
        best, its_best = together[row][0], wanted[0]
        assert best.tokens == its_best.tokens
        assert best.log_prob == pytest.approx(its_best.log_prob, abs=1e-4)
        torch.testing.assert_close(best.alignment, its_best.alignment, rtol=0, atol=1e-5)
        assert best.alignment.shape == (len(best.tokens), length)


@over(BY_LOCATION)
def test_a_place_that_no_score_is_learnt_for_is_refused(case: DecoderCase) -> None:
    with pytest.raises(ValueError, match=f"knows {cases.MAX_LEN} positions; got 17 keys"):
        greedy(case.make().eval(), sentences([3, cases.MAX_LEN + 1]), max_len=MAX_LEN)


@over(DECODERS)
def test_what_never_ends_is_cut(case: DecoderCase) -> None:
    decoder, source = case.make().eval(), sentences([3, 1])
    with torch.no_grad():
        decoder.output.bias[EOS] = -1e4
    assert [len(best.tokens) for best in greedy(decoder, source, max_len=7)] == [7, 7]
