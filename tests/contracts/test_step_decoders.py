"""A decoder that steps gives what the same decoder gives for all positions at once."""

from typing import Any

import pytest
import torch
from torch import Tensor

from regard import nn as layers
from regard import record
from regard.decoding import Beam
from regard.interfaces import BOS, StepDecoder, Tokens, Translator
from regard.models import TransformerTranslator
from tests.cases import over
from tests.drawing import VOCAB, sentences
from tests.model_cases import DECODERS, DecoderCase, translator

LENGTHS = [4, 1, 0, 3]
SEARCHED = ("gru", "luong", *(f"transformer_{name}" for name in ("plain", "window", "weighted")))


def made(case: DecoderCase) -> Any:
    return case.make().double().eval()


def targets(rows: int = 4, length: int = 3) -> Tokens:
    drawn = sentences([length] * rows, seed=1)
    drawn.ids[:, 0] = BOS
    return drawn


def step_through(decoder: Any, source: Tokens, target: Tokens) -> tuple[Tensor, Tensor]:
    """Feed the target token by token; return log-probabilities and alignment of every step."""
    state, log_probs, alignment = decoder.start(source), [], []
    for token in target.ids.unbind(dim=1):
        step, state = decoder.step(state, token)
        log_probs.append(step)
        alignment.append(decoder.alignment(state))
    return torch.stack(log_probs, dim=1), torch.stack(alignment, dim=1)


@over(DECODERS)
def test_step_by_step_is_the_full_pass(case: DecoderCase) -> None:
    decoder, source, target = made(case), sentences(LENGTHS), targets()
    with record(decoder) as seen:
        logits = decoder(source, target)
    log_probs, alignment = step_through(decoder, source, target)
    # Log-probabilities come in float32, for the search.
    torch.testing.assert_close(log_probs, logits.log_softmax(dim=-1).float(), rtol=1e-5, atol=1e-5)
    weights = (seen[case.aligned_by] if case.aligned_by else seen.only()).alignment().float()
    wanted = weights.mean(dim=1) if weights.dim() == 4 else weights
    torch.testing.assert_close(alignment, wanted, rtol=1e-5, atol=1e-6)


@over(DECODERS)
def test_predictions_are_those_of_real_tokens(case: DecoderCase) -> None:
    decoder, source, target = made(case), sentences(LENGTHS), targets()
    target = target._replace(lengths=torch.tensor([2, 3, 0, 1]))
    found = decoder.predictions(source, target).logits
    wanted = decoder(source, target)[[0, 0, 1, 1, 1, 3], [0, 1, 0, 1, 2, 0]]
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@over(DECODERS)
def test_sentences_know_nothing_of_each_other(case: DecoderCase) -> None:
    decoder, source, target = made(case), sentences(LENGTHS), targets()
    together = decoder(source, target)
    log_probs, alignment = step_through(decoder, source, target)
    for row, length in enumerate(LENGTHS):
        alone = Tokens(source.ids[row : row + 1, :length], source.lengths[row : row + 1])
        its_target = Tokens(target.ids[row : row + 1], target.lengths[row : row + 1])
        torch.testing.assert_close(
            together[row : row + 1], decoder(alone, its_target), rtol=1e-9, atol=1e-9
        )
        its_log_probs, its_alignment = step_through(decoder, alone, its_target)
        torch.testing.assert_close(log_probs[row : row + 1], its_log_probs, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            alignment[row : row + 1, :, :length], its_alignment, rtol=1e-5, atol=1e-6
        )
        assert alignment[row, :, length:].abs().sum().item() == 0


@over(DECODERS)
def test_gradients_are_finite_even_without_a_source(case: DecoderCase) -> None:
    decoder = case.make()
    decoder(sentences(LENGTHS), targets()).square().sum().backward()
    gradients = [p.grad for p in decoder.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@over(DECODERS)
def test_decoder_survives_saving(case: DecoderCase) -> None:
    saved, fresh = made(case), made(case)
    fresh.load_state_dict(saved.state_dict())
    source, target = sentences(LENGTHS), targets()
    torch.testing.assert_close(fresh(source, target), saved(source, target), rtol=0, atol=0)


@over(DECODERS)
def test_decoder_is_what_training_and_search_expect(case: DecoderCase) -> None:
    decoder = case.make()
    assert isinstance(decoder, StepDecoder)
    assert isinstance(decoder, Translator)


@over(DECODERS)
def test_reordered_rows_go_on_where_they_stood(case: DecoderCase) -> None:
    decoder, target = made(case), targets()
    _, state = decoder.step(decoder.start(sentences(LENGTHS)), target.ids[:, 0])
    order = torch.tensor([3, 0, 0, 1, 3])
    moved = decoder.reorder(state, order)
    torch.testing.assert_close(
        decoder.alignment(moved), decoder.alignment(state)[order], rtol=0, atol=1e-6
    )
    token = target.ids[:, 1]
    wanted, wanted_state = decoder.step(state, token)
    got, got_state = decoder.step(moved, token[order])
    torch.testing.assert_close(got, wanted[order], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        decoder.alignment(got_state), decoder.alignment(wanted_state)[order], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("orders", "kept"),
    [([[3, 1, 1, 0]], 4), ([[3, 0, 3]], 2), ([[1]], 1), ([[3, 0, 3], [2, 2]], 1)],
    ids=str,
)
def test_sources_that_no_row_reads_are_let_go_when_that_frees_half(
    orders: list[list[int]], kept: int
) -> None:
    decoder = made(next(case for case in DECODERS if case.id == "transformer_plain"))
    target = targets()
    _, state = decoder.step(decoder.start(sentences(LENGTHS)), target.ids[:, 0])
    wanted, _ = decoder.step(state, target.ids[:, 1])
    moved, rows = state, torch.arange(4)
    for order in map(torch.tensor, orders):
        moved, rows = decoder.reorder(moved, order), rows[order]
    assert [len(memory.key) for memory in moved.sources] == [kept] * 2
    found, _ = decoder.step(moved, target.ids[rows, 1])
    torch.testing.assert_close(found, wanted[rows], rtol=1e-5, atol=1e-5)


@over(DECODERS)
def test_steps_leave_their_state_as_it_was(case: DecoderCase) -> None:
    decoder = made(case)
    state = decoder.start(sentences(LENGTHS))
    first, _ = decoder.step(state, torch.full((4,), BOS))
    second, _ = decoder.step(state, torch.full((4,), BOS))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("search", [Beam(1, max_len=5), Beam(3, max_len=5)], ids=["1", "3"])
@over([case for case in DECODERS if case.id in SEARCHED])
def test_searches_leave_nothing_behind(case: DecoderCase, search: Beam) -> None:
    decoder, first, other = made(case), sentences(LENGTHS), sentences([2, 5], seed=3)
    found, _, again = (search(decoder, source) for source in (first, other, first))
    assert [[best.tokens for best in each] for each in again] == [
        [best.tokens for best in each] for each in found
    ]
    assert [[best.log_prob for best in each] for each in again] == [
        [best.log_prob for best in each] for each in found
    ]


@pytest.mark.parametrize("num_tokens", [1, 3, 5])
def test_tokens_of_another_batch_than_the_state_are_refused(num_tokens: int) -> None:
    decoder = made(next(case for case in DECODERS if case.id == "transformer_plain"))
    state = decoder.start(sentences(LENGTHS))
    token = torch.full((num_tokens,), BOS)
    wanted = rf"a token for each of the state's 4 rows; got {num_tokens}\. A state is of the batch"
    for _ in range(2):
        with pytest.raises(ValueError, match=wanted):
            decoder.step(state, token)
        _, state = decoder.step(state, torch.full((4,), BOS))


def test_a_decoder_with_a_layer_that_sees_no_source_is_refused() -> None:
    with_source, without = (
        layers.TransformerDecoder.plain(8, num_heads=2, has_source=has) for has in (True, False)
    )
    mixed = layers.TransformerDecoder([with_source.layers[0], without.layers[0]])
    for decoder in (without, mixed):
        with pytest.raises(ValueError, match=r"^every layer of a translator's decoder attends to"):
            TransformerTranslator(
                source_vocab=VOCAB, target_vocab=VOCAB, embed_dim=8, decoder=decoder
            )


def test_a_layer_that_attends_to_a_source_wants_one() -> None:
    decoder = layers.TransformerDecoder.plain(8, num_heads=2)
    with pytest.raises(ValueError, match=r"^this layer attends to a source besides; got none$"):
        decoder(torch.zeros(1, 3, 8))


def test_no_sentences() -> None:
    decoder = made(DECODERS[0])
    none = Tokens(torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    assert decoder(none, none).shape == (0, 3, 11)
    log_probs, _ = decoder.step(decoder.start(none), torch.zeros(0, dtype=torch.long))
    assert log_probs.shape == (0, 11)


@over(DECODERS)
def test_no_target(case: DecoderCase) -> None:
    decoder, nothing = made(case), sentences([0] * 4)
    assert decoder(sentences(LENGTHS), nothing).shape == (4, 0, 11)
    assert decoder.predictions(sentences(LENGTHS), nothing).logits.shape == (0, 11)


def test_keys_are_projected_once_per_sentence() -> None:
    decoder = made(DECODERS[0])
    projected: list[Tensor] = []
    decoder.decoder.attention.score.key.register_forward_hook(
        lambda *args: projected.append(args[2])
    )
    decoder(sentences(LENGTHS), targets())
    step_through(decoder, sentences(LENGTHS), targets())
    assert len(projected) == 2


def test_dropout_works_in_training_only() -> None:
    decoder = next(case for case in DECODERS if case.id == "readout").make()
    source, target = sentences(LENGTHS), targets()
    assert not torch.allclose(decoder(source, target), decoder(source, target), atol=1e-6)
    decoder.eval()
    torch.testing.assert_close(decoder(source, target), decoder(source, target), rtol=0, atol=0)


def test_tied_output_is_the_embedding() -> None:
    decoder = next(case for case in DECODERS if case.id == "readout").make()
    assert decoder.output.weight is decoder.target_embedding.weight


@pytest.mark.parametrize("readout_dim", [None, 4])
def test_tied_output_needs_a_readout_of_its_width(readout_dim: int | None) -> None:
    readout = readout_dim and layers.TanhReadout((6, 12, 5), readout_dim)
    with pytest.raises(ValueError, match=f"width of the embeddings, 5; got {readout_dim or 23}"):
        translator(tied=True, readout=readout or None)
