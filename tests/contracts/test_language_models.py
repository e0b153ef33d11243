"""What every language model promises: it reads as it writes, forwards only, text by text."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from regard import nn as layers
from regard import record
from regard.decoding import Beam, Sampling, force, greedy
from regard.interfaces import BOS, EOS, LanguageModel, StepDecoder, Tokens
from regard.models import TransformerLanguageModel
from tests.cases import over
from tests.drawing import VOCAB, sentences
from tests.model_cases import LANGUAGE_MODELS, LanguageModelCase, language_model

LENGTHS = [5, 3, 0, 1]
NOTHING = sentences([0] * len(LENGTHS))
MAX_LEN = 6
SEARCHED = {"plain", "learned", "shared_keys", "rotary_window", "sparsemax"}
SEARCHED_MODELS = [case for case in LANGUAGE_MODELS if case.id in SEARCHED]


def made(case: LanguageModelCase) -> Any:
    return case.make().double().eval()


def step_through(model: Any, text: Tokens) -> Tensor:
    """Let the model read token by token; return the log-probabilities after each."""
    state, log_probs = model.start(sentences([0] * len(text.ids))), []
    for token in text.ids.unbind(dim=1):
        found, state = model.step(state, token)
        log_probs.append(found)
    return torch.stack(log_probs, dim=1)


@over(LANGUAGE_MODELS)
def test_step_by_step_is_the_full_pass(case: LanguageModelCase) -> None:
    model, text = made(case), sentences([7, 7])
    wanted = model(text).log_softmax(dim=-1).float()  # which the search is given
    torch.testing.assert_close(step_through(model, text), wanted, rtol=1e-5, atol=1e-5)


@over(LANGUAGE_MODELS)
def test_what_comes_later_is_not_known(case: LanguageModelCase) -> None:
    model, text = made(case), sentences([7, 7])
    changed = text._replace(ids=text.ids.clone())
    changed.ids[:, 4] = 4 + (text.ids[:, 4] - 3) % (VOCAB - 4)
    before, after = model(text), model(changed)
    torch.testing.assert_close(after[:, :4], before[:, :4], rtol=0, atol=0)
    assert (after[:, 4] - before[:, 4]).abs().max() > 1e-6


@over([case for case in LANGUAGE_MODELS if case.reaches is not None])
def test_what_is_out_of_reach_is_forgotten(case: LanguageModelCase) -> None:
    model, text = made(case), sentences([7, 7])
    changed = text._replace(ids=text.ids.clone())
    changed.ids[:, 1] = 4 + (text.ids[:, 1] - 3) % (VOCAB - 4)
    before, after = model(text), model(changed)
    reached = 1 + case.reaches
    assert (after[:, reached] - before[:, reached]).abs().max() > 1e-6
    torch.testing.assert_close(
        after[:, reached + 1 :], before[:, reached + 1 :], rtol=1e-9, atol=1e-9
    )


@over(LANGUAGE_MODELS)
def test_predictions_are_those_of_real_tokens(case: LanguageModelCase) -> None:
    model, text = made(case), sentences(LENGTHS)
    logits = model(text)
    wanted = torch.cat([logits[row, :length] for row, length in enumerate(LENGTHS)])
    torch.testing.assert_close(model.predictions(text).logits, wanted, rtol=1e-9, atol=1e-9)


@over(LANGUAGE_MODELS)
def test_texts_know_nothing_of_each_other_nor_of_padding(case: LanguageModelCase) -> None:
    model, text = made(case), sentences(LENGTHS)
    together = model(Tokens(F.pad(text.ids, (0, 2)), text.lengths))
    for row, length in enumerate(LENGTHS):
        alone = Tokens(text.ids[row : row + 1, :length], text.lengths[row : row + 1])
        torch.testing.assert_close(
            together[row : row + 1, :length], model(alone), rtol=1e-9, atol=1e-9
        )


@over(LANGUAGE_MODELS)
def test_gradients_are_finite(case: LanguageModelCase) -> None:
    model = case.make()
    model(sentences(LENGTHS)).square().sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@over(LANGUAGE_MODELS)
def test_model_survives_saving(case: LanguageModelCase) -> None:
    saved, fresh = made(case), made(case)
    fresh.load_state_dict(saved.state_dict())
    text = sentences(LENGTHS)
    torch.testing.assert_close(fresh(text), saved(text), rtol=0, atol=0)


@over(LANGUAGE_MODELS)
def test_model_is_what_training_and_search_expect(case: LanguageModelCase) -> None:
    model = case.make()
    assert isinstance(model, StepDecoder)
    assert isinstance(model, LanguageModel)


@over(LANGUAGE_MODELS)
def test_reordered_rows_go_on_where_they_stood(case: LanguageModelCase) -> None:
    model, text = made(case), sentences([2] * 4)
    order = torch.tensor([3, 0, 0, 1, 3])
    _, state = model.step(model.start(NOTHING), text.ids[:, 0])
    wanted, _ = model.step(state, text.ids[:, 1])
    got, moved = model.step(model.reorder(state, order), text.ids[order, 1])
    torch.testing.assert_close(got, wanted[order], rtol=1e-5, atol=1e-5)
    assert model.alignment(moved).shape == (5, 0)
    again, _ = model.step(state, text.ids[:, 1])
    torch.testing.assert_close(again, wanted, rtol=0, atol=0)


@over(LANGUAGE_MODELS)
def test_reading_in_half_precision_is_close(case: LanguageModelCase) -> None:
    model, text = case.make().eval(), sentences([4, 4])
    with torch.no_grad():
        wanted = model(text)
        with torch.autocast("cpu", torch.bfloat16):
            logits, log_probs = model(text), step_through(model, text)
    torch.testing.assert_close(logits.float(), wanted, rtol=0, atol=0.15)
    assert log_probs.dtype == torch.float32
    torch.testing.assert_close(log_probs, wanted.log_softmax(dim=-1), rtol=0, atol=0.15)


@over(SEARCHED_MODELS)
def test_what_is_written_is_as_probable_as_when_it_is_read(case: LanguageModelCase) -> None:
    model, given = made(case), sentences(LENGTHS, seed=2)
    for (tokens, _, log_prob, alignment), length in zip(
        force(model, NOTHING, given), LENGTHS, strict=True
    ):
        assert alignment.shape == (length, 0)
        ids = torch.tensor([[BOS, *tokens]])
        logits = model(Tokens(ids, torch.tensor([length + 1])))
        following = torch.tensor([[*tokens, EOS]])
        wanted = logits.log_softmax(-1).gather(2, following.unsqueeze(2)).sum()
        assert log_prob == pytest.approx(wanted.item(), abs=1e-4)


SEARCHES = {
    "greedy": lambda: Beam(min_len=4, max_len=MAX_LEN),
    "beam": lambda: Beam(4, num_best=2, min_len=4, max_len=MAX_LEN),
    "diverse": lambda: Beam(4, num_groups=2, num_best=2, min_len=4, max_len=MAX_LEN),
    "sample": lambda: Sampling(
        3, top_k=5, min_len=4, max_len=MAX_LEN, generator=torch.Generator().manual_seed(0)
    ),
}


@over(SEARCHED_MODELS)
@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_continues_its_prefix(case: LanguageModelCase, name: str) -> None:
    model, prefix = case.make().eval(), sentences([2, 0, 3, 1], seed=3)
    found = SEARCHES[name]()(model, NOTHING, prefix)
    for row, hypotheses in enumerate(found):
        length = int(prefix.lengths[row])
        assert hypotheses
        for tokens, *_, alignment in hypotheses:
            assert tokens[:length] == prefix.ids[row, :length].tolist()
            assert 4 <= len(tokens) <= MAX_LEN
            assert alignment.shape == (len(tokens), 0)


def test_a_beam_of_one_is_greedy() -> None:
    model = language_model().double().eval()
    [[best]] = Beam(max_len=9)(model, sentences([0]))
    [wanted] = greedy(model, sentences([0]), max_len=9)
    assert best.tokens == wanted.tokens


@over(LANGUAGE_MODELS)
def test_each_layer_shows_that_it_looks_backwards(case: LanguageModelCase) -> None:
    model, text = made(case), sentences([5, 5])
    with record(model) as seen:
        model(text)
    assert seen.layers == [f"decoder.layers.{number}.attention" for number in range(2)]
    weights = seen[seen.layers[0]].weights()
    assert weights.shape == (2, 2, 5, 5)
    assert weights.triu(1).abs().sum().item() == 0
    assert weights.isfinite().all()


def test_no_texts_and_no_tokens() -> None:
    model = made(LANGUAGE_MODELS[0])
    none = Tokens(torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    assert model(none).shape == (0, 3, VOCAB)
    assert model(NOTHING).shape == (4, 0, VOCAB)
    assert model.predictions(NOTHING).logits.shape == (0, VOCAB)
    log_probs, _ = model.step(model.start(sentences([])), torch.zeros(0, dtype=torch.long))
    assert log_probs.shape == (0, VOCAB)


def test_tied_output_is_the_embedding() -> None:
    model = language_model(tied=True)
    assert model.output.weight is model.embedding.weight
    assert model.embedding.weight[0].abs().sum().item() == 0


def test_a_source_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"has no source: .* as a prefix .*; got a source of 3 tok"
    ):
        language_model().start(sentences([3]))


def test_tokens_of_another_batch_than_the_state_are_refused() -> None:
    model = language_model()
    state = model.start(sentences([0] * 4))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"for each of the state's 4 rows; got 1\. A state is"):
            model.step(state, torch.full((1,), BOS))
        _, state = model.step(state, torch.full((4,), BOS))


@pytest.mark.parametrize("beam_size", [1, 3])
@over(SEARCHED_MODELS)
def test_searches_leave_nothing_behind(case: LanguageModelCase, beam_size: int) -> None:
    model, search = made(case), Beam(beam_size, max_len=MAX_LEN)
    prefixes = sentences([2, 0, 3, 1], seed=3), sentences([1, 4], seed=4)
    (found, _, again) = (
        search(model, sentences([0] * len(prefix.ids)), prefix)
        for prefix in (*prefixes, prefixes[0])
    )
    assert [[best[:3] for best in each] for each in again] == [
        [best[:3] for best in each] for each in found
    ]


def test_a_decoder_with_a_source_is_refused() -> None:
    decoder = layers.TransformerDecoder.plain(8, num_heads=2)
    with pytest.raises(ValueError, match=r"its decoder attends to one; make it with has_source"):
        TransformerLanguageModel(vocab=VOCAB, embed_dim=8, decoder=decoder)


def test_a_text_longer_than_the_learnt_positions_is_refused() -> None:
    model = next(case for case in LANGUAGE_MODELS if case.id == "learned").make()
    with pytest.raises(ValueError, match=r"16 learnt positions .* got a text of 17 tokens"):
        model(sentences([17]))


@pytest.mark.compiled
@over([case for case in LANGUAGE_MODELS if case.id in ("plain", "window", "shared_keys")])
def test_compiled_step_is_the_eager_step(case: LanguageModelCase) -> None:
    torch.compiler.reset()
    model = case.make().eval()
    compiled = torch.compile(model.step, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        state = wanted_state = model.start(sentences([0] * 3))
        for order in ([0, 1, 2], [2, 0, 1], [0, 0, 1, 2, 2, 2], [5, 4, 3, 0]):
            rows = torch.tensor(order)
            state, wanted_state = (model.reorder(each, rows) for each in (state, wanted_state))
            log_probs, state = compiled(state, torch.full((len(rows),), BOS))
            wanted, wanted_state = model.step(wanted_state, torch.full((len(rows),), BOS))
            torch.testing.assert_close(log_probs, wanted, rtol=1e-5, atol=1e-6)
