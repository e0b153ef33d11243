"""Runs that are damaged, half there, newer, in use or not what they were are left as they are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import ToyRun

Refusal = Callable[[list[str]], str]

RESUME = ["train", "translate", "--run", "copy", "--resume"]


def lose(name: str) -> None:
    Path("copy", name).unlink()


def halve(name: str) -> None:
    path = Path("copy", name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def make_newer(_: str) -> None:
    path = Path("copy/config.json")
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"format": 99}), "utf-8")


def change_data(name: str, value: str | None) -> None:
    """Change a setting of the run's data."""
    path = Path("copy/config.json")
    config = json.loads(path.read_text("utf-8"))
    config["settings"]["data"][name] = value
    path.write_text(json.dumps(config), "utf-8")


def lose_all(_: str) -> None:
    shutil.rmtree("copy")


def replace_by_file(_: str) -> None:
    shutil.rmtree("copy")
    Path("copy").write_text("", "utf-8")


WHOLE = "copy is not a whole run directory: "
DAMAGED = [
    (lose_all, "", "there is no run directory copy"),
    (replace_by_file, "", "there is no run directory copy"),
    (make_newer, "", "copy was written by a newer version of Regard (format 99, this one reads"),
    (lose, "config.json", f"{WHOLE}config.json is missing"),
    (lose, "tokenizer.source.json", f"{WHOLE}copy/tokenizer.source.json: no such file"),
    (lose, "tokenizer.target.json", f"{WHOLE}copy/tokenizer.target.json: no such file"),
    (halve, "config.json", "copy/config.json cannot be read: "),
    (halve, "tokenizer.source.json", f"{WHOLE}copy/tokenizer.source.json: damaged or not a tok"),
    (halve, "tokenizer.target.json", f"{WHOLE}copy/tokenizer.target.json: damaged or not a tok"),
]


@pytest.fixture
def copy(toy_run: ToyRun, folder: Path) -> None:
    """Copy the toy run, to be damaged."""
    shutil.copytree(toy_run.path, folder / "copy")


Damage = Callable[[str], None]
USES = {
    "translate": ["translate", "copy", "ein haus"],
    "evaluate": ["evaluate", "copy"],
    "inspect": ["inspect", "copy", "ein haus"],
    "export": ["export", "copy", "--to", "torch"],
}
WEIGHTS = [
    (lose, "model.safetensors", "copy has no weights yet: finish its training with --run copy"),
    (halve, "model.safetensors", "copy/model.safetensors is damaged or another model's: "),
]


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("damage", "name", "answer"), [*DAMAGED, *WEIGHTS])
def test_a_damaged_run_is_not_used(
    use: str, damage: Damage, name: str, answer: str, refusal: Refusal
) -> None:
    damage(name)
    assert refusal(USES[use]).startswith(answer)


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize(
    ("damage", "name", "answer"),
    [
        *DAMAGED,
        (halve, "checkpoints/last.ckpt", "copy/checkpoints/last.ckpt is damaged and cannot be"),
    ],
)
def test_a_damaged_run_is_not_resumed(
    damage: Damage, name: str, answer: str, refusal: Refusal
) -> None:
    lose("model.safetensors")
    damage(name)
    assert refusal(["train", "translate", "--run", "copy", "--resume"]).startswith(answer)


@pytest.mark.usefixtures("copy")
def test_damaged_figures_are_named(refusal: Refusal) -> None:
    halve("metrics.json")
    assert refusal(["inspect", "copy"]).startswith("copy/metrics.json cannot be read: ")


@pytest.mark.usefixtures("copy")
def test_data_that_has_gone_since_is_named(refusal: Refusal) -> None:
    change_data("train", "gone.tsv")
    lose("model.safetensors")
    resume = ["train", "translate", "--run", "copy", "--resume"]
    assert refusal(resume) == "gone.tsv: no such file"


def test_a_run_that_stands_there_is_neither_overwritten_nor_resumed_twice(
    run: str, refusal: Refusal
) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(run).rglob("*")}
    train = ["train", "translate", "--run", run]
    said = refusal([*train, "--data.train", "pairs.tsv"])
    assert said.startswith(f"{run} exists already: continue it with --resume, or choose another")
    assert refusal([*train, "--resume"]) == f"{run} has finished; there is nothing to resume"
    assert {path: path.stat().st_mtime_ns for path in Path(run).rglob("*")} == before


@pytest.mark.usefixtures("copy")
def test_a_run_is_resumed_with_its_own_settings_only(refusal: Refusal) -> None:
    lose("model.safetensors")
    resume = ["train", "translate", "--run", "copy", "--resume", "--model.hidden_dim", "3"]
    said = "--resume goes on with the settings of copy, where model.hidden_dim is 32; leave out"
    assert refusal(resume).startswith(said)


@pytest.mark.usefixtures("copy")
def test_a_test_set_that_was_never_given_is_not_scored(refusal: Refusal) -> None:
    change_data("test", None)
    said = "copy was trained without a test set; score other --pairs"
    assert refusal(["evaluate", "copy"]) == said


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("damage", [lose, halve])
def test_a_damaged_best_checkpoint_is_named(
    damage: Callable[[str], None], refusal: Refusal
) -> None:
    lose("model.safetensors")
    damage("checkpoints/best.ckpt")
    assert refusal(RESUME).startswith("copy/checkpoints/best.ckpt ")


# 7


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("content", [{}, [1]])
def test_a_checkpoint_without_its_content_is_named(content: Any, refusal: Refusal) -> None:
    lose("model.safetensors")
    torch.save(content, "copy/checkpoints/last.ckpt")
    assert refusal(RESUME).startswith("copy/checkpoints/last.ckpt is damaged")


@pytest.mark.usefixtures("copy")
def test_a_checkpoint_of_another_model_is_named(refusal: Refusal) -> None:
    lose("model.safetensors")
    path = Path("copy/config.json")
    config = json.loads(path.read_text("utf-8"))
    config["settings"]["model"]["embed_dim"] = 16
    path.write_text(json.dumps(config), "utf-8")
    assert "last.ckpt" in refusal(RESUME)


# 8


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize("change", [{"bleu_signature": None}, {"bleu": None}])
def test_incomplete_figures_are_named(change: dict[str, Any], refusal: Refusal) -> None:
    path = Path("copy/metrics.json")
    metrics = json.loads(path.read_text("utf-8"))
    for name, value in change.items():
        if name == "bleu_signature":
            del metrics["test"][name]
        else:
            metrics["test"][name] = value
    path.write_text(json.dumps(metrics), "utf-8")
    assert "metrics.json" in refusal(["inspect", "copy"])


# 9


@pytest.mark.usefixtures("copy")
def test_a_configuration_nested_without_end_is_named(refusal: Refusal) -> None:
    Path("copy/config.json").write_text("[" * 100_000)
    assert refusal(["inspect", "copy"]).startswith("copy/config.json cannot be read: ")


# 10
