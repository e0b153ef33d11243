"""Two processes that torchrun starts train one model together."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import regard
from regard.training.run_directory import RunDirectory
from tests import toy_pairs, toy_reviews
from tests.toy_language import make_pairs, write_config, write_pairs


class Alone(NamedTuple):
    """What one process was told to train, the loss of each step, and what came of it."""

    words: list[str]
    losses: list[float]
    metrics: dict[str, Any]


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


def classifier(folder: Path) -> Path:
    """Return the settings of a recurrent classifier."""
    reviews = toy_reviews.write_reviews(folder / "train.csv", toy_reviews.make_reviews(200))
    return toy_reviews.write_config(
        folder / "config.yaml",
        "recurrent",
        data={"train": reviews, "test": reviews},
        training={"epochs": 2, "devices": "auto"},
    )


def matcher(folder: Path) -> Path:
    """Return the settings of an ABCNN that ranks."""
    pairs = toy_pairs.write_pairs(folder / "train.csv", toy_pairs.make_questions(50))
    return toy_pairs.write_config(
        folder / "config.yaml",
        "abcnn3",
        data={"train": pairs, "test": pairs, "group": "question"},
        training={"epochs": 2, "devices": "auto"},
    )


@pytest.mark.parametrize(
    ("what", "write", "learnt"),
    [("classify", classifier, "texts"), ("match", matcher, "pairs")],
    ids=["classifier", "matcher"],
)
def test_two_processes_train_one_reader(
    tmp_path: Path, what: str, write: Callable[[Path], Path], learnt: str
) -> None:
    words = ["train", what, "--config", str(write(tmp_path))]
    words += ["--run_directory", str(tmp_path / "run")]
    done = torchrun("tests.recipes.ranks", str(tmp_path), *words)
    assert done.returncode == 0, done.stderr
    told = [(tmp_path / rank).read_text("utf-8") for rank in ("0", "1")]
    assert told[0].startswith("2 ")
    assert told[0] == told[1]
    assert done.stdout.count(f"{learnt} to learn from") == 1
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


@pytest.fixture(scope="module", params=["transformer", "weighted"])
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    """Train in one process on as many pairs a step as two processes have."""
    folder = tmp_path_factory.mktemp("alone")
    train = write_pairs(folder / "train.tsv", make_pairs(300))
    words = [
        *("train", "translate", "--recipe", request.param, "--data.train", str(train)),
        *("--vocabulary.kind", "words", "--model.embed_dim", "16", "--model.num_heads", "2"),
        *("--model.feedforward_dim", "16", "--model.num_layers", "1"),
        *("--training.epochs", "6", "--training.max_sentences", "16"),
        *("--training.warmup_steps", "5", "--training.accelerator", "cpu"),
        *("--training.progress", "false"),
    ]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.recipes.ranks", str(folder), *words),
            *("--training.accumulate", "2", "--training.devices", "1"),
            *("--run", str(folder / "run")),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return Alone(words, losses_in(folder, 1), RunDirectory(folder / "run").metrics())


def losses_in(folder: Path, num_ranks: int) -> list[float]:
    """Return the mean loss of each step, over two batches, of one process or of two."""
    of_ranks = [
        json.loads((folder / f"{rank}.losses.json").read_text("utf-8")) for rank in range(num_ranks)
    ]
    batches = [loss for step in zip(*of_ranks, strict=True) for loss in step]
    return [sum(pair) / 2 for pair in zip(batches[::2], batches[1::2], strict=True)]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_learn_as_one_does_that_accumulates(
    tmp_path: Path, alone: Alone, strategy: str
) -> None:
    """Dropout included: it is drawn for each batch, wherever that is trained on."""
    run = ["--training.strategy", strategy, "--run_directory", str(tmp_path / "run")]
    done = torchrun("tests.recipes.ranks", str(tmp_path), *alone.words, *run)
    assert done.returncode == 0, done.stderr
    together = losses_in(tmp_path, 2)
    assert len(together) == len(alone.losses) >= 50
    assert together == pytest.approx(alone.losses, abs=1e-4)
    metrics = RunDirectory(tmp_path / "run").metrics()
    assert metrics["validation"]["loss"] == pytest.approx(alone.metrics["validation"]["loss"], 1e-4)
    assert regard.load(tmp_path / "run").translate(["ein haus"])
