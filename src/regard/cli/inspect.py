"""`regard inspect`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.figures import kept_figures
from regard.cli.heads import draw_all, require_heads
from regard.cli.inspected import inspect
from regard.cli.limits import check_beam, check_lengths
from regard.cli.parser import Parser, UsageError, require_text, typed_flags
from regard.cli.pictures import (
    add_pictures,
    check_drawable,
    check_files,
    draw_example,
    numbered,
    pictures_asked,
)
from regard.inspection.report import AnyExample, Report, save
from regard.recipes.generate.system import GenerationSystem
from regard.recipes.hugging_face import HuggingFaceSystem, open_hugging_face
from regard.recipes.run import System, device_named, load, read_settings
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Look into a run: what it is and what it scores; with texts, where it looks.

  regard inspect runs/subwords
  regard inspect runs/subwords "ein mann mit einem hut ." --html alignment.html
  regard inspect runs/subwords "ein mann mit einem hut ." --steps --svg search.svg
  regard inspect runs/transformer "ein mann mit einem hut ." --heads heads.png
  regard inspect runs/transformer "ein mann mit einem hut ." --layer 1 --head 0
  regard inspect runs/ngram "what a wonderful film" --html shades.html --measures
  regard inspect runs/characters "The class" --layer 0 --head 2
  regard inspect runs/abcnn3 "how old is it ?" "it is ten years old ."
  regard inspect --hf bert/ "The animal did not cross the street ." --html heads.html

With a translator, for each word that is written: the source word it looked at most, with its
weight, and the entropy of the row in nats (0 looks at one word alone). Coverage is how much
attention a source word got in total; one near 0 may not have been translated. What looks beyond the
last word is left out. With a classifier, the text is shaded by how much each word counted, and the
entropy says how widely. With a language model, where each token that it reads looks among those up
to itself, and how many bits it took to expect it. With a matcher, how well each word of the one
text matches each of the other. Of any Transformer, --heads draws where every head of every layer
looks; of several texts, into a file for each.

--hf opens a model of Hugging Face, from its folder or by its name, and shows every head.

--measures asks whether what is shown matters: whether the prediction changes more when the words
are erased that have most weight than when others are, and what each head does in figures. --steps
shows how a translation was found: what the beam went on with at each step, and what it dropped."""


OF_TEXTS = (
    *("beam", "layer", "head", "measures", "steps"),
    *("html", "png", "svg", "pdf", "heads"),
)
"""Flags that do nothing for a run alone."""


def run(words: list[str]) -> int:
    """Print the run, or where it looks."""
    given = _parser().parse_words(words)
    texts = _texts(given)
    _check(given, texts)
    console = Console(highlight=False)
    if not texts:
        _print_run(console, RunDirectory(given.run))
        return 0
    system = _opened(given)
    if isinstance(system, GenerationSystem):
        check_lengths(system, texts)
    found = inspect(console, system, texts, given)
    # All is there before the first file is written: whatever is wrong leaves none.
    heads = found.heads() if given.heads or given.html else []
    page = [*found.examples, *heads] if given.html else []
    drawn = _a_picture_of_each(found.examples, texts)
    pictures = [
        (numbered(path, number, len(drawn)), example)
        for path in pictures_asked(given)
        for number, example in enumerate(drawn, start=1)
    ]
    for path, example in pictures:
        check_drawable(example, path)
    for path, example in pictures:
        draw_example(example, path)
        _print_wrote(console, path)
    if given.heads is not None:
        draw_all(console, [(each.title, list(each.attentions)) for each in heads], given.heads)
    if given.html is not None:
        save(Report(str(given.hf or given.run), page), given.html)
        _print_wrote(console, given.html)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard inspect", description=DESCRIPTION)
    parser.add_argument("run", nargs="?", type=str | None, help="a run directory of regard train")
    parser.add_argument("text", nargs="*", type=str, default=[], help="texts to look into")
    parser.add_argument(
        "--hf", type=str | None, help="in place of a run: a model of Hugging Face, folder or name"
    )
    parser.add_argument(
        "--beam", type=int | None, help="of a translator: hypotheses at once, 5 if not given"
    )
    parser.add_argument(
        "--layer",
        type=int | None,
        help="of a language model, a Transformer that translates, --hf: which, from 0 or the end",
    )
    parser.add_argument(
        "--head", type=int | None, help="of that layer: which, from 0; else their mean"
    )
    parser.add_argument(
        "--measures", action="store_true", help="say whether the weights matter, and more figures"
    )
    parser.add_argument(
        "--steps", action="store_true", help="of a translator: show its search step by step"
    )
    parser.add_device()
    parser.add_argument("--html", type=Path | None, help="write the pictures to a page")
    add_pictures(parser, "draw a picture of each")
    parser.add_argument(
        "--heads",
        type=Path | None,
        help="of a Transformer: draw all heads of all layers to a .png, .svg or .pdf file",
    )
    return parser


def _texts(given: Any) -> list[str]:
    """Return the texts: of a model of Hugging Face, no run stands before them."""
    if given.hf is None:
        if given.run is None:
            raise UsageError("name a run, or a model of Hugging Face by --hf")
        given.run = Path(given.run)
        return list(given.text)
    return [given.run, *given.text] if given.run is not None else []


def _check(given: Any, texts: Sequence[str]) -> None:
    require_text(texts)
    if given.hf is not None and not texts:
        raise UsageError("--hf needs texts to look into")
    for flag in OF_TEXTS:
        if typed_flags(given, flag) and not texts:
            raise UsageError(f"--{flag} needs texts to look into")
    check_files(given)
    check_beam(given)
    if given.hf is not None and given.heads is not None:
        raise UsageError("--hf shows all heads: draw them by --png, --svg or --pdf")


def _opened(given: Any) -> System | HuggingFaceSystem:
    if given.hf is not None:
        foreign = open_hugging_face(given.hf)
        foreign.model.to(device_named(given.device))
        return foreign
    system = load(given.run, device=given.device)
    if given.heads is not None:
        require_heads(system, given.run)
    return system


def _a_picture_of_each(
    examples: Sequence[AnyExample], texts: Sequence[str]
) -> Sequence[AnyExample]:
    """Return what a picture file shows of each text: the first that there is to draw of it."""
    return examples[:: max(1, len(examples) // len(texts))]


def _print_wrote(console: Console, path: Path) -> None:
    console.print(f"wrote {path}", markup=False, soft_wrap=True)


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
