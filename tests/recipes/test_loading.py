"""Loading a run directory: no pickle is read, and every damage is told in one line."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

import regard
from regard.training.run_directory import RunDirectory, RunError
from tests.conftest import ToyRun


@pytest.fixture
def copy(toy_run: ToyRun, tmp_path: Path) -> Path:
    """Copy the toy run, to be damaged."""
    return shutil.copytree(toy_run.path, tmp_path / "copy")


def refusal(path: Path) -> str:
    with pytest.raises(RunError) as error:
        regard.load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_loading_reads_no_pickle(toy_run: ToyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(torch, "load", forbidden)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    [[best]] = regard.load(toy_run.path).translate(["ein haus"])
    assert best.text == "a house"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.source.json", "tokenizer.target.json"])
def test_a_run_that_is_half_there_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    reason = refusal(copy)
    assert "is not a whole run directory: " in reason
    assert name in reason


def test_an_unfinished_run_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    assert "has no weights yet: finish its training with --run" in refusal(copy)


def test_loading_needs_neither_checkpoints_nor_log_nor_figures(copy: Path) -> None:
    shutil.rmtree(copy / "checkpoints")
    shutil.rmtree(copy / "log")
    (copy / "metrics.json").unlink()
    assert regard.load(copy).translate(["ein haus"])[0][0].text == "a house"


@pytest.mark.parametrize("share", [0, 0.5], ids=["empty", "cut in half"])
@pytest.mark.parametrize(
    "name",
    ["config.json", "tokenizer.source.json", "tokenizer.target.json", "model.safetensors"],
)
def test_a_damaged_file_is_named(copy: Path, name: str, share: float) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(share * len(content))])
    assert name in refusal(copy)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.source.json"])
def test_a_file_that_is_not_utf_8_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"\xff\xfe")
    assert name in refusal(copy)


def test_a_vocabulary_of_another_run_does_not_fit_the_weights(copy: Path) -> None:
    path = copy / "tokenizer.source.json"
    content = json.loads(path.read_text("utf-8"))
    content["model"]["vocab"]["neu"] = len(content["model"]["vocab"])
    path.write_text(json.dumps(content), "utf-8")
    assert "model.safetensors is damaged or another model's: " in refusal(copy)


def change_config(copy: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = copy / "config.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda config: config.update(format=2), "was written by a newer version of Regard"),
        (lambda config: config.update(format=0), "does not say its format; is it damaged?"),
        (lambda config: config.pop("format"), "does not say its format; is it damaged?"),
        (lambda config: config.update(system="chat"), "holds a 'chat' system, unknown to"),
        (lambda config: config.update(system="classify"), "holds a reader None, unknown to this"),
        (lambda config: config.pop("system"), "holds a None system, unknown to this version"),
        (lambda config: config["settings"]["model"].update(hiden_dim=3), "hiden_dim"),
        (lambda config: config["settings"].update(modell={"x": 1}), "modell"),
        (lambda config: config["settings"]["model"].update(cell="rnn"), "model.cell"),
        (lambda config: config["settings"]["model"].update(dropout=2), "model.dropout must be"),
        (lambda config: config.update(settings=3), "is damaged: it holds no settings"),
        (lambda config: config.pop("settings"), "is damaged: it holds no settings"),
    ],
    ids=range(12),
)
def test_settings_that_this_version_does_not_know_are_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    change_config(copy, change)
    assert reason in refusal(copy)


def test_weights_of_another_model_are_refused(copy: Path) -> None:
    change_config(copy, lambda config: config["settings"]["model"].update(embed_dim=16))
    assert "model.safetensors is damaged or another model's: " in refusal(copy)


def test_a_device_that_is_not_there_is_refused(toy_run: ToyRun) -> None:
    for name in ("abacus", "cuda:99"):
        with pytest.raises(ValueError, match=f"^device {name} cannot be used here: ") as error:
            regard.load(toy_run.path, device=name)
        assert "\n" not in str(error.value)


def test_the_device_may_be_chosen_by_itself(toy_run: ToyRun) -> None:
    model = regard.load(toy_run.path, device="auto").model
    best = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    assert {part.device.type for part in model.parameters()} == {best.type}


def test_a_missing_run_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone") == f"there is no run directory {tmp_path / 'gone'}"
    assert not RunDirectory(tmp_path / "gone").path.exists()
