"""`regard curves`: how trainings went, or a line that says what is wrong."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from regard.cli.curves import learning
from regard.cli.main import main
from regard.recipes.translate.architectures import WeightedTransformerSettings
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.train import train_translator
from regard.recipes.translate.watcher import ValidationTranslator
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, tiny, write_pairs

Refusal = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TranslateSettings:
    """Choose a small weighted Transformer, and two epochs."""
    train = write_pairs(tmp_path_factory.mktemp("pairs") / "train.tsv", make_pairs(200))
    model = WeightedTransformerSettings(
        embed_dim=16, num_layers=1, num_heads=4, feedforward_dim=16, shares_warmup_steps=1
    )
    return replace(tiny(data={"train": train}, training={"epochs": 2}), model=model)


@pytest.fixture(scope="module")
def weighted(settings: TranslateSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train it."""
    run = tmp_path_factory.mktemp("branches") / "weighted"
    train_translator(settings, RunDirectory(run), report=quiet)
    return run


def quiet(line: str) -> None:
    """Say nothing."""


def written(path: Path) -> list[str | None]:
    """Return the texts in a picture."""
    return [part.text for part in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_a_line_for_every_run_in_a_panel_for_every_figure(
    weighted: Path, toy_run: ToyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "pictures" / "curves.svg"
    runs = [str(weighted), str(toy_run.path)]
    assert main(["curves", *runs, "--png", str(picture)]) == 0
    assert capsys.readouterr().out == f"wrote {picture}\n"
    texts = written(picture)
    figures = ("loss", "validation loss", "validation perplexity", "validation BLEU")
    assert [texts.count(title) for title in figures] == [1] * len(figures)
    assert {"weighted", "run"} <= set(texts)
    assert texts.count("encoder.layers.0.attention") == 1
    assert texts.count("weighted: what share each branch has") == 1
    assert [texts.count(f"head {number}") for number in range(5)] == [1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("fixture", "figures"),
    [
        ("toy_classifier", ["loss", "validation loss", "validation accuracy"]),
        ("toy_writer", ["loss", "validation loss", "validation perplexity"]),
    ],
)
def test_runs_of_every_task_have_curves(
    fixture: str, figures: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run: ToyRun = request.getfixturevalue(fixture)
    picture = tmp_path / "curves.svg"
    assert main(["curves", str(run.path), "--png", str(picture)]) == 0
    texts = written(picture)
    assert [texts.count(figure) for figure in figures] == [1] * len(figures)


def test_a_run_that_was_resumed_has_the_curves_of_one_that_was_not(
    settings: TranslateSettings, weighted: Path, tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patched:
        stop_in_second_epoch(patched)
        with pytest.raises(InterruptedError):
            train_translator(settings, run, report=quiet)
    assert main(["curves", str(run.path), "--png", str(tmp_path / "going.svg")]) == 0
    train_translator(settings, run, resume=True, report=quiet)
    assert len(list(run.log.glob("events*"))) > 1
    assert learning(run.path, "run") == learning(weighted, "run")


def stop_in_second_epoch(patched: pytest.MonkeyPatch) -> None:
    """Let a training be stopped when its second epoch is validated."""
    translated = ValidationTranslator.on_validation_epoch_end

    def translate_or_stop(self: ValidationTranslator, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise InterruptedError
        translated(self, trainer, module)

    patched.setattr(ValidationTranslator, "on_validation_epoch_end", translate_or_stop)


def test_runs_of_the_same_name_are_told_apart(toy_run: ToyRun, tmp_path: Path) -> None:
    copy = tmp_path / toy_run.path.name
    shutil.copytree(toy_run.path, copy)
    assert main(["curves", str(toy_run.path), str(copy), "--png", str(tmp_path / "c.svg")]) == 0
    names = {f"{path.parent.name}/{path.name}" for path in (toy_run.path, copy)}
    assert names <= set(written(tmp_path / "c.svg"))


def test_shares_are_logged_before_the_first_step_and_after_every_epoch(weighted: Path) -> None:
    found = learning(weighted, "run")
    steps = [step for step, _ in found.figures["validation_loss"]]
    assert set(found.shares) == {"encoder.layers.0.attention", "decoder.layers.0.source_attention"}
    for kinds in found.shares.values():
        assert set(kinds) == {"concatenation", "addition"}
        for branches in kinds.values():
            assert len(branches) == 4
            for at_step in zip(*branches, strict=True):
                assert sum(share for _, share in at_step) == pytest.approx(1, abs=1e-5)
            assert len(branches[0]) == 1 + len(steps)
            first, *_, last = branches[0]
            assert first[0] == 0
            assert last[1] != first[1]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("curves", "the following arguments are required: runs"),
        ("curves gone", "there is no run directory gone"),
        ("curves RUN gone", "there is no run directory gone"),
        ("curves RUN --png curves.txt", "--png writes .png, .svg or .pdf; got curves.txt"),
        ("curves RUN RUN", "name each run once"),
        ("curves pairs.tsv", "there is no run directory pairs.tsv"),
    ],
)
def test_mistakes_are_a_line(words: str, answer: str, run: str, refusal: Refusal) -> None:
    assert refusal(words.replace("RUN", run).split()).startswith(answer)


@pytest.mark.usefixtures("folder")
def test_a_run_that_has_logged_nothing_says_how_to_go_on(toy_run: ToyRun, refusal: Refusal) -> None:
    shutil.copytree(toy_run.path, "begun")
    shutil.rmtree("begun/log")
    missing = "begun was trained to its end, but its log, begun/log, is missing or empty"
    assert refusal(["curves", "begun"]) == missing
    Path("begun/model.safetensors").unlink()
    answer = "begun has logged nothing yet: go on with --run begun --resume"
    assert refusal(["curves", "begun"]) == answer
    Path("begun/log").mkdir()
    Path("begun/log/events.out.tfevents.1.x").write_bytes(b"\x00no events")
    assert refusal(["curves", "begun"]) == answer


@pytest.mark.usefixtures("folder")
def test_a_damaged_log_is_a_line(toy_run: ToyRun, refusal: Refusal) -> None:
    shutil.copytree(toy_run.path, "damaged")
    [file] = Path("damaged/log").glob("events*")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    answer = (
        f"{file} is damaged from byte \\d+ on; move it away to read what other files of the log"
    )
    assert re.match(answer, refusal(["curves", "damaged"]))


@pytest.mark.usefixtures("folder")
def test_what_others_have_logged_is_drawn_as_figures(toy_run: ToyRun) -> None:
    shutil.copytree(toy_run.path, "run")
    foreign = {"shares/x": 1.0, "shares/x/y": 2.0, "shares/x/y/z": 3.0, "rate/0": 4.0}
    log("run", foreign)
    assert main(["curves", "run", "--png", "curves.svg"]) == 0
    assert set(foreign) <= set(written(Path("curves.svg")))
    found = learning(Path("run"), "run")
    assert not found.shares
    assert {name: found.figures[name] for name in foreign} == {
        name: [(0, value)] for name, value in foreign.items()
    }


@pytest.mark.usefixtures("folder")
def test_the_first_shares_are_drawn_while_they_are_written(weighted: Path) -> None:
    shutil.copytree(weighted, "run")
    shutil.rmtree("run/log")
    log("run", {"shares/encoder.layers.0.attention/concatenation/0": 0.25})
    log("run", {f"shares/decoder/addition/{head}": 0.25 for head in range(4)})
    assert main(["curves", "run", "--png", "curves.svg"]) == 0
    texts = written(Path("curves.svg"))
    assert texts.count("run: what share each branch has") == 1
    assert {"encoder.layers.0.attention", "decoder", "head 3"} <= set(texts)


def log(run: str, figures: dict[str, float]) -> None:
    """Log as one process does that trains."""
    logger = TensorBoardLogger(RunDirectory(run).log, name=None, version="")
    logger.log_metrics(figures, step=0)
    logger.finalize("success")


def test_the_help_says_which_shares_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["curves", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "With training.ema or training.average_epochs, what is validated and saved has" in said
    assert "the shares that are drawn are those being trained" in said
