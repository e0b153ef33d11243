"""A training that was interrupted says how to go on, and goes on where its data lie now."""

import dataclasses
import json
from pathlib import Path

import pytest

from regard.cli.main import main
from regard.recipes.translate.settings import TranslateSettings
from regard.training.run_directory import RunDirectory


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TranslateSettings]:
    """Interrupt every training when it has made its run directory; return what was to be done."""
    seen = []

    def interrupted(settings: TranslateSettings, run: RunDirectory, *, resume: bool) -> None:
        if not resume:
            plain = json.loads(json.dumps(dataclasses.asdict(settings), default=str))
            kept = {"system": "translate", "architecture": "recurrent", "settings": plain}
            run.create(kept, lambda folder: None)
        seen.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("regard.recipes.translate.train.train_translator", interrupted)
    return seen


@pytest.mark.usefixtures("asked")
def test_an_interrupted_training_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["train", "translate", "--run", str(run)]) == 130
    said = f"regard: interrupted; go on with --run {run} --resume\n"
    assert capsys.readouterr().err == said


def test_a_run_whose_data_have_moved_goes_on(
    tmp_path: Path, asked: list[TranslateSettings]
) -> None:
    words = ["train", "translate", "--run", str(tmp_path / "run")]
    assert main([*words, "--data.train", "here.tsv"]) == 130
    moved = ["--data.train", "there.tsv", "--training.progress", "false"]
    assert main([*words, "--resume", *moved]) == 130
    before, after = asked
    assert (after.data.train, after.training.progress) == (Path("there.tsv"), False)
    training = dataclasses.replace(after.training, progress=True)
    assert dataclasses.replace(after, data=before.data, training=training) == before


def test_a_run_goes_on_as_it_began(
    tmp_path: Path, asked: list[TranslateSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "translate", "--run", str(tmp_path / "run")]
    assert main(words) == 130
    assert main([*words, "--resume", "--training.epochs", "3"]) == 2
    assert "leave out --training.epochs" in capsys.readouterr().err
    assert len(asked) == 1
