"""What all trainings share: the optimiser, its schedule, clipping, and where chance comes from."""

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from regard.training.schedules import schedule
from regard.training.settings import TrainingSettings

__all__ = ["Training"]


class Training(LightningModule):
    """Optimise a model with Adam, as the settings say.

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

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        num_batches = self.trainer.fit_loop.epoch_loop.total_batch_idx
        torch.manual_seed(hash((self.settings.seed, num_batches, self.global_rank)))

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
