"""A language model whose training was stopped ends with the figures it would have had."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

from regard.recipes.generate import train as generate_training
from regard.recipes.generate.settings import GenerateSettings
from regard.recipes.generate.train import train_generator
from regard.recipes.generate.watcher import SampleWriter
from regard.training.language import LanguageTraining
from regard.training.run_directory import RunDirectory, RunError
from tests.toy_text import tiny, write_text

AFTER_EVERY_BATCH = 1e-5


class Stopped(Exception):  # noqa: N818
    """What ends a training in the middle."""


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("resuming") / "train.txt", 60)


def settings(train: Path, **training: Any) -> GenerateSettings:
    return tiny(
        data={"train": train, "test": train},
        model={"dropout": 0.2},
        training={"checkpoint_minutes": AFTER_EVERY_BATCH, "epochs": 2, **training},
    )


def stop_before(batch_number: int) -> Callable[[pytest.MonkeyPatch], None]:
    def stop(patched: pytest.MonkeyPatch) -> None:
        start = LanguageTraining.on_train_batch_start

        def start_or_stop(self: LanguageTraining, batch: Any, batch_idx: int) -> None:
            if self.trainer.fit_loop.epoch_loop.total_batch_idx == batch_number:
                raise Stopped
            start(self, batch, batch_idx)

        patched.setattr(LanguageTraining, "on_train_batch_start", start_or_stop)

    return stop


def raises(*_: object) -> None:
    raise Stopped


STOPS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "within an epoch": stop_before(3),
    "while it writes": lambda patched: patched.setattr(SampleWriter, "_written", raises),
    "before it is judged": lambda patched: patched.setattr(
        generate_training, "evaluate_generator", raises
    ),
}


class Whole(NamedTuple):
    """A run that was never stopped, and what was said meanwhile."""

    run: RunDirectory
    said: list[str]


@pytest.fixture(scope="module")
def whole(train: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Whole]:
    """Return such a run, with some settings of its training changed."""

    @cache
    def made(**changes: Any) -> Whole:
        made = Whole(RunDirectory(tmp_path_factory.mktemp("whole") / "run"), [])
        train_generator(settings(train, **changes), made.run, report=made.said.append)
        return made

    return made


@pytest.mark.parametrize(
    ("stop", "changes"), [*((name, {}) for name in STOPS), ("within an epoch", {"ema": 0.9})]
)
def test_wherever_a_training_is_stopped_it_resumes_to_the_same_end(
    stop: str, changes: dict[str, Any], tmp_path: Path, train: Path, whole: Callable[..., Whole]
) -> None:
    chosen, run = settings(train, **changes), RunDirectory(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patched:
        STOPS[stop](patched)
        with pytest.raises(Stopped):
            train_generator(chosen, run, report=lambda line: None)
    resumed: list[str] = []
    train_generator(chosen, run, resume=True, report=resumed.append)
    uninterrupted, said = whole(**changes)
    found, wanted = run.metrics(), uninterrupted.metrics()
    for timing in ("minutes", "step_ms"):
        assert found.pop(timing) >= 0
        assert wanted.pop(timing) >= 0
    assert found == wanted
    weights = load_file(run.path / "model.safetensors")
    for name, tensor in load_file(uninterrupted.path / "model.safetensors").items():
        assert torch.equal(weights[name], tensor), name
    # What it says and writes is the same, too.
    assert resumed[1:] == said[len(said) - len(resumed) + 1 :]


def test_a_text_that_has_changed_is_refused(tmp_path: Path) -> None:
    chosen = settings(write_text(tmp_path / "train.txt", 100))
    run = RunDirectory(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patched:
        stop_before(3)(patched)
        with pytest.raises(Stopped):
            train_generator(chosen, run, report=lambda line: None)
    write_text(tmp_path / "train.txt", 300)
    with pytest.raises(ValueError, match="go on with the same data"):
        train_generator(chosen, run, resume=True, report=lambda line: None)


def test_a_run_that_is_there_is_not_overwritten(tmp_path: Path, train: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="exists already"):
        train_generator(settings(train), RunDirectory(tmp_path / "run"))
