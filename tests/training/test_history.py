"""What a training logged is read back, in the order of its steps."""

from pathlib import Path

import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from regard.training.history import read_history
from regard.training.run_directory import RunDirectory, RunError


def log(run: RunDirectory, losses: dict[int, float]) -> None:
    """Log as one process does that trains."""
    logger = TensorBoardLogger(run.log, name=None, version="")
    for step, loss in losses.items():
        logger.log_metrics({"loss": loss}, step=step)
    logger.finalize("success")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    made.create({}, lambda folder: None)
    return made


def test_figures_come_back_by_their_steps(run: RunDirectory) -> None:
    log(run, {0: 4.0, 10: 2.0})
    assert read_history(run) == {"loss": [(0, 4.0), (10, 2.0)]}


def test_what_was_trained_again_counts_as_it_was_last(run: RunDirectory) -> None:
    log(run, {0: 4.0, 10: 2.0, 20: 1.0})
    log(run, {10: 3.0, 30: 0.5})
    assert read_history(run) == {"loss": [(0, 4.0), (10, 3.0), (20, 1.0), (30, 0.5)]}


def test_many_figures_are_all_there(run: RunDirectory) -> None:
    losses = {step: float(step) for step in range(12_000)}
    log(run, losses)
    assert read_history(run)["loss"] == list(losses.items())


def test_nothing_logged_is_said(run: RunDirectory) -> None:
    with pytest.raises(RunError, match="has logged nothing yet"):
        read_history(run)
