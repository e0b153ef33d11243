"""What it means to train a classifier."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MultilabelExactMatch,
    MultilabelF1Score,
)

from regard.functional.precision import at_least_float32
from regard.interfaces import LabelledBatch
from regard.training.module import Training
from regard.training.settings import TrainingSettings

__all__ = ["ClassificationTraining", "classification_loss", "probabilities"]


class ClassificationTraining(Training):
    """Minimise the cross-entropy of the class of each text, or of each label it may have.

    Logs `loss` (smoothed and weighed, as trained), `validation_loss`, the plain cross-entropy in
    nats, `validation_accuracy` (of texts with several labels: the share that is wholly right) and
    `validation_macro_f1`, the last two in percent.

    Args:
        class_weights: how much a text of each class counts; 1 if not given.
        several: a text may have several labels.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        *,
        num_batches: int,
        num_classes: int,
        several: bool,
        class_weights: Float[Tensor, " classes"] | None = None,
    ) -> None:
        super().__init__(model, settings, num_batches=num_batches)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", class_weights, persistent=False)
        # Metrics, because Lightning's own mean rounds its weights when it gathers processes.
        self.validation_loss = MeanMetric()
        if several:
            self.validation_accuracy: Metric = MultilabelExactMatch(num_classes)
            self.validation_macro_f1: Metric = MultilabelF1Score(num_classes)
        else:
            self.validation_accuracy = MulticlassAccuracy(num_classes, average="micro")
            self.validation_macro_f1 = MulticlassF1Score(num_classes)

    def training_step(self, batch: LabelledBatch, batch_idx: int) -> Float[Tensor, ""]:
        loss = classification_loss(
            self.model(batch.text),
            batch.target,
            class_weights=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
        )
        self.log("loss", loss, prog_bar=True, batch_size=len(batch.target))
        return loss

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> None:
        logits = self.model(batch.text)
        self.validation_loss.update(classification_loss(logits, batch.target), len(logits))
        found = probabilities(logits, several=batch.target.is_floating_point())
        if batch.target.is_floating_point():
            found = (found >= 0.5).long()
        for metric in (self.validation_accuracy, self.validation_macro_f1):
            metric.update(found, batch.target.long())
        self.log("validation_loss", self.validation_loss, prog_bar=True)

    def on_validation_epoch_end(self) -> None:
        for name in ("validation_accuracy", "validation_macro_f1"):
            metric = getattr(self, name)
            self.log(name, 100 * metric.compute(), prog_bar=True)
            metric.reset()


def classification_loss(
    logits: Float[Tensor, "batch outputs"],
    target: Tensor,
    *,
    class_weights: Float[Tensor, " classes"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy in nats: of one class a text, or of all labels it may have.

    Args:
        logits: one output for two classes, the logit of the second; else one a class.
        target: class indices `batch`, or 0 and 1 `batch classes` where texts may have several.
        label_smoothing: share of the probability that is spread evenly over the classes.
    """
    logits = logits.float()
    if target.is_floating_point():
        smoothed = target * (1 - label_smoothing) + label_smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, smoothed, pos_weight=class_weights)
    if logits.shape[-1] == 1:  # the first class has logit 0
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
    # A plain mean: torch's own divides by the weights of the batch, so that one of a rare class
    # alone would count no more than another.
    losses = F.cross_entropy(
        logits, target, class_weights, label_smoothing=label_smoothing, reduction="none"
    )
    return losses.mean()


def probabilities(
    logits: Float[Tensor, "batch outputs"], *, several: bool
) -> Float[Tensor, "batch classes"]:
    """Return the probability of each class, or of each label, in at least float32."""
    logits = at_least_float32(logits)
    if several:
        return logits.sigmoid()
    if logits.shape[-1] == 1:
        logits = torch.cat([-logits, logits], dim=-1) / 2
    return logits.softmax(dim=-1)
