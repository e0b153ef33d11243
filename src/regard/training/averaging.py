"""Averaging the weights of a training, such that the average is what is validated and kept."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["MovingAverage", "decay_at"]


class MovingAverage(WeightAveraging):
    r"""Keep an exponential moving average of the weights, updated after every step.

    $$\bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t) \theta_t, \quad \bar\theta_0 = \theta_0$$

    It takes the place of the weights while they are validated, in checkpoints under `state_dict`,
    and at the end of training. Callbacks that come before this one see it at the end of a
    validation epoch. $d_t$ is `decay_at`.

    Source: Polyak & Juditsky 1992; Vaswani et al. 2017, 6.1 average the last checkpoints instead.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: list[Tensor], current: list[Tensor], step: Tensor | int) -> None:
            get_ema_multi_avg_fn(decay_at(int(step), decay))(averaged, current, step)

        # Buffers are no weights; they are copied as they are.
        super().__init__(multi_avg_fn=average, use_buffers=False)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # The weights are taken there only later, and the average must not lag behind on the CPU.
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)


def decay_at(step: int, decay: float) -> float:
    """Return the decay at a step, counted from 0: less than `decay` at first.

    So the average lags behind by a tenth of the steps so far, until `decay` makes that fewer, and
    a short training does not remember its beginning.

    >>> [round(decay_at(step, 0.999), 3) for step in (0, 100, 1_000, 10_000)]
    [0.1, 0.918, 0.991, 0.999]
    """
    return min(decay, (1 + step) / (10 + step))
