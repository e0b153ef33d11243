"""What all trainings share that predict the next token: how well it is predicted, and how badly."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric

from regard.training.module import Training
from regard.training.settings import TrainingSettings

__all__ = ["NextTokenTraining", "mean_loss"]


class NextTokenTraining(Training, ABC):
    """Minimise the cross-entropy of every next token.

    Logs `loss` (label-smoothed, as trained) and `validation_loss`, the cross-entropy in nats a
    token without smoothing, whose exponential is `validation_perplexity`.
    """

    def __init__(self, model: nn.Module, settings: TrainingSettings, *, num_batches: int) -> None:
        super().__init__(model, settings, num_batches=num_batches)
        # A metric, because Lightning's own mean rounds its weights when it gathers processes.
        self.validation_loss = MeanMetric()

    @abstractmethod
    def predicted(self, batch: Any) -> tuple[Float[Tensor, "tokens vocab"], Int[Tensor, " tokens"]]:
        """Return logits and truth for every token that is predicted."""

    def smoothed_loss(
        self, logits: Float[Tensor, "tokens vocab"], following: Int[Tensor, " tokens"]
    ) -> Float[Tensor, ""]:
        """Return what is minimised, and log it."""
        loss = F.cross_entropy(logits, following, label_smoothing=self.settings.label_smoothing)
        self.log("loss", loss, prog_bar=True, batch_size=len(following))
        return loss

    def training_step(self, batch: Any, batch_idx: int) -> Float[Tensor, ""]:
        return self.smoothed_loss(*self.predicted(batch))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        logits, following = self.predicted(batch)
        # Weighed by tokens, so that the mean over batches is the mean over tokens.
        self.validation_loss.update(F.cross_entropy(logits, following), len(following))
        self.log("validation_loss", self.validation_loss, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        loss = self.trainer.callback_metrics.get("validation_loss")
        if loss is not None:
            self.log("validation_perplexity", loss.exp(), sync_dist=True)


@torch.no_grad()
def mean_loss(
    predicted: Iterable[tuple[Float[Tensor, "tokens vocab"], Int[Tensor, " tokens"]]],
) -> float:
    """Return the mean cross-entropy of the tokens of all batches, in nats a token."""
    total, num_tokens = 0.0, 0
    for logits, following in predicted:
        total += float(F.cross_entropy(logits, following, reduction="sum"))
        num_tokens += len(following)
    return total / max(1, num_tokens)
