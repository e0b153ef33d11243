"""What `regard train ...` is for every kind of system: settings in, a run directory out."""

import argparse
import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from regard.cli.parser import Namespace, Parser, UsageError
from regard.training.run_directory import RunDirectory

__all__ = ["Trainable", "train"]

MAY_CHANGE = (
    *("data.folder", "data.train", "data.validation", "data.test", "vocabulary.vectors"),
    *("training.progress", "training.workers"),
)
"""Settings that may differ when a run is resumed: where the same data lie now, what is shown."""


class Trainable(NamedTuple):
    """A kind of system that can be trained.

    Args:
        recipes: settings that go well together, all of one dataclass, whose fields are groups.
        run: trains by settings in a run directory, resumed or not, and returns what it scores.
        following: what to try next, with {run} where the run directory belongs.
    """

    words: str
    description: str
    recipes: Mapping[str, Any]
    about_recipes: str
    run: Callable[[Any, RunDirectory, bool], dict[str, Any]]
    following: str


def train(trainable: Trainable, words: list[str]) -> int:
    """Train, and say what it scores."""
    found = _found(words)
    recipe = _recipe(trainable, found)
    directory = RunDirectory(found.run or Path("runs") / recipe)
    if found.resume:
        settings = _stored(trainable, recipe, directory, words)
    else:
        settings = _new(trainable, recipe, words)
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
    """Find what decides which other flags there are."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    finder.add_argument("--recipe")
    finder.add_argument("--config", type=Path)
    finder.add_argument("--run", "--run_directory", type=Path)
    finder.add_argument("--resume", action="store_true")
    try:
        found, _ = finder.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    return found


def _recipe(trainable: Trainable, found: argparse.Namespace) -> str:
    recipe = found.recipe or _recipe_of(found.config) or next(iter(trainable.recipes))
    if recipe not in trainable.recipes:
        raise UsageError(f"unknown recipe {recipe}; there are {', '.join(trainable.recipes)}")
    return str(recipe)


def _recipe_of(config: Path | None) -> str | None:
    """Return the recipe that a file of settings names; what is wrong with it the parser says."""
    try:
        settings = yaml.safe_load(config.read_text("utf-8")) if config else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    recipe = settings.get("recipe") if isinstance(settings, dict) else None
    return recipe if isinstance(recipe, str) else None


def _parser(trainable: Trainable, recipe: str, defaults: Any) -> Parser:
    """Make the parser of settings like `defaults`: its groups have the flags."""
    parser = Parser(prog=f"regard {trainable.words}", description=trainable.description)
    parser.add_argument(
        "--recipe", default=recipe, choices=list(trainable.recipes), help=trainable.about_recipes
    )
    parser.add_argument("--config", action="config", help="settings from a YAML file")
    parser.add_argument(
        "--run",
        "--run_directory",  # torchrun would take --run for its own --run-path
        type=Path | None,
        help="the run directory; runs/RECIPE if not given",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted"
    )
    for field in dataclasses.fields(defaults):
        group = getattr(defaults, field.name)
        parser.add_class_arguments(type(group), field.name)
        parser.set_defaults({field.name: dataclasses.asdict(group)})
    return parser


def _parsed(parser: Parser, words: list[str], *, defaults: bool = True) -> Namespace:
    try:
        given: Namespace = parser.parse_args(words, defaults=defaults)
    except UnicodeDecodeError as error:
        raise UsageError(f"--config: not UTF-8 ({error}); convert the file to UTF-8") from None
    except UsageError as error:
        # What the parser says of a file that is no YAML, or no mapping, without naming it.
        if re.search("Unexpected config|<(unicode|byte) string>", str(error)):
            file = words[words.index("--config") + 1] if "--config" in words else "--config"
            raise UsageError(f"{file} holds no settings in YAML: {error}") from None
        raise
    return given


def _new(trainable: Trainable, recipe: str, words: list[str]) -> Any:
    """Return the settings of a new run: the recipe's, the file's, the flags', in that order."""
    defaults = trainable.recipes[recipe]
    parser = _parser(trainable, recipe, defaults)
    given = _parsed(parser, words)
    names = [field.name for field in dataclasses.fields(defaults)]
    for name in names:
        if not isinstance(given[name], Namespace):
            raise UsageError(f"{name} is a group of settings; got {given[name]}")
    made = parser.instantiate(given)
    return type(defaults)(**{name: made[name] for name in names})


def _stored(trainable: Trainable, recipe: str, directory: RunDirectory, words: list[str]) -> Any:
    """Return the settings of the run to resume; hardly any may be changed."""
    from regard.recipes.run import read_settings

    settings = read_settings(directory)
    if type(settings) is not type(trainable.recipes[recipe]):
        raise UsageError(f"{directory.path} is not a run of regard {trainable.words}")
    asked = _parsed(_parser(trainable, recipe, settings), words, defaults=False)
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
