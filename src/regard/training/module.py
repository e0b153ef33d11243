"""What all trainings share: the optimiser, its schedule, clipping, and where chance comes from."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import nn
from torch.distributed.fsdp import FSDPModule

from regard.training.schedules import schedule
from regard.training.settings import TrainingSettings
from regard.training.sharding import shard

__all__ = ["ParameterGroup", "Training"]


class ParameterGroup(NamedTuple):
    """Weights that learn at one rate, and that rate at each step, as a factor of its peak."""

    parameters: list[nn.Parameter]
    learning_rate: float
    factor: Callable[[int], float]


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

    def configure_model(self) -> None:
        if self.settings.strategy != "fsdp" or isinstance(self.model, FSDPModule):
            return
        strategy = cast(ModelParallelStrategy, self.trainer.strategy)
        shard(self.model, strategy.device_mesh["data_parallel"])

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        trainer = self.trainer
        # Counted over all processes: batches that one of them would train on one after the other.
        number = trainer.fit_loop.epoch_loop.total_batch_idx * trainer.world_size
        torch.manual_seed(hash((self.settings.seed, number + self.global_rank, 0)))

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Done here because Lightning refuses to clip before a fused step, which matters under
        # 16-mixed alone.
        nn.utils.clip_grad_norm_(self.parameters(), self.settings.clip)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the weights, with how fast they learn."""
        settings = self.settings
        factor = schedule(
            settings.schedule, warmup_steps=settings.warmup_steps, num_steps=self.num_steps
        )
        return [ParameterGroup(list(self.parameters()), settings.learning_rate, factor)]

    def configure_optimizers(self) -> Any:
        groups = self.parameter_groups()
        optimizer = torch.optim.Adam(
            [{"params": group.parameters, "lr": group.learning_rate} for group in groups],
            betas=(0.9, 0.98),
            # Under 16-mixed gradients are unscaled before they are clipped; fused does it later.
            fused=self.settings.precision != "16-mixed",
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, [group.factor for group in groups])
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
