"""What it means to train a translation model."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Int
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric

from regard.functional import masks
from regard.interfaces import Tokens, TranslationBatch, Translator
from regard.training.schedules import schedule
from regard.training.settings import TrainingSettings

__all__ = ["TranslationTraining", "predictions", "teacher_forced_loss"]


class TranslationTraining(LightningModule):
    """Minimise the cross-entropy of each target token, given the source and the tokens before it.

    Logs `loss` (label-smoothed, as trained) and `validation_loss`, the teacher-forced cross-entropy
    in nats a token without smoothing, whose exponential is `validation_perplexity`.

    Every batch draws its dropout from a generator seeded by its number, so that a run that is
    interrupted and resumed ends where an uninterrupted one does.

    Args:
        num_batches: batches in an epoch, by which the learning rate is planned.
    """

    def __init__(self, model: nn.Module, settings: TrainingSettings, *, num_batches: int) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        # Known from the start: to ask the trainer for its steps would make it set up the loaders
        # before a checkpoint can tell them where they stood.
        self.num_steps = settings.epochs * math.ceil(num_batches / settings.accumulate)
        # A metric, because Lightning's own mean rounds its weights when it gathers processes.
        self.validation_loss = MeanMetric()

    def on_train_batch_start(self, batch: TranslationBatch, batch_idx: int) -> None:
        num_batches = self.trainer.fit_loop.epoch_loop.total_batch_idx
        torch.manual_seed(hash((self.settings.seed, num_batches, self.global_rank)))

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

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Done here because Lightning refuses to clip before a fused step, which matters under
        # 16-mixed alone.
        nn.utils.clip_grad_norm_(self.parameters(), self.settings.clip)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(
            self.parameters(),
            lr=self.settings.learning_rate,
            betas=(0.9, 0.98),
            # Under 16-mixed gradients are unscaled before they are clipped; fused does it later.
            fused=self.settings.precision != "16-mixed",
        )
        factor = schedule(
            self.settings.schedule,
            warmup_steps=self.settings.warmup_steps,
            num_steps=self.num_steps,
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


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
