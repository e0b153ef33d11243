"""`regard evaluate`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from regard.cli.figures import figures_table
from regard.cli.parser import Parser, UsageError
from regard.interfaces import Pair
from regard.recipes.run import load, read_settings
from regard.recipes.settings import TranslateSettings
from regard.recipes.translation_parts import load_pairs, load_splits
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Score a trained run on its own data, or on other pairs.

  regard evaluate runs/subwords
  regard evaluate runs/subwords --split validation --beam 1
  regard evaluate runs/subwords --pairs other/test      (test.de and test.en in other/)

Perplexity is teacher-forced. BLEU is printed twice: sacreBLEU with its signature, and over
lowercased words and punctuation marks, for comparison with published figures on Multi30k."""


def run(words: list[str]) -> int:
    """Translate a split and print what it scores."""
    given = _parser().parse_args(words)
    settings = _settings(given)
    system = load(given.run, device=given.device)
    title, pairs = _pairs(given, settings)
    # Imported here: it brings in Lightning, which mistakes need not wait for.
    from regard.recipes.translate import evaluate_translator

    scores = evaluate_translator(system, pairs, settings)
    if given.json:
        print(json.dumps({title: scores}))
    else:
        Console(highlight=False).print(figures_table({title: scores}))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard evaluate", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train translate")
    parser.add_argument(
        "--split",
        choices=["test", "validation"],
        default="test",
        help="which of the run's own data",
    )
    parser.add_argument(
        "--pairs", type=Path | None, help="other pairs instead, as --data.train takes them"
    )
    parser.add_argument(
        "--folder", type=Path | None, help="where the run's data lies now, if it has moved"
    )
    parser.add_argument(
        "--beam", type=int | None, help="hypotheses at once; the run's if not given"
    )
    parser.add_argument(
        "--length_penalty", type=float | None, help="above 0 favours longer; the run's if not given"
    )
    parser.add_device()
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _settings(given: Any) -> TranslateSettings:
    """Return the run's settings, with what was asked for in their place."""
    settings = read_settings(RunDirectory(given.run))
    decoding = {"beam_size": given.beam, "length_penalty": given.length_penalty}
    asked = {name: value for name, value in decoding.items() if value is not None}
    data = {} if given.folder is None else {"folder": given.folder}
    return dataclasses.replace(
        settings,
        decoding=dataclasses.replace(settings.decoding, **asked),
        data=dataclasses.replace(settings.data, **data),
    )


def _pairs(given: Any, settings: TranslateSettings) -> tuple[str, list[Pair]]:
    if given.pairs is not None:
        return str(given.pairs), load_pairs(given.pairs, settings.data)
    splits = load_splits(settings.data)
    pairs = (splits.test if given.split == "test" else splits.validation).pairs
    if not pairs:
        raise UsageError(f"{given.run} was trained without a test set; score other --pairs")
    return given.split, pairs
