"""Settings as they are typed: they start from a recipe, and files and flags change them."""

import argparse
import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml  # type: ignore[import-untyped]

from regard.cli.parser import Namespace, Parser, UsageError

__all__ = ["Recipes", "add_groups", "add_recipes", "chosen_recipe", "parsed", "settings_of"]

Settings = TypeVar("Settings")


class Recipes(NamedTuple):
    """Settings that go well together, by name, all of one dataclass, whose fields are groups."""

    settings: Mapping[str, Any]
    about: str


def chosen_recipe(recipes: Recipes, words: list[str]) -> str:
    """Find which recipe is asked for, on which it depends what flags there are.

    Raises:
        UsageError: there is no such recipe.
    """
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    finder.add_argument("--recipe")
    finder.add_argument("--config", type=Path)
    try:
        found, _ = finder.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    recipe = found.recipe or _recipe_of(found.config) or next(iter(recipes.settings))
    if recipe not in recipes.settings:
        raise UsageError(f"unknown recipe {recipe}; there are {', '.join(recipes.settings)}")
    return str(recipe)


def _recipe_of(config: Path | None) -> str | None:
    """Return the recipe that a file of settings names; what is wrong with it the parser says."""
    try:
        settings = yaml.safe_load(config.read_text("utf-8")) if config else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    recipe = settings.get("recipe") if isinstance(settings, dict) else None
    return recipe if isinstance(recipe, str) else None


def add_recipes(parser: Parser, recipes: Recipes, recipe: str) -> None:
    """Take a recipe, and a file of settings."""
    parser.add_argument(
        "--recipe", default=recipe, choices=list(recipes.settings), help=recipes.about
    )
    parser.add_argument("--config", action="config", help="settings from a YAML file")


def add_groups(parser: Parser, defaults: Any) -> None:
    """Take every setting of `defaults` as a flag."""
    for field in dataclasses.fields(defaults):
        group = getattr(defaults, field.name)
        parser.add_class_arguments(type(group), field.name)
        parser.set_defaults({field.name: dataclasses.asdict(group)})


def parsed(parser: Parser, words: list[str], *, defaults: bool = True) -> Namespace:
    """Parse words, and the file of settings among them.

    Raises:
        UsageError: they cannot be understood.
    """
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


def settings_of(parser: Parser, given: Namespace, defaults: Settings) -> Settings:
    """Return the settings that were parsed, of the dataclass of `defaults`.

    Raises:
        UsageError: a group of settings is something else.
        ValueError: settings do not go together.
    """
    names = [field.name for field in dataclasses.fields(defaults)]  # type: ignore[arg-type]
    for name in names:
        if not isinstance(given[name], Namespace):
            raise UsageError(f"{name} is a group of settings; got {given[name]}")
    made = parser.instantiate(given)
    return type(defaults)(**{name: made[name] for name in names})
