"""Lightning's trainer, set up for a run directory."""

import logging
import os
import warnings
from collections.abc import Sequence
from datetime import timedelta

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from regard.training.run_directory import RunDirectory
from regard.training.settings import TrainingSettings

__all__ = ["best_checkpoint", "is_first_process", "make_trainer"]


def make_trainer(
    settings: TrainingSettings, run: RunDirectory, callbacks: Sequence[Callback] = ()
) -> Trainer:
    """Make a trainer that logs to the run, keeps its best epoch, and can resume from its last.

    Under `torchrun` it joins the processes that were started, on one node or several.
    """
    _quiet()
    devices, num_nodes = _devices(settings)
    mode = "min" if settings.select == "loss" else "max"
    monitor = f"validation_{settings.select}"
    best = ModelCheckpoint(
        run.checkpoints,
        filename="best",
        monitor=monitor,
        mode=mode,
        save_weights_only=True,
        enable_version_counter=False,
    )
    # Both write last.ckpt, which is what resuming starts from.
    after_epochs = ModelCheckpoint(
        run.checkpoints,
        filename="last",
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    after_minutes = ModelCheckpoint(
        run.checkpoints,
        filename="last",
        train_time_interval=timedelta(minutes=settings.checkpoint_minutes),
        enable_version_counter=False,
    )
    stopping = (
        [EarlyStopping(monitor, mode=mode, patience=settings.patience)] if settings.patience else []
    )
    bar = [TQDMProgressBar(leave=False)] if settings.progress else []
    return Trainer(
        accelerator=settings.accelerator,
        devices=devices,
        num_nodes=num_nodes,
        precision=settings.precision,
        max_epochs=settings.epochs,
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip,
        callbacks=[*callbacks, *stopping, *bar, best, after_epochs, after_minutes],
        logger=TensorBoardLogger(run.log, name=None, version=""),
        enable_progress_bar=settings.progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def best_checkpoint(trainer: Trainer) -> str:
    """Return the path of the checkpoint that validation chose."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor:
            return callback.best_model_path
    raise AssertionError("make_trainer always monitors a validation figure")


def is_first_process() -> bool:
    """Whether this is the process that writes files; the others are torchrun's further ones."""
    return int(os.environ.get("RANK", "0")) == 0


def _devices(settings: TrainingSettings) -> tuple[str | int, int]:
    """Return devices on this node and the number of nodes, from torchrun where it runs."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return settings.devices, 1
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local


def _quiet() -> None:
    """Silence what Lightning says about hardware and data loading that users cannot act upon."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
