"""`regard train translate`."""

import argparse
import dataclasses
import re
from pathlib import Path

from regard.cli.parser import Namespace, Parser, UsageError
from regard.recipes.settings import RECIPES, TranslateSettings
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Learn to translate from parallel text.

  regard train translate --recipe dates
  regard train translate --data.folder multi30k/
  regard train translate --data.train my/train --data.source de --data.target en
  regard train translate --data.train pairs.tsv --run runs/mine --training.epochs 5
  regard train translate --run runs/mine --resume
  torchrun --nproc-per-node 4 -m regard.cli.main train translate --run_directory runs/mine

Settings come from the recipe, then from --config (YAML; --print_config writes one), then from the
flags. The run directory keeps them all."""


def run(words: list[str]) -> int:
    """Train, and say what it scores."""
    parser, given = _parse(words)
    directory = RunDirectory(given.run or Path("runs") / given.recipe)
    settings = _stored(directory, parser, words) if given.resume else _settings(parser, given)
    # Imported here: it brings in Lightning, which --help and mistakes need not wait for.
    from regard.recipes.translate import train_translator

    try:
        metrics = train_translator(settings, directory, resume=given.resume)
    except KeyboardInterrupt:
        if directory.path.exists():
            raise KeyboardInterrupt(f"go on with --run {directory.path} --resume") from None
        raise
    if metrics:
        _report(metrics, directory)
    return 0


def _parse(words: list[str]) -> tuple[Parser, Namespace]:
    """Parse the words, all defaults taken from the recipe that they or their --config name."""
    recipe = _recipe(words)
    while True:
        parser = _parser(recipe)
        try:
            given = parser.parse_args(words)
        except UnicodeDecodeError as error:
            raise UsageError(f"--config: not UTF-8 ({error}); convert the file to UTF-8") from None
        except UsageError as error:
            # What the parser says of a file that is no YAML, or no mapping, without naming it.
            if re.search("Unexpected config|<(unicode|byte) string>", str(error)):
                file = words[words.index("--config") + 1] if "--config" in words else "--config"
                raise UsageError(f"{file} holds no settings in YAML: {error}") from None
            raise
        if given.recipe == recipe:
            return parser, given
        recipe = given.recipe


def _recipe(words: list[str]) -> str:
    """Find the recipe among the words: it decides the defaults of all other flags."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    finder.add_argument("--recipe", default="subwords")
    try:
        found, _ = finder.parse_known_args(words)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from None
    if found.recipe not in RECIPES:
        raise UsageError(f"unknown recipe {found.recipe}; there are {', '.join(RECIPES)}")
    return str(found.recipe)


def _parser(recipe: str) -> Parser:
    parser = Parser(prog="regard train translate", description=DESCRIPTION)
    parser.add_argument(
        "--recipe",
        default=recipe,
        choices=list(RECIPES),
        help="where the settings start: sub-words (recommended), the tutorials' words, or dates",
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
    parser.add_class_arguments(TranslateSettings)
    parser.set_defaults(
        {
            field.name: dataclasses.asdict(getattr(RECIPES[recipe], field.name))
            for field in dataclasses.fields(TranslateSettings)
        }
    )
    return parser


def _settings(parser: Parser, given: Namespace) -> TranslateSettings:
    names = [field.name for field in dataclasses.fields(TranslateSettings)]
    for name in names:
        if not isinstance(given[name], Namespace):
            raise UsageError(f"{name} is a group of settings; got {given[name]}")
    made = parser.instantiate(given)
    return TranslateSettings(**{name: made[name] for name in names})


MAY_CHANGE = ("data.folder", "data.train", "data.validation", "data.test", "training.progress")
"""Settings that may differ when a run is resumed: where the same data lie now, what is shown."""


def _stored(directory: RunDirectory, parser: Parser, words: list[str]) -> TranslateSettings:
    """Return the settings of the run to resume; hardly any may be changed."""
    from regard.recipes.run import read_settings

    settings = read_settings(directory)
    if directory.finished:
        raise UsageError(f"{directory.path} has finished; there is nothing to resume")
    asked = parser.parse_args(words, defaults=False)
    groups = {}
    for field in dataclasses.fields(TranslateSettings):
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
    return TranslateSettings(**groups)


def _report(metrics: dict[str, object], directory: RunDirectory) -> None:
    from rich.console import Console

    from regard.cli.figures import figures_table

    console = Console(highlight=False)
    console.print(figures_table(metrics))
    console.print(
        f"kept in {directory.path}; next:\n"
        f"  regard translate {directory.path} --alignment\n"
        f"  tensorboard --logdir {directory.log}",
        markup=False,
        soft_wrap=True,
    )
