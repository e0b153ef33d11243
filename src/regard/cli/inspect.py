"""`regard inspect`."""

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.figures import kept_figures
from regard.cli.heads import align_by, draw_all, require_heads
from regard.cli.parser import Parser, UsageError, require_text
from regard.cli.pictures import alignment_of, attention_of, check_picture, cut_notice, shaded
from regard.decoding import Beam
from regard.inspection import report
from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import token_label
from regard.inspection.statistics import coverage, entropy, most_attended
from regard.inspection.terminal import HeatMap, Shades
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.generate.system import GenerationSystem, TextLook
from regard.recipes.match.system import MatchingSystem
from regard.recipes.run import System, load, read_settings
from regard.recipes.translate.system import Translation
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Look into a run: what it is and what it scores; with sentences, where it looks.

  regard inspect runs/subwords
  regard inspect runs/subwords "ein mann mit einem hut ." --html alignment.html
  regard inspect runs/transformer "ein mann mit einem hut ." --heads heads.png
  regard inspect runs/transformer "ein mann mit einem hut ." --layer 1 --head 0
  regard inspect runs/ngram "what a wonderful film" --html shades.html
  regard inspect runs/characters "The class" --layer 0 --head 2

With a translator, for each word that is written: the source word it looked at most, with its
weight, and the entropy of the row in nats (0 looks at one word alone). Coverage is how much
attention a source word got in total; one near 0 may not have been translated. What looks beyond the
last word is left out. With a classifier, the text is shaded by how much each word counted, and the
entropy says how widely. With a language model, where each token that it reads looks among those up
to itself, and how many bits it took to expect it. Of any Transformer, --heads draws where every
head of every layer looks; of several texts, into a file for each."""


def run(words: list[str]) -> int:
    """Print the run, or where it looks."""
    parser = Parser(prog="regard inspect", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train")
    parser.add_argument("text", nargs="*", type=str, default=[], help="texts to look into")
    parser.add_argument(
        "--beam", type=int | None, help="of a translator: hypotheses at once, 5 if not given"
    )
    parser.add_argument(
        "--layer",
        type=int | None,
        help="of a language model, or of a Transformer that translates: which, from 0 or the end",
    )
    parser.add_argument(
        "--head", type=int | None, help="of that layer: which, from 0; else their mean"
    )
    parser.add_device()
    parser.add_argument("--html", type=Path | None, help="write the pictures to a page")
    parser.add_argument(
        "--heads",
        type=Path | None,
        help="of a Transformer: draw all heads of all layers to a .png, .svg or .pdf file",
    )
    given = parser.parse_words(words)
    _check(given)
    console = Console(highlight=False)
    if not given.text:
        _print_run(console, RunDirectory(given.run))
        return 0
    system = load(given.run, device=given.device)
    if given.heads is not None:
        require_heads(system, given.run)
    examples = _examples(console, system, given)
    if given.html is not None:
        report.save(report.Report(str(given.run), examples), given.html)
        console.print(f"wrote {given.html}", markup=False, soft_wrap=True)
    return 0


def _check(given: Any) -> None:
    require_text(given.text)
    for flag in ("html", "heads"):
        if given[flag] is not None and not given.text:
            raise UsageError(f"--{flag} needs texts to look into")
    check_picture(given.heads, "--heads")


def _examples(
    console: Console, system: System, given: Any
) -> Sequence[report.Example | report.TextExample]:
    """Print where the system looks in each text, and draw it; return the same for a page."""
    examples: Sequence[report.Example | report.TextExample]
    heads: Iterable[tuple[str, list[HeadWeights]]]  # read where they are drawn alone
    if isinstance(system, ClassificationSystem):
        _refuse(given, "classifier", "beam", "layer", "head")
        examples = _looks(console, system, given.text)
        heads = ((text, system.heads(text)) for text in given.text)
    elif isinstance(system, GenerationSystem):
        _refuse(given, "language model", "beam")
        layer = -1 if given.layer is None else given.layer
        looks = [system.look(text, layer=layer, head=given.head) for text in given.text]
        examples = _readings(console, given.text, looks)
        heads = ((text, system.heads(text)) for text in given.text)
    elif isinstance(system, MatchingSystem):
        raise UsageError(
            f"{given.run} matches two texts; to see where: "
            f"regard match {given.run} LEFT RIGHT --show"
        )
    else:
        align_by(system, given)
        beam = Beam(given.beam if given.beam is not None else 5)
        found = [best for best, *_ in system.translate(given.text, beam)]
        examples = _alignments(console, given.text, found)
        pairs = zip(given.text, found, strict=True)
        heads = ((f"{text} → {best.text}", system.heads(text, best)) for text, best in pairs)
    if given.heads is not None:
        draw_all(console, heads, given.heads)
    return examples


def _refuse(given: Any, kind: str, *flags: str) -> None:
    for flag in flags:
        if given[flag] is not None:
            raise UsageError(f"{given.run} holds a {kind}, which --{flag} is not for")


def _readings(console: Console, texts: list[str], looks: list[TextLook]) -> list[report.Example]:
    for look in looks:
        console.print(HeatMap(attention_of(look)))
        table = Table("token", "bits", "looked most at", "weight", "entropy")
        best = most_attended(look.weights).tolist()
        spread = entropy(look.weights).tolist()
        for at, (token, bits) in enumerate(zip(look.tokens, look.surprise.tolist(), strict=True)):
            table.add_row(
                Text(token_label(token)),
                f"{bits:.2f}" if at else "",
                Text(token_label(look.tokens[best[at]])),
                f"{float(look.weights[at, best[at]]):.2f}",
                f"{spread[at]:.2f}",
            )
        console.print(table)
    return [
        report.Example(attention_of(look), source=text)
        for text, look in zip(texts, looks, strict=True)
    ]


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
    console: Console, texts: list[str], found: list[Translation]
) -> list[report.Example]:
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
