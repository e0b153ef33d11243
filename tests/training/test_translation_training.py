"""What is minimised: the cross-entropy of every target token but the first, and of no padding."""

import pytest
import torch
from torch import nn

from regard.data.encoding import collate
from regard.interfaces import BOS, EOS, TranslationBatch
from regard.models import RecurrentTranslator
from regard.nn import BahdanauDecoder, BilinearScore, HardAttention, LuongDecoder
from regard.training.reinforce import Reinforce
from regard.training.settings import TrainingSettings
from regard.training.translation import TranslationTraining, predictions, teacher_forced_loss

PAIRS = [
    ([5, 6, EOS], [BOS, 7, 8, 9, EOS]),
    ([5, EOS], [BOS, 7, EOS]),
    ([6, 5, 4, EOS], [BOS, 4, EOS]),
]


def translator() -> RecurrentTranslator:
    torch.manual_seed(1)
    return RecurrentTranslator(source_vocab=10, target_vocab=10, embed_dim=6).eval()


def test_every_token_after_the_first_is_predicted_and_no_padding() -> None:
    found, following = predictions(translator(), collate(PAIRS))
    assert following.tolist() == [7, 8, 9, EOS, 7, EOS, 4, EOS]
    assert found.logits.shape == (8, 10)


def test_predictions_are_those_of_the_whole_model() -> None:
    model, batch = translator(), collate(PAIRS[:1])
    found, _ = predictions(model, batch)
    shifted = batch.target._replace(ids=batch.target.ids[:, :-1], lengths=batch.target.lengths - 1)
    torch.testing.assert_close(found.logits, model(batch.source, shifted)[0], rtol=1e-5, atol=1e-6)


def test_the_loss_is_the_mean_over_tokens_however_they_are_batched() -> None:
    model = translator()
    found, following = predictions(model, collate(PAIRS))
    expected = -found.logits.log_softmax(-1)[torch.arange(8), following].mean().item()
    batches: list[list[TranslationBatch]] = [
        [collate(PAIRS)],
        [collate([pair]) for pair in PAIRS],
        [collate(PAIRS[:2]), collate(PAIRS[2:])],
    ]
    for batching in batches:
        assert teacher_forced_loss(model, batching) == pytest.approx(expected, abs=1e-5)


def test_a_model_that_is_no_translator_is_refused() -> None:
    with pytest.raises(TypeError, match="Linear has no predictions; see Translator"):
        predictions(nn.Linear(2, 2), collate(PAIRS))


def test_choices_are_rewarded() -> None:
    """What is drawn has no gradient of its own; the training gives it one."""
    torch.manual_seed(1)
    attention = HardAttention(BilinearScore(512, 1024), soft_share=0.0)
    decoder = LuongDecoder(attention, embed_dim=6, context_dim=1024, hidden_dim=512)
    model = RecurrentTranslator(source_vocab=10, target_vocab=10, embed_dim=6, decoder=decoder)
    batch, weight = collate(PAIRS), attention.score.learnt
    found, following = predictions(model, batch)
    loss = nn.functional.cross_entropy(found.logits, following)
    assert torch.autograd.grad(loss, weight, allow_unused=True) == (None,)
    reinforce = Reinforce(num_words=10)
    training = TranslationTraining(model, TrainingSettings(), num_batches=1, reinforce=reinforce)
    training.log = lambda *args, **options: None  # there is no trainer who would listen
    training.training_step(batch, 0).backward()
    assert weight.grad is not None
    assert weight.grad.abs().max().item() > 0
    # Less what was expected, there is next to nothing left of how hard the words are.
    torch.testing.assert_close(
        reinforce.baseline(following), torch.zeros(len(following)), rtol=0.0, atol=0.1
    )


def test_what_would_be_predicted_from_all_that_is_expected_is_predicted_too() -> None:
    """One target token, so that the first draw is the only one."""
    attention = HardAttention(BilinearScore(512, 1024), soft_share=0.0)
    decoder = LuongDecoder(attention, embed_dim=6, context_dim=1024, hidden_dim=512)
    model = RecurrentTranslator(source_vocab=10, target_vocab=10, embed_dim=6, decoder=decoder)
    batch = collate([([5, 6, EOS], [BOS, 7])])
    drawn, _ = predictions(model, batch)
    attention.soft_share = 1.0
    softly, _ = predictions(model, batch)
    assert drawn.expected is not None
    assert not drawn.expected.requires_grad
    assert softly.expected is None
    torch.testing.assert_close(drawn.expected, softly.logits.detach(), rtol=1e-5, atol=1e-6)
    assert (drawn.logits - drawn.expected).abs().max().item() > 1e-4


def test_what_is_expected_loses_the_same_features_to_dropout() -> None:
    """Of a single word, what is drawn is what is expected."""
    attention = HardAttention(BilinearScore(64, 1024), soft_share=0.0)
    decoder = LuongDecoder(
        attention, embed_dim=6, context_dim=1024, hidden_dim=64, readout_dim=64, dropout=0.5
    )
    model = RecurrentTranslator(source_vocab=10, target_vocab=10, embed_dim=6, decoder=decoder)
    drawn, _ = predictions(model, collate([([EOS], [BOS, 7, 8, EOS])]))
    again, _ = predictions(model, collate([([EOS], [BOS, 7, 8, EOS])]))
    assert drawn.expected is not None
    torch.testing.assert_close(drawn.expected, drawn.logits.detach(), rtol=1e-4, atol=1e-4)
    assert (again.logits - drawn.logits).abs().max().item() > 1e-2


def test_nothing_is_expected_where_the_state_knows_the_choice() -> None:
    attention = HardAttention(BilinearScore(512, 1024), soft_share=0.0)
    decoder = BahdanauDecoder(attention, embed_dim=6, context_dim=1024, hidden_dim=512)
    model = RecurrentTranslator(source_vocab=10, target_vocab=10, embed_dim=6, decoder=decoder)
    drawn, _ = predictions(model, collate(PAIRS))
    assert drawn.choices is not None
    assert drawn.expected is None


def test_choices_that_nothing_rewards_are_refused() -> None:
    attention = HardAttention(BilinearScore(512, 1024), soft_share=0.0)
    decoder = LuongDecoder(attention, embed_dim=6, context_dim=1024, hidden_dim=512)
    model = RecurrentTranslator(source_vocab=10, target_vocab=10, embed_dim=6, decoder=decoder)
    training = TranslationTraining(model, TrainingSettings(), num_batches=1)
    training.log = lambda *args, **options: None
    with pytest.raises(TypeError, match=r"draws what it reads: give reinforce=Reinforce\(\)"):
        training.training_step(collate(PAIRS), 0)
