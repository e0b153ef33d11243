"""`regard train generate`."""

from typing import Any

from regard.cli.recipe_settings import Recipes
from regard.cli.training import Trainable, train
from regard.recipes.generate.settings import RECIPES, GenerateSettings
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Learn to write: a language model from plain text.

  regard train generate
  regard train generate --data.train books/ --run runs/books      (all .txt and .txt.gz in books/)
  regard train generate --data.train "books/*.txt" --data.test other.txt --recipe bpe
  regard train generate --data.train book.txt
  regard train generate --run runs/characters --resume

Without --data it learns from the reference of the Python language, which is always there. The last
tenth of each text of yours is held out to choose the best epoch by, unless you give
--data.validation. After every epoch the model writes a line. Settings come from the recipe, then
from --config (YAML; --print_config writes one), then from the flags. The run directory keeps them
all."""


def run(words: list[str]) -> int:
    """Train, and say what it scores."""
    return train(
        Trainable(
            words="train generate",
            description=DESCRIPTION,
            recipes=Recipes(RECIPES, "of what text is made: characters, or sub-words (bpe)"),
            run=_run,
            following='  regard generate {run} "The "',
        ),
        words,
    )


def _run(settings: GenerateSettings, directory: RunDirectory, resume: bool) -> dict[str, Any]:
    # Imported here: it brings in Lightning, which --help and mistakes need not wait for.
    from regard.recipes.generate.train import train_generator

    return train_generator(settings, directory, resume=resume)
