"""Training a translator, from a file to a run directory, interrupted and not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import regard
from regard.recipes.translate import train_translator
from regard.training.run_directory import FORMAT, RunDirectory, RunError
from tests.recipes.toy import tiny_settings, write_pairs


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    folder = tmp_path_factory.mktemp("toy")
    run = RunDirectory(folder / "run")
    train_translator(tiny_settings(write_pairs(folder / "pairs.tsv")), run, report=quiet)
    return run


def test_a_run_directory_holds_everything(run: RunDirectory) -> None:
    names = {path.name for path in run.path.iterdir()}
    assert names >= {
        "config.json",
        "model.safetensors",
        "tokenizer.source.json",
        "tokenizer.target.json",
        "metrics.json",
        "log",
        "checkpoints",
    }
    metrics = run.metrics()
    assert metrics["best_epoch"] in (1, 2)
    assert metrics["validation"]["perplexity"] >= 1
    assert metrics["validation"]["bleu_signature"].startswith("nrefs:1|case:lc")


def test_loading_reads_no_pickle(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(torch, "load", forbidden)
    system = regard.load(run.path)
    [[best]] = system.translate(["eins zwei"])
    assert best.alignment.shape == (len(best.target_tokens), 2)


def test_odd_input_is_translated_line_by_line(run: RunDirectory) -> None:
    system = regard.load(run.path)
    texts = ["", "eins", "数字 🙂", "שלום eins", "eins " * 20_000]
    found = [best for [best] in system.translate(texts)]
    assert found[0].text == ""
    assert [best.num_cut for best in found] == [0, 0, 0, 0, 19_800]
    assert len(found[4].source_tokens) == system.max_len


def damage_config(run: RunDirectory) -> str:
    (run.path / "config.json").write_text('{"format": ')
    return "config.json cannot be read"


def make_newer(run: RunDirectory) -> str:
    (run.path / "config.json").write_text(json.dumps({"format": FORMAT + 1}))
    return "newer version"


def add_unknown_key(run: RunDirectory) -> str:
    config = json.loads((run.path / "config.json").read_text())
    config["settings"]["model"]["hiden_dim"] = 3
    (run.path / "config.json").write_text(json.dumps(config))
    return "does not fit this version"


def remove_tokenizer(run: RunDirectory) -> str:
    (run.path / "tokenizer.source.json").unlink()
    return "not a whole run directory"


def remove_weights(run: RunDirectory) -> str:
    (run.path / "model.safetensors").unlink()
    return "has no weights yet"


def cut_weights(run: RunDirectory) -> str:
    content = (run.path / "model.safetensors").read_bytes()
    (run.path / "model.safetensors").write_bytes(content[: len(content) // 2])
    return "damaged or another model's"


@pytest.mark.parametrize(
    "damage",
    [damage_config, make_newer, add_unknown_key, remove_tokenizer, remove_weights, cut_weights],
)
def test_a_damaged_run_is_refused_with_the_reason(
    damage: Any, run: RunDirectory, tmp_path: Path
) -> None:
    copy = RunDirectory(tmp_path / "copy")
    copy.path.mkdir()
    for path in run.path.iterdir():
        if path.is_file():
            (copy.path / path.name).write_bytes(path.read_bytes())
    reason = damage(copy)
    with pytest.raises(RunError, match=reason) as error:
        regard.load(copy.path)
    assert "\n" not in str(error.value)


def test_a_run_is_created_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("disk full")

    run = RunDirectory(tmp_path / "run")
    with pytest.raises(OSError, match="disk full"):
        run.create({}, fail)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from lightning.pytorch import Callback
from regard.recipes import translate
from regard.training.run_directory import RunDirectory
from tests.recipes.toy import tiny_settings

class Kill(Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if trainer.current_epoch == 1 and batch_idx == 2:
            os.kill(os.getpid(), signal.SIGKILL)

make_trainer = translate.make_trainer
translate.make_trainer = lambda settings, run, callbacks: make_trainer(
    settings, run, [*callbacks, Kill()]
)
settings = tiny_settings(Path(sys.argv[1]), epochs=3, checkpoint_minutes=float(sys.argv[3]))
translate.train_translator(settings, RunDirectory(sys.argv[2]))
"""


@pytest.mark.parametrize("minutes", [60.0, 1e-9], ids=["after an epoch", "in an epoch"])
def test_a_killed_run_resumes_to_the_same_figures(minutes: float, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "pairs.tsv")
    whole = train_translator(
        tiny_settings(pairs, epochs=3, checkpoint_minutes=minutes),
        RunDirectory(tmp_path / "whole"),
        report=quiet,
    )
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(pairs), str(tmp_path / "killed"), str(minutes)],
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    resumed = train_translator(
        tiny_settings(pairs, epochs=3, checkpoint_minutes=minutes),
        RunDirectory(tmp_path / "killed"),
        resume=True,
        report=quiet,
    )
    for figures in (whole, resumed):
        figures.pop("minutes")
    assert resumed == whole
