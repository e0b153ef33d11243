"""`regard curves`: how trainings went, or a line that says what is wrong."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from regard.cli.curves import learning
from regard.cli.main import main
from regard.recipes.translate.architectures import WeightedTransformerSettings
from regard.recipes.translate.train import train_translator
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, tiny, write_pairs

Refusal = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small weighted Transformer for two epochs."""
    folder = tmp_path_factory.mktemp("branches")
    settings = tiny(
        data={"train": write_pairs(folder / "train.tsv", make_pairs(200))}, training={"epochs": 2}
    )
    model = WeightedTransformerSettings(
        embed_dim=16, num_layers=1, num_heads=4, feedforward_dim=16, shares_warmup_steps=1
    )
    train_translator(
        replace(settings, model=model), RunDirectory(folder / "weighted"), report=quiet
    )
    return folder / "weighted"


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
    answer = "begun has logged nothing yet: go on with --run begun --resume"
    assert refusal(["curves", "begun"]) == answer
    Path("begun/log").mkdir()
    Path("begun/log/events.out.tfevents.1.x").write_bytes(b"\x00no events")
    assert refusal(["curves", "begun"]) == answer
