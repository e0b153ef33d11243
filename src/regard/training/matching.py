"""What it means to train a model that matches pairs."""

from jaxtyping import Float
from torch import Tensor, nn
from torchmetrics import MeanMetric

from regard.interfaces import MatchBatch
from regard.training.classification import classification_loss
from regard.training.module import Training
from regard.training.settings import TrainingSettings

__all__ = ["MatchTraining"]


class MatchTraining(Training):
    """Minimise the cross-entropy of what is true of each pair: its class, or its grade.

    Of a grade, that is the cross-entropy of how far it is from the least to the greatest. Logs
    `loss` (smoothed and weighed, as trained) and `validation_loss`, the plain cross-entropy in
    nats.

    Args:
        class_weights: how much a pair of each class counts; 1 if not given.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        *,
        num_batches: int,
        class_weights: Float[Tensor, " classes"] | None = None,
    ) -> None:
        super().__init__(model, settings, num_batches=num_batches)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", class_weights, persistent=False)
        # A metric, because Lightning's own mean rounds its weights when it gathers processes.
        self.validation_loss = MeanMetric()

    def training_step(self, batch: MatchBatch, batch_idx: int) -> Float[Tensor, ""]:
        loss = classification_loss(
            self.model(batch.left, batch.right, batch.features),
            batch.target,
            class_weights=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
        )
        self.log("loss", loss, prog_bar=True, batch_size=len(batch.target))
        return loss

    def validation_step(self, batch: MatchBatch, batch_idx: int) -> None:
        logits = self.model(batch.left, batch.right, batch.features)
        self.validation_loss.update(classification_loss(logits, batch.target), len(logits))
        self.log("validation_loss", self.validation_loss, prog_bar=True)
