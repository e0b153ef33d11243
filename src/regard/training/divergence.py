"""Ending a training from which nothing more can come."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

__all__ = ["DivergedError", "FiniteLoss"]


class DivergedError(ValueError):
    """The loss is no number any more; the message says since when, and what to try."""


class FiniteLoss(Callback):
    """End a training whose loss is not finite: its gradients have spoilt every weight."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs["loss"]
        if not loss.isfinite():
            raise DivergedError(
                f"the loss is {float(loss)} at batch {batch_idx + 1} of epoch "
                f"{trainer.current_epoch + 1}: training has diverged; try a lower "
                "training.learning_rate, more training.warmup_steps or a lower training.clip"
            )
