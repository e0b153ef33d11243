"""R-Drop: what is minimised is also how far two predictions of the same batch are apart."""

import math
from typing import Any

import pytest
import torch

from regard.data.encoding import collate
from regard.interfaces import BOS, EOS
from regard.models import RecurrentTranslator, TransformerTranslator
from regard.recipes.translate.architectures import RecurrentSettings
from regard.recipes.translate.settings import TranslateSettings, TranslationTrainingSettings
from regard.training.consistency import divergence, twice
from regard.training.settings import TrainingSettings
from regard.training.translation import TranslationTraining, predictions

PAIRS = [([5, 6, EOS], [BOS, 7, 8, 9, EOS]), ([5, EOS], [BOS, 7, EOS])]
SIZES = {"source_vocab": 10, "target_vocab": 10, "embed_dim": 8}


def test_the_divergence_is_that_of_a_hand() -> None:
    first, second = [[0.5, 0.5], [0.9, 0.1]], [[0.25, 0.75], [0.9, 0.1]]
    there = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    back = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    # Logits are log-probabilities up to a number of their own.
    logits = torch.tensor([*first, *second]).log() + torch.tensor([[3.0], [0.0], [-2.0], [1.0]])
    assert divergence(logits).item() == pytest.approx((there + back) / 2 / 2, abs=1e-6)


def test_a_batch_stands_behind_itself() -> None:
    batch = collate(PAIRS)
    for side, doubled in zip(batch, twice(batch), strict=True):
        assert doubled.ids.tolist() == side.ids.tolist() * 2
        assert doubled.lengths.tolist() == side.lengths.tolist() * 2


@pytest.mark.parametrize("kind", [RecurrentTranslator, TransformerTranslator])
def test_what_is_minimised_is_the_mean_loss_and_the_divergence(kind: Any) -> None:
    """Predicted one after the other, by the seed of the training: the halves are as they are."""
    torch.manual_seed(1)
    model = kind(**SIZES, dropout=0.5)
    training = TranslationTraining(
        model, TrainingSettings(label_smoothing=0.0), num_batches=1, r_drop=3.0
    )
    training.log = lambda *args, **options: None  # there is no trainer who would listen
    torch.manual_seed(2)
    found = training.training_step(collate(PAIRS), 0)
    torch.manual_seed(2)
    both, following = predictions(model, twice(collate(PAIRS)))
    first, second = both.logits.log_softmax(-1).chunk(2)
    assert not torch.allclose(first, second, atol=0.1)
    words = following[: len(first)]
    losses = [-each.gather(1, words[:, None]).mean() for each in (first, second)]
    apart = [
        torch.nn.functional.kl_div(one, other, log_target=True, reduction="batchmean")
        for one, other in ((first, second), (second, first))
    ]
    wanted = sum(losses) / 2 + 3.0 / 2 * sum(apart) / 2
    torch.testing.assert_close(found, wanted)


def test_without_dropout_there_is_nothing_to_agree_on() -> None:
    model = RecurrentTranslator(**SIZES, dropout=0.5).eval()
    losses = []
    for r_drop in (0.0, 5.0):
        training = TranslationTraining(model, TrainingSettings(), num_batches=1, r_drop=r_drop)
        training.log = lambda *args, **options: None
        losses.append(training.training_step(collate(PAIRS), 0).item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_settings_that_contradict_r_drop_are_refused() -> None:
    with pytest.raises(ValueError, match=r"training\.r_drop must be at least 0; got -1"):
        TranslationTrainingSettings(r_drop=-1.0)
    with pytest.raises(ValueError, match=r"leave out training\.teacher_forcing"):
        TranslationTrainingSettings(r_drop=5.0, teacher_forcing=0.5)
    training = TranslationTrainingSettings(r_drop=5.0)
    with pytest.raises(ValueError, match=r"not for model\.attention hard"):
        TranslateSettings(model=RecurrentSettings(attention="hard"), training=training)
    with pytest.raises(ValueError, match=r"needs a model\.dropout above 0"):
        TranslateSettings(model=RecurrentSettings(dropout=0.0), training=training)
