"""Watching a language model learn: after every epoch it writes a little."""

from collections.abc import Callable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from regard.data.blocks import Blocks
from regard.decoding import Sampling
from regard.inspection.labels import printable, shorten
from regard.recipes.generate.figures import bits_per_character, perplexity
from regard.recipes.generate.system import TEMPERATURE, GenerationSystem
from regard.training.sharding import whole

__all__ = ["SampleWriter"]

SAMPLE_LEN = 80  # characters, and tokens at most


class SampleWriter(Callback):
    """Report how well validation text is expected, and a sample, after every epoch."""

    def __init__(
        self, system: GenerationSystem, validation: Blocks, report: Callable[[str], None]
    ) -> None:
        self._system, self._validation, self._report = system, validation, report
        self._sample = ""

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # In every process: those that share the weights need each other for that.
        with trainer.precision_plugin.forward_context(), whole(self._system.model):
            self._sample = self._written(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        loss = float(trainer.callback_metrics["validation_loss"])
        self._report(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            f"  validation loss {loss:.3f}  perplexity {perplexity(loss):.2f}"
            f"  bits per character {bits_per_character(loss, self._validation):.3f}"
        )
        self._report(f"  writes: {self._sample}")

    def _written(self, epoch: int) -> str:
        """Return a sample, drawn by the number of the epoch so that a resumed run draws it too."""
        generator = torch.Generator(self._system.device).manual_seed(epoch)
        search = Sampling(temperature=TEMPERATURE, generator=generator)
        length = min(SAMPLE_LEN, self._system.longest or SAMPLE_LEN)
        [[written]] = self._system.generate([""], search, length=length)
        return shorten(printable(written.text), SAMPLE_LEN)
