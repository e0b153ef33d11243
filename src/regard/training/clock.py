"""How long a training takes, in all and for each step."""

import statistics
import time
from collections import deque
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

__all__ = ["Clock"]

_STEPS_KEPT = 1000

_WAITS_EVERY = 11
"""Batches between those timed; a prime, so that any of those that are accumulated is met."""


class Clock(Timer):
    """Measure a training, which may be interrupted and resumed.

    A step is a batch read forwards and backwards, and what is learnt from it; neither making the
    batch nor validation and what is saved between steps belongs to it. On a CPU every step is
    timed; on an accelerator, which must be waited for, the second and each eleventh after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seconds: deque[float] = deque(maxlen=_STEPS_KEPT)
        self._began: float | None = None

    @property
    def minutes(self) -> float:
        """How long training took, with its validation."""
        return self.time_elapsed("train") / 60

    @property
    def step_ms(self) -> float | None:
        """Milliseconds of a step: the median of the last thousand timed; None if there was none.

        A median, so that neither the first steps count, in which kernels are compiled, nor those
        during which the machine had something else to do.
        """
        return 1e3 * statistics.median(self._seconds) if self._seconds else None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        device, number = trainer.strategy.root_device, trainer.fit_loop.epoch_loop.total_batch_idx
        self._began = None
        if device.type == "cpu" or number % _WAITS_EVERY == 1:
            _wait_for(device)
            self._began = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if self._began is not None:
            _wait_for(trainer.strategy.root_device)
            self._seconds.append(time.perf_counter() - self._began)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seconds": list(self._seconds)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._seconds.extend(state_dict["seconds"])


def _wait_for(device: torch.device) -> None:
    """Wait until an accelerator has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
