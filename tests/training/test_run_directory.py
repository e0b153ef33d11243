"""Run directories: whole or not there at all, and every damage told in one line."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from regard.training.run_directory import FORMAT, RunDirectory, RunError


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Make a run directory with weights and figures in it."""
    run = RunDirectory(tmp_path / "runs" / "mine")
    run.create({"system": "translate"}, lambda folder: None)
    run.save_weights(nn.Linear(2, 3))
    run.save_metrics({"bleu": 1.5, "sentence": "für"})
    return run


def refusal(action: Any) -> str:
    """Return the one line with which a run is refused."""
    with pytest.raises(RunError) as error:
        action()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_making_the_object_touches_nothing(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    assert not run.finished
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_created_with_its_configuration_and_parts(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "deep" / "run")
    run.create({"system": "x", "name": "für"}, lambda at: (at / "part").write_text("whole"))
    assert run.config() == {"system": "x", "name": "für"}
    assert json.loads((run.path / "config.json").read_text("utf-8"))["format"] == FORMAT
    assert (run.path / "part").read_text() == "whole"
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]


def test_what_exists_is_left_alone(run: RunDirectory) -> None:
    before = sorted(run.path.iterdir())
    assert refusal(run.require_new).startswith(f"{run.path} exists already: continue it with")
    refusal(lambda: run.create({}, lambda at: (at / "part").write_text("other")))
    assert sorted(run.path.iterdir()) == before


def test_a_run_is_created_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        RunDirectory(tmp_path / "run").create({}, fail)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_creation_left_behind_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / ".0a1b.tmp").mkdir()
    (tmp_path / ".0a1b.tmp" / "half").write_text("half")
    run = RunDirectory(tmp_path / "run")
    run.create({"system": "x"}, lambda folder: None)
    assert [path.name for path in run.path.iterdir()] == ["config.json"]


def test_of_two_that_create_a_run_at_once_the_first_does(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")

    def overtaken(folder: Path) -> None:
        run.create({"system": "first"}, lambda at: (at / "part").write_text("whole"))
        (folder / "part").write_text("other")

    said = refusal(lambda: run.create({"system": "second"}, overtaken))
    assert said.startswith(f"{run.path} exists already: continue it with --resume")
    assert run.config() == {"system": "first"}
    assert (run.path / "part").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("below", ["run", "deep/run"])
def test_a_run_cannot_stand_below_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "pairs.tsv").write_text("")
    said = refusal(RunDirectory(tmp_path / "pairs.tsv" / below).require_new)
    assert said == f"{tmp_path / 'pairs.tsv'} is a file; choose another --run"


def test_a_missing_run_is_said(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "gone")
    assert refusal(run.config) == f"there is no run directory {run.path}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"format": 1, "sys', "config.json cannot be read: "),
        (b"", "config.json cannot be read: "),
        (b"\xff\xfe", "config.json cannot be read: "),
        (b"[1]", "config.json is damaged: it holds list, not an object"),
        (b'{"system": "translate"}', "config.json does not say its format; is it damaged?"),
        (b'{"format": "one"}', "config.json does not say its format; is it damaged?"),
        (b'{"format": 999}', "was written by a newer version of Regard (format 999, this one"),
    ],
)
def test_a_damaged_configuration_is_refused(run: RunDirectory, content: bytes, reason: str) -> None:
    (run.path / "config.json").write_bytes(content)
    assert reason in refusal(run.config)


def test_a_missing_configuration_is_refused(run: RunDirectory) -> None:
    (run.path / "config.json").unlink()
    assert refusal(run.config).endswith("is not a whole run directory: config.json is missing")


def test_a_comparison_names_its_runs(run: RunDirectory) -> None:
    folder = run.path.parent
    (folder / "comparison.json").write_text("{}")
    for name in (".0a1b.tmp", "another", "empty"):
        (folder / name).mkdir()
    for name in (".0a1b.tmp", "another"):
        (folder / name / "config.json").write_text("{}")
    said = refusal(RunDirectory(folder).config)
    named = f"{folder / 'another'}, {run.path}"
    assert said == f"{folder} is a comparison, not a run; name one of its runs: {named}"


def test_a_comparison_without_runs_says_so(tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text("{}")
    said = refusal(RunDirectory(tmp_path).config)
    assert said == f"{tmp_path} is a comparison, not a run; its runs are deleted"


def test_a_run_beside_a_comparison_of_others_is_a_run(run: RunDirectory) -> None:
    (run.path / "comparison.json").write_text("{}")
    assert run.config() == {"system": "translate"}


def test_figures_come_back(run: RunDirectory) -> None:
    assert run.metrics() == {"bleu": 1.5, "sentence": "für"}
    (run.path / "metrics.json").unlink()
    assert "metrics.json is missing" in refusal(run.metrics)
    (run.path / "model.safetensors").unlink()
    assert run.metrics() == {}


def test_damaged_figures_are_refused(run: RunDirectory) -> None:
    (run.path / "metrics.json").write_text('{"bleu": ')
    assert "metrics.json cannot be read: " in refusal(run.metrics)


def test_weights_come_back(run: RunDirectory) -> None:
    saved, fresh = nn.Linear(4, 4), nn.Linear(4, 4)
    run.save_weights(saved)
    run.load_weights(fresh)
    assert torch.equal(saved.weight, fresh.weight)
    assert torch.equal(saved.bias, fresh.bias)


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.output = nn.Embedding(5, 3), nn.Linear(3, 5)
        self.output.weight = self.embedding.weight


def test_shared_weights_come_back_shared(run: RunDirectory) -> None:
    saved, fresh = Tied(), Tied()
    run.save_weights(saved)
    run.load_weights(fresh)
    assert torch.equal(fresh.embedding.weight, saved.embedding.weight)
    assert fresh.output.weight is fresh.embedding.weight


def test_weights_can_be_read_by_whom_the_rest_can_be_read(run: RunDirectory) -> None:
    modes = [
        stat.S_IMODE((run.path / name).stat().st_mode)
        for name in ("config.json", "model.safetensors")
    ]
    assert modes[0] == modes[1]


def test_weights_of_an_unfinished_run_are_refused(run: RunDirectory) -> None:
    (run.path / "model.safetensors").unlink()
    reason = refusal(lambda: run.load_weights(nn.Linear(2, 3)))
    assert f"has no weights yet: finish its training with --run {run.path} --resume" in reason


@pytest.mark.parametrize("keep", [0, 4, 60, -1], ids=["empty", "four", "in the header", "one less"])
def test_cut_weights_are_refused(run: RunDirectory, keep: int) -> None:
    weights = run.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    assert "is damaged or another model's: " in refusal(lambda: run.load_weights(nn.Linear(2, 3)))


@pytest.mark.parametrize("model", [nn.Linear(2, 4), nn.Embedding(3, 2), nn.GRU(2, 3)])
def test_weights_of_another_model_are_refused(run: RunDirectory, model: nn.Module) -> None:
    assert "is damaged or another model's: " in refusal(lambda: run.load_weights(model))


MODEL = nn.Linear(2, 3)


def content_of(model: nn.Module, best: str = "") -> dict[str, Any]:
    """Return what Lightning writes, as far as it is looked at."""
    return {
        "state_dict": model.state_dict(),
        "pytorch-lightning_version": "2",
        "callbacks": {"best": {"best_model_path": best}, "timer": {}},
    }


def save_checkpoint(run: RunDirectory, content: object, name: str = "last.ckpt") -> Path:
    run.checkpoints.mkdir(exist_ok=True)
    path = run.checkpoints / name
    torch.save(content, path)
    return path


def test_a_run_without_a_checkpoint_starts_anew(run: RunDirectory) -> None:
    assert run.checkpoint(MODEL) is None


def test_a_whole_checkpoint_is_found(run: RunDirectory) -> None:
    best = save_checkpoint(run, content_of(MODEL), "best.ckpt")
    assert save_checkpoint(run, content_of(MODEL, str(best))) == run.checkpoint(MODEL)


@pytest.mark.parametrize("content", [[1], {}, {"state_dict": {}}, {"state_dict": 3}], ids=str)
def test_what_is_no_checkpoint_is_refused(run: RunDirectory, content: object) -> None:
    save_checkpoint(run, content)
    said = refusal(lambda: run.checkpoint(MODEL))
    assert "last.ckpt is damaged and cannot be resumed: " in said


def test_a_checkpoint_of_another_model_is_refused(run: RunDirectory) -> None:
    save_checkpoint(run, content_of(nn.Linear(2, 4)))
    said = refusal(lambda: run.checkpoint(MODEL))
    assert "last.ckpt is another model's and cannot be resumed" in said


def test_a_lost_checkpoint_of_the_best_epoch_is_named(run: RunDirectory) -> None:
    save_checkpoint(run, content_of(MODEL, "elsewhere/best.ckpt"))
    said = refusal(lambda: run.checkpoint(MODEL))
    assert f"{run.checkpoints / 'best.ckpt'} is damaged and cannot be resumed: " in said


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_cut_checkpoint_is_refused(run: RunDirectory, keep: int) -> None:
    path = save_checkpoint(run, content_of(nn.Linear(100, 10)))
    path.write_bytes(path.read_bytes()[:keep])
    assert "last.ckpt is damaged and cannot be resumed: " in refusal(lambda: run.checkpoint(MODEL))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_a_checkpoint_runs_no_code(run: RunDirectory, tmp_path: Path) -> None:
    save_checkpoint(run, {"weight": Trap(tmp_path / "sprung")})
    assert "last.ckpt is damaged and cannot be resumed: " in refusal(lambda: run.checkpoint(MODEL))
    assert not (tmp_path / "sprung").exists()
