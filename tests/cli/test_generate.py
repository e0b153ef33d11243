"""`regard train generate`, `regard generate`, and what else works on their runs."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regard.cli.main import main
from regard.recipes.generate import train as training
from regard.recipes.generate.settings import RECIPES, GenerateSettings
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_text import make_text, write_config, write_text

TypeIn = Callable[[bytes], None]


@pytest.fixture
def writer(toy_writer: ToyRun) -> str:
    return str(toy_writer.path)


@pytest.fixture(autouse=True)
def nothing_typed(type_in: TypeIn) -> None:
    type_in(b"")


def printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(words) == 0
    found = capsys.readouterr()
    assert found.err == ""
    return found.out


def test_training_ends_with_figures_and_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, run = write_text(tmp_path / "book.txt", 60), tmp_path / "run"
    config = write_config(tmp_path / "c.yaml", data={"train": text}, training={"epochs": 1})
    assert main(["train", "generate", "--config", str(config), "--run", str(run)]) == 0
    out = capsys.readouterr().out
    assert "epoch 1/1  validation loss " in out
    assert "  writes: " in out
    assert "bits per character" in out
    assert f'  regard generate {run} "The "' in out
    assert RunDirectory(run).finished


def test_a_prompt_is_continued(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(["generate", writer, "the dog", "--length", "12"], capsys)
    assert out.startswith("the dog")
    assert 8 <= len(out) <= 20
    assert printed(["generate", writer, "the dog", "--length", "12"], capsys) == out
    other = ["generate", writer, "the dog", "--length", "12", "--seed", "2"]
    assert printed([*other, "--temperature", "3"], capsys) != out


@pytest.mark.parametrize("prompt", [[], [""]], ids=["none", "empty"])
def test_without_a_prompt_it_begins_anywhere(
    prompt: list[str], writer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(["generate", writer, *prompt, "--length", "9", "--beam", "1"], capsys)
    assert 2 <= len(out) <= 10
    assert "---" not in out


def test_several_texts_are_told_apart(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", writer, "the", "a b", "--samples", "2", "--length", "3", "--top_k", "2"]
    lines = printed(words, capsys).splitlines()
    assert lines[::2] == [f"--- {number} ---" for number in range(1, 5)]
    assert [line[:3] for line in lines[1::2]] == ["the", "the", "a b", "a b"]


def test_lines_that_are_piped_in_are_prompts(
    writer: str, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(b"the dog\n\na\n")
    out = printed(["generate", writer, "--json", "--samples", "2", "--length", "5"], capsys)
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["prompt"] for row in rows] == ["the dog", "", "a"]
    for row in rows:
        assert len(row["texts"]) == 2
        for text in row["texts"]:
            assert text["text"].startswith(row["prompt"])
            assert "".join(text["tokens"]) == text["text"]
            assert len(text["ids"]) <= text["num_given"] + 5
            assert text["log_prob"] < 0


def test_attention_is_drawn(
    writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["generate", writer, "the dog", "--beam", "2", "--length", "4", "--attention"]
    out = printed([*words, "--layer", "0", "--head", "1"], capsys)
    assert out.count("layer 0, head 1") == 1
    assert any(line.startswith("<bos> ██") for line in out.splitlines())
    picture = tmp_path / "a.svg"
    out = printed(["generate", writer, "the", "--length", "4", "--png", str(picture)], capsys)
    assert "layer" not in out
    assert "layer 1, mean of 2 heads" in picture.read_text("utf-8")
    words = ["generate", writer, "the", "--length", "4", "--png", str(picture), "--samples", "2"]
    printed(words, capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"a.svg", "a-1.svg", "a-2.svg"}


def test_evaluate_scores_as_training_did(writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = RunDirectory(writer).metrics()
    for split in ("test", "validation"):
        out = printed(["evaluate", writer, "--split", split, "--json"], capsys)
        assert json.loads(out) == {split: metrics[split]}


def test_evaluate_scores_other_text(
    writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_text(tmp_path / "texts" / "other.txt", 5, seed=3)
    out = printed(["evaluate", writer, "--texts", str(other.parent)], capsys)
    assert f"{len(make_text(5, seed=3)) - 1:,}" in out
    assert "bits per character" in out


def test_inspect_shows_settings_and_where_a_text_looks(
    writer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(["inspect", writer], capsys)
    assert " model.reach" in out
    assert "bits per character" in out
    page = tmp_path / "page.html"
    out = printed(["inspect", writer, "the dog", "the", "--head", "0", "--html", str(page)], capsys)
    assert out.count("layer 1, head 0") == 2
    rows = [line.split("│")[1:-1] for line in out.splitlines() if "│" in line]
    assert [row[0].strip() for row in rows] == ["<bos>", *"the␣dog", "<bos>", *"the"]
    assert all(float(row[1]) >= 0 for row in rows[1:8])
    assert page.read_text("utf-8").count("<article ") == 2 + 2  # with all heads of both


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Note what would be trained, and train nothing."""
    seen: list[Any] = []

    def note(settings: GenerateSettings, run: RunDirectory, *, resume: bool) -> dict[str, Any]:
        seen.append((settings, run.path, resume))
        return {}

    monkeypatch.setattr(training, "train_generator", note)
    return seen


@pytest.mark.parametrize("recipe", RECIPES)
def test_settings_start_at_the_recipe(recipe: str, noted: list[Any]) -> None:
    assert main(["train", "generate", "--recipe", recipe]) == 0
    assert noted == [(RECIPES[recipe], Path("runs") / recipe, False)]


def test_flags_change_them(noted: list[Any]) -> None:
    words = ["--model.reach", "null", "--data.block_len", "64", "--training.epochs", "2"]
    assert main(["train", "generate", *words]) == 0
    [(settings, run, _)] = noted
    recipe = RECIPES["characters"]
    assert settings == dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, block_len=64),
        model=dataclasses.replace(recipe.model, reach=None),
        training=dataclasses.replace(recipe.training, epochs=2),
    )
    assert run == Path("runs/characters")


def test_the_text_that_is_always_there_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "python-reference" in printed(["data"], capsys)
    out = printed(["data", "python-reference"], capsys)
    for split in ("train", "validation", "test"):
        assert f"│ {split} " in out
