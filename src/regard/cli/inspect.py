"""`regard inspect`."""

import math
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.figures import kept_figures
from regard.cli.parser import Parser, UsageError, require_text
from regard.cli.pictures import alignment_of, cut_notice, shaded
from regard.decoding import Beam
from regard.inspection import report
from regard.inspection.labels import token_label
from regard.inspection.statistics import coverage, entropy, most_attended
from regard.inspection.terminal import HeatMap, Shades
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.run import load, read_settings
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Look into a run: what it is and what it scores; with sentences, where it looks.

  regard inspect runs/subwords
  regard inspect runs/subwords "ein mann mit einem hut ." --html alignment.html
  regard inspect runs/ngram "what a wonderful film" --html shades.html

With a translator, for each word that is written: the source word it looked at most, with its
weight, and the entropy of the row in nats (0 looks at one word alone). Coverage is how much
attention a source word got in total; one near 0 may not have been translated. What looks beyond the
last word is left out. With a classifier, the text is shaded by how much each word counted, and the
entropy says how widely."""


def run(words: list[str]) -> int:
    """Print the run, or where it looks."""
    parser = Parser(prog="regard inspect", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train")
    parser.add_argument("text", nargs="*", type=str, default=[], help="texts to look into")
    parser.add_argument(
        "--beam", type=int | None, help="of a translator: hypotheses at once, 5 if not given"
    )
    parser.add_device()
    parser.add_argument("--html", type=Path | None, help="write the pictures to a page")
    given = parser.parse_words(words)
    require_text(given.text)
    if given.html is not None and not given.text:
        raise UsageError("--html needs texts to look into")
    console = Console(highlight=False)
    if not given.text:
        _print_run(console, RunDirectory(given.run))
        return 0
    system = load(given.run, device=given.device)
    examples: list[report.Example] | list[report.TextExample]
    if isinstance(system, ClassificationSystem):
        if given.beam is not None:
            raise UsageError(f"{given.run} holds a classifier, which --beam is not for")
        examples = _looks(console, system, given.text)
    else:
        examples = _alignments(
            console, system, given.text, given.beam if given.beam is not None else 5
        )
    if given.html is not None:
        report.save(report.Report(str(given.run), examples), given.html)
        console.print(f"wrote {given.html}", markup=False, soft_wrap=True)
    return 0


def _looks(
    console: Console, system: ClassificationSystem, texts: list[str]
) -> list[report.TextExample]:
    examples = []
    for look in system.look(texts):
        text = shaded(look)
        console.print(Shades(text))
        if len(look.weights):
            [nats] = entropy(look.weights.unsqueeze(0)).tolist()
            spread = f"entropy {nats:.2f} nats, as of {math.exp(nats):.1f} words alike"
            console.print(f"{spread} of {len(look.weights)}")
        examples.append(report.TextExample(text))
    return examples


def _alignments(
    console: Console, system: TranslationSystem, texts: list[str], beam_size: int
) -> list[report.Example]:
    found = [best for best, *_ in system.translate(texts, Beam(beam_size))]
    for number, translation in enumerate(found, start=1):
        if translation.num_cut:
            print(cut_notice(number, translation), file=sys.stderr)
        console.print(Text(translation.text, style="bold"))
        console.print(HeatMap(alignment_of(translation)))
        console.print(_rows(translation))
        console.print(_columns(translation))
    return [
        report.Example(alignment_of(translation), source=text, prediction=translation.text)
        for text, translation in zip(texts, found, strict=True)
    ]


def _print_run(console: Console, directory: RunDirectory) -> None:
    settings = read_settings(directory)
    figures = kept_figures(directory)
    table = Table("setting", "value", title=Text(str(directory.path)), title_justify="left")
    for group, chosen in vars(settings).items():
        for name, value in vars(chosen).items():
            table.add_row(f"{group}.{name}", Text(str(value)))
    console.print(table)
    if figures is not None:
        console.print(figures)
    else:
        advice = f"not finished; go on with --run {directory.path} --resume"
        console.print(advice, markup=False, soft_wrap=True)


def _rows(translation: Translation) -> Table:
    table = Table("target", "looked most at", "weight", "entropy")
    spread = entropy(translation.alignment)
    best = most_attended(translation.alignment).tolist()
    for token, row, source, nats in zip(
        translation.target_tokens, translation.alignment, best, spread, strict=True
    ):
        table.add_row(
            Text(token_label(token)),
            Text(
                token_label(translation.source_tokens[source]) if source >= 0 else "beyond the end"
            ),
            f"{float(row[source]):.2f}" if source >= 0 else "",
            f"{float(nats):.2f}",
        )
    return table


def _columns(translation: Translation) -> Table:
    table = Table("source", "coverage")
    totals = coverage(translation.alignment) if len(translation.alignment) else torch.zeros(0)
    for token, total in zip(translation.source_tokens, totals, strict=False):
        table.add_row(Text(token_label(token)), f"{float(total):.2f}")
    return table
