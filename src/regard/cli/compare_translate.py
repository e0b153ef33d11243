"""`regard compare translate`."""

import dataclasses
import json
import os
import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.parser import Namespace, Parser, UsageError
from regard.cli.recipe_settings import (
    Recipes,
    add_groups,
    add_recipes,
    chosen_recipe,
    parsed,
    settings_of,
)
from regard.cli.train_translate import ABOUT_RECIPES
from regard.cli.variants import REMEDY, chosen_variants
from regard.recipes.translate.comparison import BLEU, Column, Outcome, as_rows, columns_of, notes_on
from regard.recipes.translate.settings import RECIPES, TranslateSettings
from regard.recipes.translate.variants import VARIANTS

__all__ = ["run"]

DESCRIPTION = f"""Train translators that attend in different ways, and see what each way is worth.

  regard compare translate --data.folder multi30k/
  regard compare translate --data.folder multi30k/ --variants bahdanau local_p mocha
  regard compare translate --recipe dates --variants bahdanau monotonic --training.epochs 1
  regard compare translate --data.train pairs.tsv --variants bahdanau variants.yaml --run runs/two

All have the same data, vocabulary, epochs, seed, batches and search, and one device; each differs
in what its name stands for alone (decoder, attention, score, normalizer). But luong_dot halves the
encoder too: the dot score needs states as wide as the decoder's. There are
{textwrap.fill(", ".join(VARIANTS), width=98)}.
Those of your own stand in a YAML file, under each name the settings that are its own:

  near:
    model: {{attention: local_p, half_width: 3}}
  steady:
    training: {{schedule: constant}}

Each is an ordinary run, below the folder of the comparison: regard translate runs/comparison/mocha.
Beside them stand a table, comparison.md, a picture, comparison.png, and all figures,
comparison.json, written whenever a variant is done; and at the end alignments.png, where those that
were named look when they write the same sentences. The same command, typed again, goes on where it
was interrupted; with other variants it trains those alone, and shows them beside the earlier ones.
So when all are trained, those that are to be drawn side by side are named again. To train one
again, delete its folder."""

WIDTH = 120
"""Of the table where no terminal says how wide it is."""


def run(words: list[str]) -> int:
    """Train what is to be compared, and print the table of all that is compared there."""
    # On one device, so that times can be compared.
    defaults = {
        name: dataclasses.replace(
            recipe, training=dataclasses.replace(recipe.training, devices="1")
        )
        for name, recipe in RECIPES.items()
    }
    recipes = Recipes(defaults, ABOUT_RECIPES)
    recipe = chosen_recipe(recipes, words)
    parser = _parser(recipes, recipe)
    given = parsed(parser, words)
    shared = _shared(parser, given, defaults[recipe])
    if shared.training.devices != "1" or "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError(
            "a comparison trains on one device in one process, so that times can be compared; "
            "start it without torchrun and without --training.devices"
        )
    variants = chosen_variants(given.variants or list(VARIANTS), VARIANTS, shared)
    # Imported here: it brings in Lightning, which --help and mistakes need not wait for.
    from regard.recipes.translate.compare import compare_translators

    report = partial(print, file=sys.stderr if given.json else sys.stdout, flush=True)
    try:
        outcomes = compare_translators(
            shared, variants, given.run, links=given.links, report=report
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("go on with the same command") from None
    if given.json:
        print(json.dumps(as_rows(outcomes), ensure_ascii=False, default=str))
    else:
        _print(outcomes, given.run)
    return 0


def _shared(parser: Parser, given: Namespace, defaults: TranslateSettings) -> TranslateSettings:
    try:
        return settings_of(parser, given, defaults)
    except ValueError as error:
        # What some ways of attending have alone cannot be shared by all.
        remedy = f"; {REMEDY}" if " goes with model." in str(error) else ""
        raise UsageError(f"{error}{remedy}") from None


def _parser(recipes: Recipes, recipe: str) -> Parser:
    parser = Parser(prog="regard compare translate", description=DESCRIPTION)
    add_recipes(parser, recipes, recipe)
    parser.add_argument(
        "--variants",
        nargs="+",
        type=str,
        default=[],
        help="names, and files of your own; all names if not given; alignments.png is of these",
    )
    parser.add_argument(
        "--run",
        type=Path,
        default=Path("runs/comparison"),
        help="the folder of the comparison, below which each variant has its run directory",
    )
    parser.add_argument(
        "--links",
        type=Path | None,
        help="which words of the validation pairs belong together, to judge alignments by: a line "
        "for each pair, 0-0 1-2 (sure), 2?1 (possible)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print all figures as JSON, and progress on stderr"
    )
    add_groups(parser, recipes.settings[recipe])
    return parser


def _print(outcomes: Sequence[Outcome], folder: Path) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    columns = columns_of(outcomes)
    tested = [column for column in columns if column.split == "test"]
    others = [column for column in columns if column.split != "test"]
    console.print(_table("validation, to choose by (* best)", outcomes, others))
    if tested:
        console.print(_table("test, to report what was chosen", outcomes, tested))
    for note in notes_on(outcomes):
        console.print(Text(note, style="dim"), soft_wrap=True)
    trained = [outcome for outcome in outcomes if not outcome.diverged]
    best = max(trained, key=lambda outcome: BLEU.of(outcome) or 0.0, default=None)
    advice = f"; next:\n  regard translate {folder / best.name} --alignment" if best else ""
    console.print(f"kept in {folder}{advice}", markup=False, soft_wrap=True)


def _table(title: str, outcomes: Sequence[Outcome], columns: Sequence[Column]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("variant", no_wrap=True)
    for column in columns:
        table.add_column(Text(column.heading), justify="right")
    for row, outcome in enumerate(outcomes):
        cells = [
            Text(f"{column.cells[row]}*", style="bold")
            if column.best[row]
            else Text(f"{column.cells[row]} ")
            for column in columns
        ]
        table.add_row(Text(outcome.title), *cells)
    return table
