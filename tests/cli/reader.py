"""A reader who tries what the documentation shows, with little of everything.

Their folder holds what the documentation says a reader has, under the same names. The recipes are
as they are, but for models and data so small that they are trained in a second.
"""

import dataclasses
import shutil
from functools import partial
from pathlib import Path

import pytest

from regard.cli.main import main
from regard.data import dates, named
from regard.recipes.settings import RECIPES
from tests.toy_language import make_pairs, write_pairs

ALIGNED = {
    "multi30k/train": 200,
    "multi30k/val": 20,
    "multi30k/test_2016_flickr": 20,
    "my/train": 200,
    "my/val": 20,
    "my/test": 20,
    "other/test": 20,
    "test": 20,
}
"""What the names of the two files of a parallel text begin with, and how many lines they have."""

RUNS = ("runs/subwords", "runs/mine", "runs/words")
"""Finished runs on Multi30k; a document that trains one itself goes on with that."""


def shrink_recipes(patched: pytest.MonkeyPatch) -> None:
    """Make all recipes, and the data that they name, so small that they are trained in a second."""
    for name, recipe in list(RECIPES.items()):
        small = dataclasses.replace(
            recipe,
            model=dataclasses.replace(recipe.model, embed_dim=16, hidden_dim=16),
            training=dataclasses.replace(
                recipe.training, epochs=1, accelerator="cpu", devices="1", progress=False
            ),
        )
        patched.setitem(RECIPES, name, small)
    patched.setattr(dates, "LOCALES", ("de", "ja", "ru"))
    patched.setattr(named, "generate_dates", partial(dates.generate_dates, 300, 30, 60))
    # The hub has what the folder has.
    patched.setattr(named, "_multi30k_from_hub", partial(named._multi30k, Path("multi30k")))


def make_belongings() -> None:
    """Make what a reader has, in the current folder."""
    for number, (name, num_lines) in enumerate(ALIGNED.items()):
        write_aligned(name, num_lines, seed=number)
    write_pairs(Path("pairs.tsv"), make_pairs(200))
    Path("mine.yaml").write_text("data:\n  folder: multi30k\n", "utf-8")
    first, *others = RUNS
    assert main(["train", "translate", "--data.folder", "multi30k", "--run", first]) == 0
    for other in others:
        shutil.copytree(first, other)


def write_aligned(name: str, num_lines: int, seed: int) -> None:
    """Write pairs of the toy language to two files, a line for a line."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(num_lines, seed)
    for ending, sentences in (
        ("de", [pair.source for pair in pairs]),
        ("en", [pair.target for pair in pairs]),
    ):
        Path(f"{name}.{ending}").write_text("\n".join(sentences) + "\n", "utf-8")
