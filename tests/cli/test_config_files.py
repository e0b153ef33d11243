"""What a file for --config may hold, and what is said of one that holds something else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

from regard.cli.main import main
from regard.recipes.translate import train as translate_training
from regard.recipes.translate.settings import RECIPES

Refusal = Callable[[list[str]], str]

TRAIN = ["train", "translate", "--run", "new", "--data.train"]


@pytest.mark.parametrize("content", ["model: null\n", "model: 3\n", "model: []\n"])
def test_a_group_that_is_no_group_is_refused(content: str, refusal: Refusal) -> None:
    Path("mine.yaml").write_text(content)
    assert "model" in refusal([*TRAIN, "pairs.tsv", "--config", "mine.yaml"])


# 4


@pytest.mark.parametrize("key", ["model.hidden_dim", "training.epochs", "vocabulary.kind"])
def test_nothing_is_no_value(key: str, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a user meets it, without the type checks of the tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    group, name = key.split(".")
    Path("mine.yaml").write_text(f"{group}:\n  {name}:\n")
    assert key in refusal([*TRAIN, "pairs.tsv", "--config", "mine.yaml"])


# 5


def test_a_recipe_in_the_file_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(
        translate_training,
        "train_translator",
        lambda settings, run, resume: noted.append(settings) or {},
    )
    config = tmp_path / "mine.yaml"
    config.write_text("recipe: words\n")
    assert main(["train", "translate", "--config", str(config)]) == 0
    assert noted == [RECIPES["words"]]


# 6


@pytest.mark.parametrize("content", ["", "- 1\n", "hello\n", "model: [1\n"])
def test_a_file_that_holds_no_settings_is_named(content: str, refusal: Refusal) -> None:
    Path("mine.yaml").write_text(content)
    assert "mine.yaml" in refusal([*TRAIN, "pairs.tsv", "--config", "mine.yaml"])
