"""Averaging the weights of a training, such that the average is what is validated and kept."""

import warnings
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

__all__ = ["EpochMean", "MovingAverage", "decay_at"]


class _Average(WeightAveraging):
    """Keep an average of the weights.

    It takes the place of the weights while they are validated, in checkpoints under `state_dict`,
    and at the end of training. Callbacks that come before this one see it at the end of a
    validation epoch.
    """

    def __init__(self) -> None:
        super().__init__(use_buffers=False)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # The weights are taken there only later, and the average must not lag behind on the CPU.
        self._device = trainer.strategy.root_device
        with warnings.catch_warnings():
            # It warns of weights that are shared, which settings refuse to average.
            warnings.filterwarnings("ignore", ".*model that overrides the configure_model")
            super().setup(trainer, pl_module, stage)

    def take_in(self, model: nn.Module, decay: float) -> None:
        """Take the weights into the average, of which the share `decay` stays."""
        average = self._average_model
        if average is None:
            return
        update = get_ema_multi_avg_fn(decay)
        update(list(average.module.parameters()), list(model.parameters()), 1)
        # Buffers are no weights; they are copied as they are.
        for kept, current in zip(average.module.buffers(), model.buffers(), strict=True):
            kept.copy_(current)
        average.n_averaged += 1


class MovingAverage(_Average):
    r"""Keep an exponential moving average of the weights, updated after every step.

    $$\bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t) \theta_t, \quad \bar\theta_0 = \theta_0$$

    $d_t$ is `decay_at`.

    Source: Polyak & Juditsky 1992 (averaging the weights of a training).
    Differs: theirs is the uniform mean over all steps, this one an exponential mean, which begins
    as TensorFlow's ExponentialMovingAverage with num_updates does; Vaswani et al. 2017, 6.1 average
    the last checkpoints.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        # As the library does it, which counts the steps on the device: to read that is to wait.
        if trainer.global_step > self._latest_update_step:
            self._latest_update_step = trainer.global_step
            step = trainer.global_step - 1
            self.take_in(pl_module, decay_at(step, self.decay) if step else 0.0)


class EpochMean(_Average):
    """Keep the mean of the weights at the ends of the last epochs.

    Until there are two of these, it is the weights themselves. Which are the last is counted from
    the end that is planned: a training that stops before it averages fewer, or none.

    Args:
        num_averaged: how many epochs.
        num_epochs: of the training.

    Source: Vaswani et al. 2017, section 6.1 (the last checkpoints).
    """

    def __init__(self, num_averaged: int, *, num_epochs: int) -> None:
        super().__init__()
        self.first = max(0, num_epochs - num_averaged)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        # At the last batch, not at the end of the epoch: validation comes before that.
        if batch_idx + 1 == trainer.num_training_batches:
            before = max(0, trainer.current_epoch - self.first)
            self.take_in(pl_module, before / (before + 1))


def decay_at(step: int, decay: float) -> float:
    """Return the decay at a step, counted from 0: less than `decay` at first.

    So the average lags behind by a tenth of the steps so far, until `decay` makes that fewer, and
    a short training does not remember its beginning.

    Source: tf.train.ExponentialMovingAverage, `num_updates`.

    >>> [round(decay_at(step, 0.999), 3) for step in (0, 100, 1_000, 10_000)]
    [0.1, 0.918, 0.991, 0.999]
    """
    return min(decay, (1 + step) / (10 + step))
