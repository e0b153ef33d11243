"""Ending a training from which nothing more can come."""

import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

__all__ = ["DivergedError", "FiniteLoss"]

_LOOKS_EVERY = 10


class DivergedError(ValueError):
    """The loss is no number any more; the message says by when, and what to try."""


class FiniteLoss(Callback):
    """End a training whose loss is not finite: its gradients have spoilt every weight.

    It looks at every tenth batch and at the last of an epoch, before that is validated: to look is
    to wait for an accelerator.
    """

    def __init__(self) -> None:
        # Of the losses since it has looked: what is not finite stays so.
        self._sum: Tensor | float = 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._sum = self._sum + outputs["loss"].detach()
        done = batch_idx + 1
        if done % _LOOKS_EVERY and not trainer.is_last_batch:
            return
        loss, self._sum = float(self._sum), 0.0
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss is {loss} at or before batch {done} of epoch "
                f"{trainer.current_epoch + 1}: training has diverged; try a lower "
                "training.learning_rate, more training.warmup_steps or a lower training.clip, with "
                "a new --run"
            )
