"""Averaging the weights of a training, such that the average is what is validated and kept."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

__all__ = ["MovingAverage", "decay_at"]


class MovingAverage(WeightAveraging):
    r"""Keep an exponential moving average of the weights, updated after every step.

    $$\bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t) \theta_t, \quad \bar\theta_0 = \theta_0$$

    It takes the place of the weights while they are validated, in checkpoints under `state_dict`,
    and at the end of training. Callbacks that come before this one see it at the end of a
    validation epoch. $d_t$ is `decay_at`.

    Source: Polyak & Juditsky 1992 (averaging the weights of a training).
    Differs: theirs is the uniform mean over all steps, this one an exponential mean, which begins
    as TensorFlow's ExponentialMovingAverage with num_updates does; Vaswani et al. 2017, 6.1 average
    the last checkpoints.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=False)
        self.decay = decay

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # The weights are taken there only later, and the average must not lag behind on the CPU.
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        # As the library does it, which counts the steps on the device: to read that is to wait.
        if self._average_model is not None and trainer.global_step > self._latest_update_step:
            self._latest_update_step = trainer.global_step
            _update(self._average_model, pl_module, trainer.global_step - 1, self.decay)


def _update(average: AveragedModel, model: nn.Module, step: int, decay: float) -> None:
    """Take the weights after a step, counted from 0, into the average, which they begin."""
    update = get_ema_multi_avg_fn(decay_at(step, decay) if step else 0.0)
    update(list(average.module.parameters()), list(model.parameters()), step)
    # Buffers are no weights; they are copied as they are.
    for kept, current in zip(average.module.buffers(), model.buffers(), strict=True):
        kept.copy_(current)
    average.n_averaged += 1


def decay_at(step: int, decay: float) -> float:
    """Return the decay at a step, counted from 0: less than `decay` at first.

    So the average lags behind by a tenth of the steps so far, until `decay` makes that fewer, and
    a short training does not remember its beginning.

    Source: tf.train.ExponentialMovingAverage, `num_updates`.

    >>> [round(decay_at(step, 0.999), 3) for step in (0, 100, 1_000, 10_000)]
    [0.1, 0.918, 0.991, 0.999]
    """
    return min(decay, (1 + step) / (10 + step))
