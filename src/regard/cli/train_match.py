"""`regard train match`."""

from typing import Any

from regard.cli.recipe_settings import Recipes
from regard.cli.training import Trainable, train
from regard.recipes.match.settings import RECIPES, MatchSettings
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Learn what two texts have to do with each other: is one the answer to the other?

  regard train match --data.folder wikiqa/
  regard train match --data.train pairs.csv --data.left question --data.right answer
  regard train match --data.train answers.tsv --data.group question     (ranks answers: MAP, MRR)
  regard train match --data.train answers.tsv --data.group question --data.positive 1
  regard train match --data.train similar.csv --data.grades "[1, 5]"     (a number, not a class)
  regard train match --data.name sick --data.folder sick/ --recipe compare_aggregate
  regard train match --vocabulary.vectors glove.6B.100d.txt
  regard train match --run runs/abcnn3 --resume

The recipe chooses what matches the two, and so which --model flags there are. Settings come from
the recipe, then from --config (YAML; --print_config writes one), then from the flags. The run
directory keeps them all."""


def run(words: list[str]) -> int:
    """Train, and say what it scores."""
    return train(
        Trainable(
            words="train match",
            description=DESCRIPTION,
            recipes=Recipes(
                RECIPES,
                "what matches the texts: convolutions with attention before and after them, after "
                "them, before them, or without any; reading from each other; one Transformer",
            ),
            run=_run,
            following='  regard match {run} "how old is it ?" "it is ten years old ." --show',
        ),
        words,
    )


def _run(settings: MatchSettings, directory: RunDirectory, resume: bool) -> dict[str, Any]:
    # Imported here: it brings in Lightning, which --help and mistakes need not wait for.
    from regard.recipes.match.train import train_matcher

    return train_matcher(settings, directory, resume=resume)
