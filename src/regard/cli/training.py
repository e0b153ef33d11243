"""What `regard train ...` is for every kind of system: settings in, a run directory out."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from regard.cli.parser import Parser, UsageError
from regard.cli.recipe_settings import (
    Recipes,
    add_groups,
    add_recipes,
    chosen_recipe,
    parsed,
    settings_of,
)
from regard.recipes.kept import MAY_CHANGE
from regard.training.run_directory import RunDirectory

__all__ = ["Trainable", "train"]


class Trainable(NamedTuple):
    """A kind of system that can be trained.

    Args:
        run: trains by settings in a run directory, resumed or not, and returns what it scores.
        following: what to try next, with {run} where the run directory belongs.
    """

    words: str
    description: str
    recipes: Recipes
    run: Callable[[Any, RunDirectory, bool], dict[str, Any]]
    following: str


def train(trainable: Trainable, words: list[str]) -> int:
    """Train, and say what it scores."""
    recipe, found = chosen_recipe(trainable.recipes, words), _found(words)
    directory = RunDirectory(found.run or Path("runs") / recipe)
    if found.resume:
        settings = _stored(trainable, recipe, directory, words)
    else:
        defaults = trainable.recipes.settings[recipe]
        parser = _parser(trainable, recipe, defaults)
        settings = settings_of(parser, parsed(parser, words), defaults)
    try:
        metrics = trainable.run(settings, directory, found.resume)
    except KeyboardInterrupt:
        if directory.path.exists():
            raise KeyboardInterrupt(f"go on with --run {directory.path} --resume") from None
        raise
    if metrics:
        _report(trainable, metrics, directory)
    return 0


def _found(words: list[str]) -> argparse.Namespace:
    """Find whether a run is to be resumed, and which: it has settings already."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    finder.add_argument("--run", "--run_directory", type=Path)
    finder.add_argument("--resume", action="store_true")
    try:
        found, _ = finder.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    return found


def _parser(trainable: Trainable, recipe: str, defaults: Any) -> Parser:
    """Make the parser of settings like `defaults`: its groups have the flags."""
    parser = Parser(prog=f"regard {trainable.words}", description=trainable.description)
    add_recipes(parser, trainable.recipes, recipe)
    parser.add_argument(
        "--run",
        "--run_directory",  # torchrun would take --run for its own --run-path
        type=Path | None,
        help="the run directory; runs/RECIPE if not given",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    add_groups(parser, defaults)
    return parser


def _stored(trainable: Trainable, recipe: str, directory: RunDirectory, words: list[str]) -> Any:
    """Return the settings of the run to resume; hardly any may be changed."""
    from regard.recipes.run import read_settings

    settings = read_settings(directory)
    if type(settings) is not type(trainable.recipes.settings[recipe]):
        raise UsageError(f"{directory.path} is not a run of regard {trainable.words}")
    asked = parsed(_parser(trainable, recipe, settings), words, defaults=False)
    if directory.finished:
        raise UsageError(f"{directory.path} has finished; there is nothing to resume")
    groups = {}
    for field in dataclasses.fields(settings):
        group = getattr(settings, field.name)
        changes = vars(asked[field.name]) if field.name in asked else {}
        for name, value in changes.items():
            if value != getattr(group, name) and f"{field.name}.{name}" not in MAY_CHANGE:
                raise UsageError(
                    f"--resume goes on with the settings of {directory.path}, where "
                    f"{field.name}.{name} is {getattr(group, name)}; "
                    f"leave out --{field.name}.{name}, or start a new --run"
                )
        groups[field.name] = dataclasses.replace(group, **changes)
    return type(settings)(**groups)


def _report(trainable: Trainable, metrics: dict[str, object], directory: RunDirectory) -> None:
    from rich.console import Console

    from regard.cli.figures import figures_table

    console = Console(highlight=False)
    console.print(figures_table(metrics))
    following = trainable.following.format(run=directory.path)
    console.print(
        f"kept in {directory.path}; next:\n{following}\n  tensorboard --logdir {directory.log}",
        markup=False,
        soft_wrap=True,
    )
