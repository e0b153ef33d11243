"""A classifier whose training was stopped ends with the figures it would have had."""

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
from regard.data.files import DataError
from regard.recipes.classify import train as training
from regard.recipes.classify.settings import ClassifySettings
from regard.recipes.classify.train import train_classifier
from regard.training.run_directory import RunDirectory
from tests.toy_reviews import make_reviews, tiny, write_config, write_reviews

EPOCHS, BATCHES_PER_EPOCH = 3, 10
AFTER_EVERY_BATCH = 1e-5
TIMES = {"minutes": 0, "step_ms": 0}
READERS = ("ngram", "recurrent")


class Stopped(Exception):  # noqa: N818
    """What ends a training in the middle."""


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("resuming")
    reviews = make_reviews(200)
    return {
        "train": write_reviews(folder / "train.csv", reviews[:160]),
        "validation": write_reviews(folder / "validation.csv", reviews[160:]),
    }


def changes(data: dict[str, Path], **training: Any) -> dict[str, dict[str, Any]]:
    """Return settings under which every epoch is better than the last, with dropout."""
    chosen = {"select": "loss", "learning_rate": 0.005, "epochs": EPOCHS, **training}
    return {"data": data, "model": {"dropout": 0.2}, "training": chosen}


Whole = Callable[[str], Path]


@pytest.fixture(scope="module")
def whole(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Return a run of a recipe that was never stopped."""
    runs: dict[str, Path] = {}

    def run(recipe: str) -> Path:
        if recipe not in runs:
            runs[recipe] = tmp_path_factory.mktemp("whole") / "run"
            train_classifier(
                tiny(recipe, **changes(data)), RunDirectory(runs[recipe]), report=quiet
            )
        return runs[recipe]

    return run


def assert_same_end(run: Path, whole: Path) -> None:
    """Compare figures and weights, exactly: the same numbers are added up in the same order."""
    found, expected = (RunDirectory(path).metrics() for path in (run, whole))
    assert found | TIMES == expected | TIMES
    assert found["best_epoch"] == EPOCHS
    weights = load_file(run / "model.safetensors")
    for name, tensor in load_file(whole / "model.safetensors").items():
        assert torch.equal(weights[name], tensor), name


@pytest.mark.parametrize("recipe", READERS)
def test_a_killed_training_resumes_to_the_same_end(
    tmp_path: Path, data: dict[str, Path], whole: Whole, recipe: str
) -> None:
    run = tmp_path / "run"
    minutes = AFTER_EVERY_BATCH if recipe == "ngram" else 10.0
    config = write_config(
        tmp_path / "config.yaml", recipe, **changes(data, checkpoint_minutes=minutes)
    )
    words = ["train", "classify", "--run", str(run), "--config", str(config)]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.recipes.killed", str(BATCHES_PER_EPOCH + 5), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (run / "model.safetensors").exists()
    assert main(["train", "classify", "--run", str(run), "--resume"]) == 0
    assert_same_end(run, whole(recipe))


def stop_before(monkeypatch: pytest.MonkeyPatch, batch_number: int) -> None:
    start = training.ClassificationTraining.on_train_batch_start

    def start_or_stop(self: Any, batch: Any, batch_idx: int) -> None:
        if self.trainer.fit_loop.epoch_loop.total_batch_idx == batch_number:
            raise Stopped
        start(self, batch, batch_idx)

    monkeypatch.setattr(training.ClassificationTraining, "on_train_batch_start", start_or_stop)


def stop_while_validating(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    validated = training.ClassificationTraining.on_validation_epoch_end

    def validate_or_stop(self: Any) -> None:
        if self.trainer.current_epoch == epoch:
            raise Stopped
        validated(self)

    monkeypatch.setattr(
        training.ClassificationTraining, "on_validation_epoch_end", validate_or_stop
    )


def stop_while_evaluating(monkeypatch: pytest.MonkeyPatch, _: int) -> None:
    def stop(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr(training, "evaluate_classifier", stop)


def stopped(settings: ClassifySettings, run: RunDirectory, stop: Any, when: int) -> None:
    """Train until it is stopped."""
    with pytest.MonkeyPatch.context() as patched:
        stop(patched, when)
        with pytest.raises(Stopped):
            train_classifier(settings, run, report=quiet)


@pytest.mark.parametrize("recipe", READERS)
@pytest.mark.parametrize(
    ("stop", "when"),
    [
        (stop_before, 0),
        (stop_before, 1),
        (stop_before, BATCHES_PER_EPOCH),
        (stop_before, 3 * BATCHES_PER_EPOCH - 1),
        (stop_while_validating, 0),
        (stop_while_validating, 1),
        (stop_while_evaluating, 0),
    ],
)
def test_wherever_a_training_is_stopped_it_resumes_to_the_same_end(
    tmp_path: Path,
    data: dict[str, Path],
    whole: Whole,
    recipe: str,
    stop: Callable[[pytest.MonkeyPatch, int], None],
    when: int,
) -> None:
    settings = tiny(recipe, **changes(data, checkpoint_minutes=AFTER_EVERY_BATCH))
    run = RunDirectory(tmp_path / "run")
    stopped(settings, run, stop, when)
    train_classifier(settings, run, resume=True, report=quiet)
    assert_same_end(run.path, whole(recipe))


def test_pretrained_vectors_are_begun_with_again_only_before_the_first_checkpoint(
    tmp_path: Path, data: dict[str, Path]
) -> None:
    vectors = tmp_path / "vectors.txt"
    words = ("wonderful", "awful", "film")
    lines = (f"{word} {' '.join(str((at + 1) * 0.1) for at in range(16))}\n" for word in words)
    vectors.write_text("".join(lines))
    chosen = {**changes(data), "vocabulary": {"vectors": vectors}}
    settings = tiny("recurrent", **chosen)
    whole, early, late = (RunDirectory(tmp_path / name) for name in ("whole", "early", "late"))
    train_classifier(settings, whole, report=quiet)
    stopped(settings, early, stop_before, 1)
    reported: list[str] = []
    train_classifier(settings, early, resume=True, report=reported.append)
    assert "(3 with pretrained vectors)" in reported[0]
    assert_same_end(early.path, whole.path)
    stopped(settings, late, stop_before, BATCHES_PER_EPOCH + 1)
    vectors.unlink()
    train_classifier(settings, late, resume=True, report=quiet)
    assert_same_end(late.path, whole.path)


def test_text_that_has_changed_since_is_noticed(tmp_path: Path, data: dict[str, Path]) -> None:
    train = tmp_path / "train.csv"
    train.write_bytes(data["train"].read_bytes())
    settings = tiny("ngram", **changes({**data, "train": train}))
    run = RunDirectory(tmp_path / "run")
    stopped(settings, run, stop_before, 0)
    write_reviews(train, make_reviews(160, seed=7))
    with pytest.raises(DataError, match="has changed since the run began; start a new --run"):
        train_classifier(settings, run, resume=True, report=quiet)


def test_workers_that_make_batches_ahead_change_nothing(
    tmp_path: Path, data: dict[str, Path], whole: Whole
) -> None:
    run = RunDirectory(tmp_path / "run")
    settings = tiny("recurrent", **changes(data, workers=2))
    train_classifier(settings, run, report=quiet)
    assert_same_end(run.path, whole("recurrent"))
