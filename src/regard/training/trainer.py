"""Lightning's trainer, set up for a run directory."""

import logging
import os
import warnings
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only

from regard.files import replacing
from regard.training.averaging import EpochMean, MovingAverage
from regard.training.run_directory import RunDirectory
from regard.training.settings import TrainingSettings
from regard.training.sharding import sharded

__all__ = ["best_checkpoint", "is_first_process", "make_trainer"]


def make_trainer(
    settings: TrainingSettings, run: RunDirectory, callbacks: Sequence[Callback] = ()
) -> Trainer:
    """Make a trainer that logs to the run, keeps its best epoch, and can resume from its last.

    Under `torchrun` it joins the processes that were started, on one node or several.

    Raises:
        ValueError: this machine has no such accelerator or devices.
    """
    _quiet()
    devices, num_nodes = _devices(settings)
    bar = [TQDMProgressBar(leave=False)] if settings.progress else []
    try:
        return Trainer(
            accelerator=settings.accelerator,
            devices=devices,
            num_nodes=num_nodes,
            strategy=sharded() if settings.strategy == "fsdp" else "auto",
            precision=settings.precision,
            max_epochs=settings.epochs,
            accumulate_grad_batches=settings.accumulate,
            # The average comes after those who look at what is validated.
            callbacks=[*callbacks, *bar, *_averaging(settings), *_choosing(settings, run)],
            plugins=[_WholeFiles()],
            logger=TensorBoardLogger(run.log, name=None, version=""),
            log_every_n_steps=10,
            enable_progress_bar=settings.progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
    # What Lightning raises for an accelerator that it does not know, lacks or cannot divide so.
    except (MisconfigurationException, ModuleNotFoundError, TypeError, ValueError) as error:
        raise ValueError(
            f"training.accelerator {settings.accelerator} with training.devices "
            f"{settings.devices} and training.precision {settings.precision} does not work here: "
            f"{error}"
        ) from error


def best_checkpoint(trainer: Trainer) -> str:
    """Return the path of the checkpoint that validation chose."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor:
            return callback.best_model_path
    raise AssertionError("make_trainer always monitors a validation figure")


def is_first_process() -> bool:
    """Whether this is the process that writes files and speaks, of those that train together."""
    return getattr(rank_zero_only, "rank", 0) == 0


class _WholeFiles(TorchCheckpointIO):
    """Checkpoints that are written whole: Lightning's own go through another file system."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        with replacing(path) as draft:
            torch.save(checkpoint, draft)


class _Checkpoint(ModelCheckpoint):
    """What Lightning saves of a run, such that resuming repeats and forgets nothing.

    It is found again where the run directory has been moved. It is not written while gradients wait
    for further batches, since they are not saved, nor between an epoch's last batch and its
    validation, which would be skipped.
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = batch_idx + 1
        if done % trainer.accumulate_grad_batches == 0 and done < trainer.num_training_batches:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        here = Path(str(self.dirpath))

        def moved(path: str) -> str:
            return str(here / Path(path).name) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        best = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(
            state_dict
            | {name: moved(state_dict[name]) for name in paths}
            | {"dirpath": self.dirpath, "best_k_models": best}
        )


class _Stopping(EarlyStopping):
    """Early stopping that a run resumed after it had stopped does not forget."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def _averaging(settings: TrainingSettings) -> list[Callback]:
    """Return what averages the weights, if they are to be."""
    if settings.average_epochs:
        return [EpochMean(settings.average_epochs, num_epochs=settings.epochs)]
    return [MovingAverage(settings.ema)] if settings.ema else []


def _choosing(settings: TrainingSettings, run: RunDirectory) -> list[Callback]:
    """Return what keeps the best epoch and the last state, and stops when there is no better."""
    mode = "min" if settings.select == "loss" else "max"
    monitor = f"validation_{settings.select}"
    checkpoint = partial(_Checkpoint, run.checkpoints, enable_version_counter=False)
    # Averaged weights take their place in whole checkpoints only.
    averages = bool(settings.ema or settings.average_epochs)
    best = checkpoint(filename="best", monitor=monitor, mode=mode, save_weights_only=not averages)
    # Both write last.ckpt, which is what resuming starts from.
    after_epochs = checkpoint(filename="last", save_on_train_epoch_end=True)
    interval = timedelta(minutes=settings.checkpoint_minutes)
    after_minutes = checkpoint(filename="last", train_time_interval=interval)
    stopping = _Stopping(monitor, mode=mode, patience=settings.patience)
    return [*([stopping] if settings.patience else []), best, after_epochs, after_minutes]


def _devices(settings: TrainingSettings) -> tuple[str | int, int]:
    """Return devices on this node and the number of nodes, from torchrun where it runs."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return settings.devices, 1
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local


def _quiet() -> None:
    """Silence what Lightning says that users cannot act upon."""
    for logger in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers",
        # An epoch of few batches logs every tenth step all the same.
        "The number of training batches .* is smaller than the logging interval",
        # A resumed run writes where it wrote before.
        "Checkpoint directory .* exists and is not empty",
        # Lightning 2.6 asks torch's pytree in a way that torch 2.13 deprecates.
        r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    ):
        warnings.filterwarnings("ignore", message=message)
