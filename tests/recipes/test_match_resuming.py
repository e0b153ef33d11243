"""A matcher whose training was stopped ends with the figures it would have had."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from regard.cli.main import main
from regard.recipes.match.train import train_matcher
from regard.training.run_directory import RunDirectory
from tests.toy_pairs import make_questions, tiny, write_config, write_pairs

EPOCHS, BATCHES_PER_EPOCH = 3, 20
AFTER_EVERY_BATCH = 1e-5
TIMES = {"minutes": 0, "step_ms": 0}


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return settings with all that a matcher may know: vectors, features, groups."""
    folder = tmp_path_factory.mktemp("resuming")
    questions = make_questions(100)
    vectors = folder / "vectors.txt"
    vectors.write_text("cat 1 0 0 0\ndog 0 1 0 0\nmoon 0 0 1 0\n", "utf-8")
    data = {
        "train": write_pairs(folder / "train.csv", questions[:320]),
        "validation": write_pairs(folder / "validation.csv", questions[320:]),
        "group": "question",
        "features": True,
    }
    training = {"select": "loss", "learning_rate": 0.005, "epochs": EPOCHS}
    model = {"dropout": 0.2, "embed_dim": 4}
    vocabulary = {"vectors": vectors, "tuned": False}
    return {"data": data, "vocabulary": vocabulary, "model": model, "training": training}


@pytest.mark.parametrize("recipe", ["abcnn3", "compare_aggregate"])
def test_a_killed_training_resumes_to_the_same_end(
    tmp_path: Path, changes: dict[str, dict[str, Any]], recipe: str
) -> None:
    whole, run = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "run")
    train_matcher(tiny(recipe, **changes), whole, report=quiet)
    often = {**changes["training"], "checkpoint_minutes": AFTER_EVERY_BATCH}
    config = write_config(tmp_path / "config.yaml", recipe, **{**changes, "training": often})
    words = ["train", "match", "--run", str(run.path), "--config", str(config)]
    killed = subprocess.run(
        [sys.executable, "-m", "tests.recipes.killed", str(BATCHES_PER_EPOCH + 5), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (run.path / "model.safetensors").exists()
    assert main(["train", "match", "--run", str(run.path), "--resume"]) == 0
    found, expected = run.metrics(), whole.metrics()
    assert found | TIMES == expected | TIMES
    assert found["best_epoch"] == EPOCHS
    weights = load_file(run.path / "model.safetensors")
    for name, tensor in load_file(whole.path / "model.safetensors").items():
        assert torch.equal(weights[name], tensor), name
