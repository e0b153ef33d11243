"""What it means to train a translation model."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric

from regard.functional import masks
from regard.interfaces import Tokens, TranslationBatch, Translator
from regard.training.module import Training
from regard.training.settings import TrainingSettings

__all__ = ["TranslationTraining", "predictions", "teacher_forced_loss"]


class TranslationTraining(Training):
    """Minimise the cross-entropy of each target token, given the source and the tokens before it.

    Logs `loss` (label-smoothed, as trained) and `validation_loss`, the teacher-forced cross-entropy
    in nats a token without smoothing, whose exponential is `validation_perplexity`.
    """

    def __init__(self, model: nn.Module, settings: TrainingSettings, *, num_batches: int) -> None:
        super().__init__(model, settings, num_batches=num_batches)
        # A metric, because Lightning's own mean rounds its weights when it gathers processes.
        self.validation_loss = MeanMetric()

    def training_step(self, batch: TranslationBatch, batch_idx: int) -> Float[Tensor, ""]:
        logits, following = predictions(self.model, batch)
        smoothing = self.settings.label_smoothing
        loss = F.cross_entropy(logits, following, label_smoothing=smoothing)
        self.log("loss", loss, prog_bar=True, batch_size=len(following))
        return loss

    def validation_step(self, batch: TranslationBatch, batch_idx: int) -> None:
        logits, following = predictions(self.model, batch)
        loss = F.cross_entropy(logits, following)
        # Weighed by tokens, so that the mean over batches is the mean over tokens.
        self.validation_loss.update(loss, len(following))
        self.log("validation_loss", self.validation_loss, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        loss = self.trainer.callback_metrics.get("validation_loss")
        if loss is not None:
            self.log("validation_perplexity", loss.exp(), sync_dist=True)


def predictions(
    model: nn.Module, batch: TranslationBatch
) -> tuple[Float[Tensor, "tokens vocab"], Int[Tensor, " tokens"]]:
    """Return logits and truth for every target token that follows another, padding left out.

    Raises:
        TypeError: the model is no `Translator`.
    """
    if not isinstance(model, Translator):
        raise TypeError(f"{type(model).__name__} has no features and predict; see Translator")
    target = batch.target
    given = Tokens(target.ids[:, :-1], (target.lengths - 1).clamp(min=0))
    features = model.features(batch.source, given)
    real = masks.padding(given.lengths.to(given.ids.device), given.ids.shape[1]).squeeze(-2)
    # The vocabulary is the widest projection by far: only real tokens pay for it.
    return model.predict(features[real]).float(), target.ids[:, 1:][real]


@torch.no_grad()
def teacher_forced_loss(model: nn.Module, batches: Iterable[TranslationBatch]) -> float:
    """Return the mean cross-entropy of the target tokens, in nats a token."""
    device = next(model.parameters()).device
    total, num_tokens = 0.0, 0
    for source, target in batches:
        batch = TranslationBatch(_to(source, device), _to(target, device))
        logits, following = predictions(model, batch)
        total += float(F.cross_entropy(logits, following, reduction="sum"))
        num_tokens += len(following)
    return total / max(1, num_tokens)


def _to(tokens: Tokens, device: torch.device) -> Tokens:
    return Tokens(tokens.ids.to(device), tokens.lengths)
