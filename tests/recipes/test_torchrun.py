"""Two processes that torchrun starts train one model together."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import toy_reviews
from tests.toy_language import make_pairs, write_config, write_pairs


def torchrun(*words: str) -> subprocess.CompletedProcess[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port", str(port)]
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *launch, "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchrun")
    train = write_pairs(folder / "train.tsv", make_pairs(300))
    return write_config(
        folder / "config.yaml",
        data={"train": train, "test": train},
        training={"epochs": 2, "devices": "auto"},
    )


def test_two_processes_train_one_model(tmp_path: Path, config: Path) -> None:
    words = ["train", "translate", "--config", str(config), "--training.ema", "0.9"]
    run = ["--run_directory", str(tmp_path / "run")]
    done = torchrun("tests.recipes.ranks", str(tmp_path), *words, *run)
    assert done.returncode == 0, done.stderr
    # Both know of each other and end with the same weights.
    told = [(tmp_path / rank).read_text("utf-8") for rank in ("0", "1")]
    assert told[0].startswith("2 ")
    assert told[0] == told[1]
    # One speaks and writes.
    assert done.stdout.count("pairs to learn from") == 1
    assert done.stdout.count("epoch 2/2") == 1
    assert done.stdout.count("perplexity, teacher-forced") == 1
    assert "Warning" not in done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))
    assert metrics["epochs"] == 2
    assert metrics["test"]["perplexity"] < 10
    # What was measured together is what one process measures alone.
    logged = f"epoch {metrics['best_epoch']}/2  validation loss {metrics['validation']['loss']:.3f}"
    assert logged in done.stdout


def test_two_processes_train_one_classifier(tmp_path: Path) -> None:
    reviews = toy_reviews.write_reviews(tmp_path / "train.csv", toy_reviews.make_reviews(200))
    config = toy_reviews.write_config(
        tmp_path / "config.yaml",
        "recurrent",
        data={"train": reviews, "test": reviews},
        training={"epochs": 2, "devices": "auto"},
    )
    words = ["train", "classify", "--config", str(config), "--run_directory", str(tmp_path / "run")]
    done = torchrun("tests.recipes.ranks", str(tmp_path), *words)
    assert done.returncode == 0, done.stderr
    told = [(tmp_path / rank).read_text("utf-8") for rank in ("0", "1")]
    assert told[0].startswith("2 ")
    assert told[0] == told[1]
    assert done.stdout.count("texts to learn from") == 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))
    # What was measured together is what one process measures alone.
    logged = f"epoch {metrics['best_epoch']}/2  validation loss {metrics['validation']['loss']:.3f}"
    assert logged in done.stdout


def test_a_mistake_ends_all_processes_and_leaves_nothing(tmp_path: Path, config: Path) -> None:
    words = ["train", "translate", "--config", str(config), "--training.max_tokens", "3"]
    done = torchrun("regard.cli.main", *words, "--run_directory", str(tmp_path / "run"))
    assert done.returncode != 0
    assert "regard: max_tokens=3 is less than the longest sentence" in done.stderr
    assert list(tmp_path.iterdir()) == []
