"""`regard train translate`."""

from typing import Any

from regard.cli.recipe_settings import Recipes
from regard.cli.training import Trainable, train
from regard.recipes.translate.settings import RECIPES, TranslateSettings
from regard.training.run_directory import RunDirectory

__all__ = ["ABOUT_RECIPES", "run"]

DESCRIPTION = """Learn to translate from parallel text.

  regard train translate --recipe dates
  regard train translate --data.folder multi30k/
  regard train translate --data.train my/train --data.source de --data.target en
  regard train translate --data.train pairs.tsv --run runs/mine --training.epochs 5
  regard train translate --run runs/mine --resume
  torchrun --nproc-per-node 4 -m regard.cli.main train translate --run_directory runs/mine

Settings come from the recipe, then from --config (YAML; --print_config writes one), then from the
flags. The run directory keeps them all."""

ABOUT_RECIPES = "where the settings start: sub-words (recommended), the tutorials' words, or dates"


def run(words: list[str]) -> int:
    """Train, and say what it scores."""
    return train(
        Trainable(
            words="train translate",
            description=DESCRIPTION,
            recipes=Recipes(RECIPES, ABOUT_RECIPES),
            run=_run,
            following="  regard translate {run} --alignment",
        ),
        words,
    )


def _run(settings: TranslateSettings, directory: RunDirectory, resume: bool) -> dict[str, Any]:
    # Imported here: it brings in Lightning, which --help and mistakes need not wait for.
    from regard.recipes.translate.train import train_translator

    return train_translator(settings, directory, resume=resume)
