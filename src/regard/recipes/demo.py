"""The first thing to try: a model that learns to read dates in a hundred locales."""

from collections.abc import Callable
from typing import Any, NamedTuple

from regard.data.splits import Splits
from regard.interfaces import Pair
from regard.recipes.run import load_as, read_settings
from regard.recipes.translate.parts import load_splits
from regard.recipes.translate.settings import RECIPES
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.train import train_translator
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["Reading", "train_date_reader"]

SHOWN = ("de", "ja", "ru")
"""The locales whose held-out dates are shown: three ways to put a date."""


class Reading(NamedTuple):
    """A held-out date, and how the model read it."""

    pair: Pair
    translation: Translation


def train_date_reader(
    run: RunDirectory, report: Callable[[str], None]
) -> tuple[dict[str, Any], list[Reading]]:
    """Train the date reader, or take the one that the run holds already; read three dates with it.

    Returns what it scores, and the readings of dates that it has never seen.
    """
    settings = RECIPES["dates"]
    if run.path.exists() and read_settings(run) != settings:
        raise RunError(f"{run.path} is another run; choose a --run of its own for the demo")
    if run.finished:
        report(f"{run.path} holds a trained date reader; remove it to train again")
        metrics = run.metrics()
        if "test" not in metrics:
            raise RunError(f"{run.path} does not say what it scores; remove it to train again")
    else:
        metrics = train_translator(settings, run, resume=run.path.exists(), report=report)
    shown = _shown(load_splits(settings.data))
    found = load_as(TranslationSystem, run.path).translate([pair.source for pair in shown])
    return metrics, [Reading(pair, best) for pair, [best] in zip(shown, found, strict=True)]


def _shown(splits: Splits) -> list[Pair]:
    """Choose the longest held-out date of each of a few locales: those with most to look at."""
    chosen = []
    for locale in SHOWN:
        dates = [pair for pair in splits.test.pairs if pair.source.startswith(f"{locale}: ")]
        chosen += sorted(dates, key=lambda pair: (-len(pair.source), pair.source))[:1]
    return chosen
