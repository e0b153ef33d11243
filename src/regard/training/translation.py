"""What it means to train a translation model."""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric

from regard.functional import masks
from regard.interfaces import Predictions, Tokens, TranslationBatch, Translator
from regard.training.module import Training
from regard.training.reinforce import Reinforce
from regard.training.settings import TrainingSettings
from regard.training.teacher_forcing import share_at, with_own_words

__all__ = ["TranslationTraining", "predictions", "teacher_forced_loss"]


class TranslationTraining(Training):
    """Minimise the cross-entropy of each target token, given the source and the tokens before it.

    Where the model's attention draws what it reads, the draws are rewarded: see `Reinforce`.

    Logs `loss` (label-smoothed, as trained) and `validation_loss`, the teacher-forced cross-entropy
    in nats a token without smoothing, whose exponential is `validation_perplexity`.

    Args:
        teacher_forcing: share of true words among those given at the last step; see `share_at`.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        *,
        num_batches: int,
        teacher_forcing: float = 1.0,
    ) -> None:
        super().__init__(model, settings, num_batches=num_batches)
        self.teacher_forcing = teacher_forcing
        # A metric, because Lightning's own mean rounds its weights when it gathers processes.
        self.validation_loss = MeanMetric()
        self.reinforce = Reinforce()

    def training_step(self, batch: TranslationBatch, batch_idx: int) -> Float[Tensor, ""]:
        share = share_at(self.global_step, num_steps=self.num_steps, final=self.teacher_forcing)
        found, following = predictions(self.model, batch, teacher_forcing=share)
        smoothing = self.settings.label_smoothing
        loss = F.cross_entropy(found.logits, following, label_smoothing=smoothing)
        self.log("loss", loss, prog_bar=True, batch_size=len(following))
        if found.choices is None:
            return loss
        log_probs = found.logits.detach().log_softmax(-1).gather(1, following.unsqueeze(1))
        lengths = batch.target.lengths - 1
        for_choices: Tensor = self.reinforce(log_probs.squeeze(1), lengths, found.choices)
        return loss + for_choices

    def validation_step(self, batch: TranslationBatch, batch_idx: int) -> None:
        found, following = predictions(self.model, batch)
        loss = F.cross_entropy(found.logits, following)
        # Weighed by tokens, so that the mean over batches is the mean over tokens.
        self.validation_loss.update(loss, len(following))
        self.log("validation_loss", self.validation_loss, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        loss = self.trainer.callback_metrics.get("validation_loss")
        if loss is not None:
            self.log("validation_perplexity", loss.exp(), sync_dist=True)


def predictions(
    model: nn.Module, batch: TranslationBatch, *, teacher_forcing: float = 1.0
) -> tuple[Predictions, Int[Tensor, " tokens"]]:
    """Return predictions and truth for every target token that follows another, padding left out.

    Args:
        teacher_forcing: share of true words among those given; others are the model's own.

    Raises:
        TypeError: the model is no `Translator`.
    """
    if not isinstance(model, Translator):
        raise TypeError(f"{type(model).__name__} has no predictions; see Translator")
    target = batch.target
    given = Tokens(target.ids[:, :-1], (target.lengths - 1).clamp(min=0))
    real = masks.padding(given.lengths.to(given.ids.device), given.ids.shape[1]).squeeze(-2)
    if teacher_forcing < 1:
        given = with_own_words(model, batch.source, given, teacher_forcing)
    found = model.predictions(batch.source, given)
    return found._replace(logits=found.logits.float()), target.ids[:, 1:][real]


@torch.no_grad()
def teacher_forced_loss(model: nn.Module, batches: Iterable[TranslationBatch]) -> float:
    """Return the mean cross-entropy of the target tokens, in nats a token."""
    device = next(model.parameters()).device
    total, num_tokens = 0.0, 0
    for source, target in batches:
        batch = TranslationBatch(_to(source, device), _to(target, device))
        found, following = predictions(model, batch)
        total += float(F.cross_entropy(found.logits, following, reduction="sum"))
        num_tokens += len(following)
    return total / max(1, num_tokens)


def _to(tokens: Tokens, device: torch.device) -> Tokens:
    return Tokens(tokens.ids.to(device), tokens.lengths)
