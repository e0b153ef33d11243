"""A run is trained by one process at a time, for each recipe, and however that process ends."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lightning.pytorch.utilities import rank_zero_only

from regard.recipes.alone import alone_in, in_training, locked
from regard.recipes.classify import train as classify
from regard.recipes.generate import train as generate
from regard.recipes.translate import train as translate
from regard.training.run_directory import RunDirectory, RunError
from tests import toy_language, toy_reviews, toy_text

BUSY = "is being trained by another process; wait until that has ended, or choose another --run"


class Recipe(NamedTuple):
    """What trains, where it calls for the fitting, and settings for a file to learn from."""

    train: Callable[..., dict[str, Any]]
    module: Any
    settings: Callable[[Path], Any]


def pairs(folder: Path) -> Any:
    train = toy_language.write_pairs(folder / "train.tsv", toy_language.make_pairs(40))
    return toy_language.tiny(data={"train": train})


def reviews(folder: Path) -> Any:
    train = toy_reviews.write_reviews(folder / "train.csv", toy_reviews.make_reviews(60))
    return toy_reviews.tiny("ngram", data={"train": train})


def text(folder: Path) -> Any:
    return toy_text.tiny(data={"train": toy_text.write_text(folder / "train.txt", 60)})


RECIPES = {
    "translate": Recipe(translate.train_translator, translate, pairs),
    "classify": Recipe(classify.train_classifier, classify, reviews),
    "generate": Recipe(generate.train_generator, generate, text),
}


class Stopped(Exception):  # noqa: N818
    """What ends a training in the middle."""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path / "run")
    run.create({"system": "translate"}, lambda folder: None)
    return run


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = RECIPES[name], RunDirectory(tmp_path / "run")
    settings, seen = recipe.settings(tmp_path), list[bool]()

    def look(*_: object) -> None:
        seen.append(in_training(run))
        raise Stopped

    monkeypatch.setattr(recipe.module, "fit", look)
    for resume in (False, True):
        with pytest.raises(Stopped):
            recipe.train(settings, run, resume=resume, report=lambda line: None)
        assert ".lock" not in files_of(run.path)
    assert seen == [True, True]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("resume", [True, False])
def test_every_recipe_refuses_what_another_process_trains(
    name: str, resume: bool, tmp_path: Path, run: RunDirectory
) -> None:
    recipe, said = RECIPES[name], list[str]()
    settings = recipe.settings(tmp_path)
    with locked(run.path):
        before = files_of(run.path)
        with pytest.raises(RunError) as refusal:
            recipe.train(settings, run, resume=resume, report=said.append)
        assert files_of(run.path) == before
    assert str(refusal.value) == f"{run.path} {BUSY}"
    assert said == []


def test_what_another_process_has_begun_meanwhile_is_refused(run: RunDirectory) -> None:
    new = RunDirectory(run.path.with_name("new"))
    with (
        alone_in(new, resume=False) as begin,
        locked(shutil.copytree(run.path, new.path)),
        pytest.raises(RunError, match=BUSY),
    ):
        begin({"system": "classify"}, lambda folder: None)
    assert new.config() == {"system": "translate"}
    assert not in_training(new)


KILLED = """
import os, signal, sys
from regard.recipes.alone import alone_in, in_training
from regard.training.run_directory import RunDirectory

run = RunDirectory(sys.argv[1])
with alone_in(run, resume=True):
    os.kill(os.getpid(), signal.SIGTRAP if not in_training(run) else signal.SIGKILL)
"""


def test_a_killed_process_trains_no_longer(run: RunDirectory) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(run.path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (run.path / ".lock").exists()
    with alone_in(run, resume=True):
        assert in_training(run)
    assert list(files_of(run.path)) == ["config.json"]


def test_what_a_killed_process_left_is_not_training(run: RunDirectory) -> None:
    (run.path / ".lock").touch()
    assert not in_training(run)


def test_a_copy_of_what_is_being_trained_is_not(run: RunDirectory) -> None:
    with locked(run.path):
        copy = RunDirectory(shutil.copytree(run.path, run.path.with_name("copy")))
        assert not in_training(copy)
        with alone_in(copy, resume=True):
            assert in_training(copy)
    assert files_of(copy.path) == files_of(run.path)


def test_what_cannot_be_resumed_is_not_locked(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match="no run directory"),
        alone_in(RunDirectory(tmp_path / "x"), resume=True),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_of_processes_that_train_together_the_first_alone_locks(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(run.path):
        monkeypatch.setattr(rank_zero_only, "rank", 1)
        with alone_in(run, resume=True) as begin:
            begin({}, lambda folder: None)
        with alone_in(RunDirectory(run.path.with_name("new")), resume=False) as begin:
            begin({}, lambda folder: None)
        assert in_training(run)
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]
