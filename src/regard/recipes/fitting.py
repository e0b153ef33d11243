"""What every recipe does around its model: fit, take the best epoch, keep settings."""

import copy
import dataclasses
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning.pytorch import Trainer
from torch import nn

from regard.data.batching import (
    BatchLoader,
    BatchSampler,
    Examples,
    Lengths,
    Plan,
    by_sentences,
    by_tokens,
)
from regard.training.clock import Clock
from regard.training.module import Training
from regard.training.run_directory import RunDirectory
from regard.training.settings import TrainingSettings
from regard.training.trainer import best_checkpoint, is_first_process

__all__ = [
    "Report",
    "as_json",
    "batch_plan",
    "conclude",
    "fit",
    "for_first_process",
    "make_loader",
    "num_parameters",
]

Example = TypeVar("Example")
Batch = TypeVar("Batch")

Report = Callable[[str], None]
"""Where a training says how it goes, line by line."""


def for_first_process(report: Report) -> Report:
    """Let one process speak, of those that train together."""
    return report if is_first_process() else lambda line: None


def batch_plan(lengths: Lengths, settings: TrainingSettings) -> Plan:
    """Plan batches of similar length or, with max_tokens 0, at random."""
    if not settings.max_tokens:
        return by_sentences(settings.max_sentences)
    return by_tokens(lengths, max_tokens=settings.max_tokens, max_sentences=settings.max_sentences)


def make_loader(
    examples: Examples[Example],
    plan: Plan,
    collate: Callable[[list[Example]], Batch],
    settings: TrainingSettings,
    trainer: Trainer,
    seed: int | None,
) -> BatchLoader[Example, Batch]:
    """Make this process's batches.

    Args:
        seed: of the order; None keeps that of the examples.
    """
    sampler = BatchSampler(
        len(examples),
        plan,
        seed=seed,
        rank=trainer.global_rank,
        num_ranks=trainer.world_size,
        accumulated=1 if seed is None else settings.accumulate,
    )
    return BatchLoader(examples, sampler, collate, workers=settings.workers)


def fit(
    trainer: Trainer, module: Training, loaders: tuple[Any, Any], checkpoint: Path | None
) -> nn.Module:
    """Train to the end, or until Ctrl-C, which interrupts as it does elsewhere.

    Return the model, whole, but not with its best weights yet: see `conclude`.

    Args:
        loaders: batches to learn from, and to choose the best epoch by.
        checkpoint: what to go on from.
    """
    # What processes have shared among themselves cannot be put together again.
    shares = module.settings.strategy == "fsdp"
    model = copy.deepcopy(module.model) if shares else module.model
    at_interrupt = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, *loaders, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:
        # Which is what Lightning makes of Ctrl-C, and then ignores any further one.
        if trainer.interrupted:
            signal.signal(signal.SIGINT, at_interrupt)
            raise KeyboardInterrupt from None
        raise
    return model


def _take_best(trainer: Trainer, model: nn.Module) -> dict[str, Any]:
    """Put the best epoch's weights into the model; return which epoch that was."""
    checkpoint = torch.load(best_checkpoint(trainer), map_location="cpu", weights_only=True)
    weights = {
        name.removeprefix("model."): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith("model.")
    }
    model.load_state_dict(weights)
    # Training has taken it off the device.
    model.to(trainer.strategy.root_device)
    return {"best_epoch": checkpoint["epoch"] + 1, "epochs": trainer.current_epoch}


def conclude(
    run: RunDirectory,
    trainer: Trainer,
    clock: Clock,
    model: nn.Module,
    evaluated: Mapping[str, Callable[[], dict[str, Any]]],
) -> dict[str, Any]:
    """Take the best epoch, score it on each split, and keep figures and weights; return figures.

    Args:
        evaluated: what scores each split, by its name.
    """
    metrics = _take_best(trainer, model)
    metrics["minutes"] = round(clock.minutes, 2)
    if clock.step_ms is not None:
        metrics["step_ms"] = round(clock.step_ms, 2)
    metrics["parameters"] = num_parameters(model)
    metrics |= {split: evaluate() for split, evaluate in evaluated.items()}
    run.save_metrics(metrics)
    run.save_weights(model)
    return metrics


def num_parameters(model: nn.Module) -> int:
    """Return how many numbers a model learns."""
    return sum(part.numel() for part in model.parameters())


def as_json(settings: Any) -> dict[str, Any]:
    """Return settings, which are a dataclass, as JSON can hold them."""
    return dataclasses.asdict(
        settings,
        dict_factory=lambda items: {
            name: str(value) if isinstance(value, Path) else value for name, value in items
        },
    )
