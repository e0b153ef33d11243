"""Runs of classifiers that are damaged or half there are neither used nor resumed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ToyRun
from tests.toy_reviews import write_config

Refusal = Callable[[list[str]], str]


@pytest.fixture
def copy(toy_classifier: ToyRun, folder: Path) -> None:
    """Copy the toy classifier, to be damaged."""
    shutil.copytree(toy_classifier.path, folder / "copy")


def lose(name: str) -> None:
    Path("copy", name).unlink()


def halve(name: str) -> None:
    path = Path("copy", name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def change(**changes: Any) -> Callable[[str], None]:
    """Return what changes the configuration; None takes a key away."""

    def damage(name: str) -> None:
        path = Path("copy", name)
        content = json.loads(path.read_text("utf-8")) | changes
        path.write_text(
            json.dumps({key: value for key, value in content.items() if value is not None}), "utf-8"
        )

    return damage


WHOLE = "copy is not a whole run directory: "
DAMAGED = [
    (lose, "labels.json", f"{WHOLE}copy/labels.json: no such file"),
    (halve, "labels.json", f"{WHOLE}copy/labels.json: damaged or not a file of labels"),
    (change(names=["bad"]), "labels.json", f"{WHOLE}one class only, 'bad'"),
    (change(names="bad"), "labels.json", f"{WHOLE}copy/labels.json: damaged or not a file of l"),
    (lose, "tokenizer.json", f"{WHOLE}copy/tokenizer.json: no such file"),
    (halve, "tokenizer.json", f"{WHOLE}copy/tokenizer.json: damaged or not a tokenizer"),
    (lose, "ngrams.safetensors", WHOLE),
    (halve, "ngrams.safetensors", WHOLE),
    (change(reader=None), "config.json", "copy holds a reader None, unknown to this version"),
    (change(reader="rnn"), "config.json", "copy holds a reader 'rnn', unknown to this version"),
    (change(reader="recurrent"), "config.json", "copy/config.json does not fit this version: "),
    (change(system="classifi"), "config.json", "copy holds a 'classifi' system, unknown to this"),
    (change(settings={"model": {"longest": "x"}}), "config.json", "copy/config.json does not fit"),
]
WEIGHTS = [
    (lose, "model.safetensors", "copy has no weights yet: finish its training with --run copy"),
    (halve, "model.safetensors", "copy/model.safetensors is damaged or another model's: "),
    (change(names=["a", "b", "c"]), "labels.json", "copy/model.safetensors is damaged or another"),
]
USES = {
    "classify": ["classify", "copy", "a film"],
    "evaluate": ["evaluate", "copy"],
    "inspect": ["inspect", "copy", "a film"],
}


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize(("damage", "name", "answer"), [*DAMAGED, *WEIGHTS])
def test_a_damaged_run_is_not_used(
    damage: Callable[[str], None], name: str, answer: str, refusal: Refusal
) -> None:
    damage(name)
    for words in USES.values():
        assert refusal(words).startswith(answer)


@pytest.mark.usefixtures("copy")
@pytest.mark.parametrize(
    ("damage", "name", "answer"),
    [
        *DAMAGED,
        (halve, "checkpoints/last.ckpt", "copy/checkpoints/last.ckpt is damaged and cannot be"),
        (lose, "checkpoints/best.ckpt", "copy/checkpoints/best.ckpt is damaged and cannot be"),
        (change(names=["bad", "good", "odd"]), "labels.json", "copy/checkpoints/last.ckpt is anot"),
    ],
)
def test_a_damaged_run_is_not_resumed(
    damage: Callable[[str], None], name: str, answer: str, refusal: Refusal
) -> None:
    lose("model.safetensors")
    damage(name)
    assert refusal(["train", "classify", "--run", "copy", "--resume"]).startswith(answer)


@pytest.mark.usefixtures("copy")
def test_a_run_that_calls_itself_another_system_does_not_fit_it(refusal: Refusal) -> None:
    change(system="translate")("config.json")
    assert refusal(["classify", "copy", "a film"]).startswith("copy holds a system to translate wi")
    said = "copy holds an architecture None, unknown to this version"
    assert refusal(["translate", "copy", "a film"]).startswith(said)
    assert refusal(["inspect", "copy"]).startswith(said)


@pytest.mark.usefixtures("copy")
def test_a_run_is_resumed_with_its_own_settings_only(refusal: Refusal) -> None:
    lose("model.safetensors")
    resume = ["train", "classify", "--run", "copy", "--resume"]
    said = refusal([*resume, "--model.longest", "2"])
    assert said.startswith("--resume goes on with the settings of copy, where model.longest is 3;")
    said = refusal([*resume, "--data.train", "gone.csv"])
    assert said == "gone.csv: no such file"


@pytest.mark.usefixtures("copy")
def test_a_test_set_that_was_never_given_is_not_scored(refusal: Refusal) -> None:
    path = Path("copy/config.json")
    config = json.loads(path.read_text("utf-8"))
    config["settings"]["data"]["test"] = None
    path.write_text(json.dumps(config), "utf-8")
    said = "copy was trained without a test set; score other --texts"
    assert refusal(["evaluate", "copy"]) == said


@pytest.mark.usefixtures("copy")
def test_incomplete_figures_are_named(refusal: Refusal) -> None:
    path = Path("copy/metrics.json")
    metrics = json.loads(path.read_text("utf-8"))
    metrics["test"]["accuracy"] = None
    path.write_text(json.dumps(metrics), "utf-8")
    assert "metrics.json" in refusal(["inspect", "copy"])


def test_a_run_of_convolutions_is_resumed_with_the_file_it_was_made_by(refusal: Refusal) -> None:
    # Widths are a list in the file and a tuple in the settings: no change.
    config = write_config(Path("mine.yaml"), "convolutional", data={"train": Path("gone.csv")})
    Path("old").mkdir()
    settings = json.loads(config.read_text("utf-8"))
    del settings["recipe"]
    content = {"format": 1, "system": "classify", "reader": "convolutional", "settings": settings}
    Path("old/config.json").write_text(json.dumps(content), "utf-8")
    said = refusal(["train", "classify", "--run", "old", "--resume", "--config", str(config)])
    assert said == "gone.csv: no such file"
