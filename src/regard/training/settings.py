"""What a user may choose about training, whatever is trained; recipes add what is theirs."""

from dataclasses import dataclass
from typing import Literal

from regard.training.limits import ABOVE_0, SHARE, Limit, at_least, check_limits
from regard.training.schedules import Schedule

__all__ = ["Precision", "Strategy", "TrainingSettings"]

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

Strategy = Literal["ddp", "fsdp"]

_SEVERAL = Limit("2 or more, or 0 for none", lambda number: number == 0 or number >= 2)
_SEED = Limit("from 0 to 4,294,967,295", lambda seed: 0 <= seed < 2**32)  # NumPy takes no other


@dataclass(frozen=True)
class TrainingSettings:
    """How long, how fast and on what to train.

    Args:
        epochs: passes over the training data, at most.
        max_tokens: padded tokens in a batch of sentences of similar length.
        max_sentences: sentences in a batch; with max_tokens 0, batches of just that many at random.
        learning_rate: Adam's, at its peak.
        schedule: after the warm-up, the rate stays (constant), falls to 0 at the end (linear), or
            as the inverse square root of the step (inverse_sqrt, also known as Noam's).
        warmup_steps: steps over which the rate rises to its peak.
        label_smoothing: share of the target's probability spread over the vocabulary.
        clip: norm to which gradients are clipped.
        accumulate: batches whose gradients are added up before a step.
        ema: decay of an exponential moving average of the weights over steps, which is validated
            and kept in their place, such as 0.999; 0 for none.
        average_epochs: likewise the mean of the weights at the ends of so many last epochs, 2 or
            more; 0 for none.
        precision: 32-true, bf16-mixed (faster where bfloat16 is known) or 16-mixed (GPU).
        select: the validation figure that chooses the best epoch.
        patience: stop after so many epochs without a better one; 0 trains to the end, which
            average_epochs needs.
        checkpoint_minutes: how often to save what resuming needs, besides after every epoch.
        accelerator: where to run: auto, cpu, gpu, mps.
        devices: how many, or auto; under torchrun, the processes it started.
        strategy: what several processes share: gradients alone (ddp), or also the weights and what
            the optimizer keeps of them (fsdp), for models that are large.
        workers: processes that make batches ahead; 0 makes them where the model is trained.
        seed: of the initial weights, the order of batches and the dropout.
        progress: show a progress bar.

    Raises:
        ValueError: a number is out of range, or settings do not go together.
    """

    epochs: int = 14
    max_tokens: int = 4000
    max_sentences: int = 128
    learning_rate: float = 1e-3
    schedule: Schedule = "linear"
    warmup_steps: int = 200
    label_smoothing: float = 0.1
    clip: float = 1.0
    accumulate: int = 1
    ema: float = 0.0
    average_epochs: int = 0
    precision: Precision = "32-true"
    select: str = "loss"
    patience: int = 0
    checkpoint_minutes: float = 10.0
    accelerator: str = "auto"
    devices: str = "auto"
    strategy: Strategy = "ddp"
    workers: int = 0
    seed: int = 1
    progress: bool = True

    def __post_init__(self) -> None:
        check_limits(
            self,
            "training",
            epochs=at_least(1),
            max_tokens=at_least(0),
            max_sentences=at_least(1),
            learning_rate=ABOVE_0,
            warmup_steps=at_least(0),
            label_smoothing=SHARE,
            clip=ABOVE_0,
            accumulate=at_least(1),
            ema=SHARE,
            average_epochs=_SEVERAL,
            patience=at_least(0),
            checkpoint_minutes=ABOVE_0,
            workers=at_least(0),
            seed=_SEED,
        )
        self._check_averaging()

    def _check_averaging(self) -> None:
        if self.strategy == "fsdp" and (self.ema or self.average_epochs):
            raise ValueError("training.strategy fsdp has no whole weights to average; use ddp")
        if self.ema and self.average_epochs:
            raise ValueError(
                "training.ema and training.average_epochs are two ways to average; choose one"
            )
        if self.average_epochs and self.patience:
            raise ValueError(
                "training.average_epochs averages the last of training.epochs, before which "
                "training.patience may stop; choose one, or average with training.ema"
            )
        if self.average_epochs and self.epochs == 1:
            raise ValueError(
                "training.average_epochs has nothing to average in training.epochs 1; leave it out"
            )
