"""A training that was stopped, wherever and however, ends with the figures it would have had."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from regard.cli.main import main
from regard.recipes.translate import train as translate_training
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.train import train_translator
from regard.recipes.translate.watcher import ValidationTranslator
from regard.training.run_directory import RunDirectory
from regard.training.translation import TranslationTraining
from tests.toy_language import make_pairs, tiny, write_config, write_pairs

EPOCHS, BATCHES_PER_EPOCH = 3, 12
AFTER_EVERY_BATCH = 1e-5
DROPOUT = {"dropout": 0.2}


class Stopped(Exception):  # noqa: N818
    """What ends a training in the middle."""


def quiet(line: str) -> None:
    """Say nothing."""


def training(**changes: Any) -> dict[str, Any]:
    """Return settings under which every epoch is better than the last, so that none is hidden."""
    return {"epochs": EPOCHS, "select": "loss", **changes}


def settings(train: Path, attention: str = "global", **changes: Any) -> TranslateSettings:
    model = {**DROPOUT, "attention": attention}
    return tiny(data={"train": train, "test": train}, model=model, training=training(**changes))


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("resuming") / "train.tsv", make_pairs(200))


Whole = Callable[..., Path]


@pytest.fixture(scope="module")
def whole(train: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Return a run that was never stopped, with some settings of its training changed."""
    runs: dict[str, Path] = {}

    def run(**changes: Any) -> Path:
        if (key := str(changes)) not in runs:
            runs[key] = tmp_path_factory.mktemp("whole") / "run"
            train_translator(settings(train, **changes), RunDirectory(runs[key]), report=quiet)
        return runs[key]

    return run


def assert_same_end(run: Path, whole: Path) -> None:
    """Compare figures and weights, exactly: the same numbers are added up in the same order."""
    found, expected = (RunDirectory(path).metrics() for path in (run, whole))
    for timing in ("minutes", "step_ms"):
        assert found.pop(timing) >= 0
        assert expected.pop(timing) >= 0
    assert found == expected
    assert found["best_epoch"] == EPOCHS
    weights = load_file(run / "model.safetensors")
    for name, tensor in load_file(whole / "model.safetensors").items():
        assert torch.equal(weights[name], tensor), name


@pytest.mark.parametrize(
    "minutes", [10.0, AFTER_EVERY_BATCH], ids=["after an epoch", "in the middle of an epoch"]
)
def test_a_killed_training_resumes_to_the_same_end(
    tmp_path: Path, train: Path, whole: Whole, minutes: float
) -> None:
    run, config = tmp_path / "run", tmp_path / "config.yaml"
    write_config(
        config,
        data={"train": train, "test": train},
        model=DROPOUT,
        training=training(checkpoint_minutes=minutes),
    )
    words = ["train", "translate", "--run", str(run), "--config", str(config)]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.recipes.killed", str(BATCHES_PER_EPOCH + 5), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (run / "model.safetensors").exists()
    assert main(["train", "translate", "--run", str(run), "--resume"]) == 0
    assert_same_end(run, whole())


def stop_before(monkeypatch: pytest.MonkeyPatch, batch_number: int) -> None:
    start = TranslationTraining.on_train_batch_start

    def start_or_stop(self: TranslationTraining, batch: Any, batch_idx: int) -> None:
        if self.trainer.fit_loop.epoch_loop.total_batch_idx == batch_number:
            raise Stopped
        start(self, batch, batch_idx)

    monkeypatch.setattr(TranslationTraining, "on_train_batch_start", start_or_stop)


def stop_while_validating(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    translated = ValidationTranslator.on_validation_epoch_end

    def translate_or_stop(self: ValidationTranslator, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == epoch:
            raise Stopped
        translated(self, trainer, module)

    monkeypatch.setattr(ValidationTranslator, "on_validation_epoch_end", translate_or_stop)


def stop_while_evaluating(monkeypatch: pytest.MonkeyPatch, _: int) -> None:
    def stop(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr(translate_training, "evaluate_translator", stop)


CHANGING = {"ema": 0.9, "teacher_forcing": 0.5}
AVERAGING = {"average_epochs": 2}  # the second epoch and the third
DRAWING = {"attention": "hard", "ema": 0.9, "accumulate": 5}


@pytest.mark.parametrize(
    ("stop", "when", "changes"),
    [
        (stop_before, 0, {}),
        (stop_before, 1, {}),
        (stop_before, BATCHES_PER_EPOCH, {}),
        (stop_before, BATCHES_PER_EPOCH + 8, {"accumulate": 5}),
        (stop_before, 3 * BATCHES_PER_EPOCH - 1, {"accumulate": 5}),
        (stop_before, BATCHES_PER_EPOCH + 7, CHANGING),
        (stop_before, 2 * BATCHES_PER_EPOCH, CHANGING),
        (stop_before, BATCHES_PER_EPOCH + 8, DRAWING),
        (stop_before, BATCHES_PER_EPOCH - 3, AVERAGING),
        (stop_before, BATCHES_PER_EPOCH, AVERAGING),
        (stop_before, 2 * BATCHES_PER_EPOCH - 1, AVERAGING),
        (stop_before, 2 * BATCHES_PER_EPOCH, AVERAGING),
        (stop_before, 3 * BATCHES_PER_EPOCH - 1, AVERAGING),
        (stop_while_validating, 0, {}),
        (stop_while_validating, 1, {"accumulate": 5}),
        (stop_while_validating, 1, CHANGING),
        (stop_while_validating, 1, AVERAGING),
        (stop_while_validating, 2, AVERAGING),
        (stop_while_evaluating, 0, {}),
        (stop_while_evaluating, 0, CHANGING),
        (stop_while_evaluating, 0, AVERAGING),
    ],
)
def test_wherever_a_training_is_stopped_it_resumes_to_the_same_end(
    tmp_path: Path,
    train: Path,
    whole: Whole,
    stop: Callable[[pytest.MonkeyPatch, int], None],
    when: int,
    changes: dict[str, Any],
) -> None:
    chosen = settings(train, **changes, checkpoint_minutes=AFTER_EVERY_BATCH)
    run = RunDirectory(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patched:
        stop(patched, when)
        with pytest.raises(Stopped):
            train_translator(chosen, run, report=quiet)
    train_translator(chosen, run, resume=True, report=quiet)
    assert_same_end(run.path, whole(**changes))


def test_a_run_that_was_moved_resumes_to_the_same_end(
    tmp_path: Path, train: Path, whole: Whole
) -> None:
    chosen = settings(train)
    with pytest.MonkeyPatch.context() as patched:
        stop_while_evaluating(patched, 0)
        with pytest.raises(Stopped):
            train_translator(chosen, RunDirectory(tmp_path / "here"), report=quiet)
    shutil.move(tmp_path / "here", tmp_path / "there")
    train_translator(chosen, RunDirectory(tmp_path / "there"), resume=True, report=quiet)
    assert_same_end(tmp_path / "there", whole())
    assert not (tmp_path / "here").exists()


def test_training_stops_when_there_is_no_better_epoch(tmp_path: Path, train: Path) -> None:
    chosen = tiny(
        data={"train": train}, training={"learning_rate": 1e-12, "epochs": 9, "patience": 2}
    )
    run = RunDirectory(tmp_path / "run")
    metrics = train_translator(chosen, run, report=quiet)
    assert (metrics["best_epoch"], metrics["epochs"]) == (1, 3)


def test_what_was_stopped_early_stays_stopped(tmp_path: Path, train: Path) -> None:
    chosen = tiny(
        data={"train": train}, training={"learning_rate": 1e-12, "epochs": 9, "patience": 2}
    )
    run = RunDirectory(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patched:
        stop_while_evaluating(patched, 0)
        with pytest.raises(Stopped):
            train_translator(chosen, run, report=quiet)
    assert train_translator(chosen, run, resume=True, report=quiet)["epochs"] == 3


def test_an_interrupt_reaches_the_caller(
    tmp_path: Path, train: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ValidationTranslator, "on_validation_epoch_end", interrupt)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_translator(settings(train), RunDirectory(tmp_path / "run"), report=quiet)
    assert signal.getsignal(signal.SIGINT) == before
