"""What it means to train a model that matches pairs."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torchmetrics import MeanMetric

from regard.interfaces import MatchBatch
from regard.training.classification import classification_loss
from regard.training.module import Training
from regard.training.settings import TrainingSettings

__all__ = ["MatchTraining", "listwise_loss"]


class MatchTraining(Training):
    """Minimise the cross-entropy of what is true of each pair: its class, or its grade.

    Of a grade, that is the cross-entropy of how far it is from the least to the greatest. Where
    batches say what pairs are ranked against each other, `listwise_loss` is added. Logs `loss` (all
    of it, smoothed and weighed, as trained) and `validation_loss`, the plain cross-entropy in nats.

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
        logits = self.model(batch.left, batch.right, batch.features)
        loss = classification_loss(
            logits,
            batch.target,
            class_weights=self.class_weights,
            label_smoothing=self.settings.label_smoothing,
        )
        if batch.group is not None:
            loss = loss + listwise_loss(logits[:, 0], batch.target, batch.group)
        self.log("loss", loss, prog_bar=True, batch_size=len(batch.target))
        return loss

    def validation_step(self, batch: MatchBatch, batch_idx: int) -> None:
        logits = self.model(batch.left, batch.right, batch.features)
        self.validation_loss.update(classification_loss(logits, batch.target), len(logits))
        self.log("validation_loss", self.validation_loss, prog_bar=True)


def listwise_loss(
    logits: Float[Tensor, " batch"], target: Int[Tensor, " batch"], group: Int[Tensor, " batch"]
) -> Float[Tensor, ""]:
    r"""Return how far the right answers of groups are from being those that are most probable.

    $$-\frac{1}{G} \sum_g \frac{1}{n_g} \sum_{i \in g,\, y_i = 1}
    \log \frac{\exp z_i}{\sum_{j \in g} \exp z_j}$$

    with $n_g$ the right answers of group $g$; the $G$ groups are those that have any.

    Args:
        target: 1 for a right answer, 0 for a wrong one.
        group: the number of each pair's group.

    Source: Cao et al. 2007 (ListNet), section 4, top one; Wang & Jiang 2017, section 2.

    >>> import math
    >>> logits = torch.tensor([math.log(3), 0.0, 5.0])
    >>> listwise_loss(logits, torch.tensor([1, 0, 0]), torch.tensor([0, 0, 1])).exp()
    tensor(1.3333)
    """
    belongs = group.unsqueeze(1) == torch.arange(int(group.max()) + 1, device=group.device)
    every = torch.where(belongs, logits.float().unsqueeze(1), -torch.inf).logsumexp(dim=0)
    right = belongs & (target == 1).unsqueeze(1)
    num_right = right.sum(dim=0)
    surprise = (every - logits.float().unsqueeze(1)).where(right, 0).sum(dim=0)
    has_any = num_right > 0
    return (surprise / num_right.clamp(min=1)).sum() / has_any.sum().clamp(min=1)
