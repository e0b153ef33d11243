"""`regard classify`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from regard.cli.parser import Parser, UsageError, require_text, typed_flags
from regard.cli.pictures import check_files
from regard.cli.reading import read_texts
from regard.inspection import report
from regard.inspection.terminal import Shades
from regard.recipes.classify.system import ClassificationSystem, Look, Prediction
from regard.recipes.looks import shaded
from regard.recipes.run import load_as

__all__ = ["run"]

DESCRIPTION = """Classify text with a trained run: arguments, a file, or standard input.

  regard classify runs/ngram "what a wonderful film"
  regard classify runs/ngram "what a wonderful film" --show
  regard classify runs/ngram --file reviews.txt > labels.tsv
  cat reviews.txt | regard classify runs/ngram --json

One line in, one line out: the label and its probability (of a text that may have several: all from
a half upwards). Of a long text as much is read as in training (data.max_len). --show shades each
word by how much it counted, and with a reader that knows sentences, each sentence too."""


def run(words: list[str]) -> int:
    """Classify, and print what is asked for."""
    given = _parser().parse_words(words)
    _check(given)
    system = load_as(ClassificationSystem, given.run, device=given.device)
    texts = read_texts(given.text, given.file)
    if given.show or given.html:
        _show(system, texts, given)
        return 0
    found = _with_progress(system.iterate(texts), len(texts))
    for number, prediction in enumerate(found, start=1):
        _warn(number, prediction)
        print(_as_json(prediction) if given.json else _as_line(prediction), flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard classify", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train classify")
    parser.add_argument("text", nargs="*", type=str, default=[], help="texts to classify")
    parser.add_argument("--file", type=Path | None, help="classify each line of a file")
    parser.add_device()
    parser.add_argument("--show", action="store_true", help="shade the words by their attention")
    parser.add_argument("--html", type=Path | None, help="write the shaded texts to a page")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, with all probabilities"
    )
    return parser


def _check(given: Any) -> None:
    require_text(given.text)
    check_files(given)
    if given.file is not None and given.text:
        raise UsageError("give texts or --file, not both")
    if given.json and (more := typed_flags(given, "show", "html")):
        raise UsageError(f"--json prints probabilities; leave out {more}")


def _show(system: ClassificationSystem, texts: list[str], given: Any) -> None:
    console = Console(highlight=False)
    looks: list[Look] = []
    for number, look in enumerate(system.look(texts), start=1):
        _warn(number, look.prediction)
        if given.show:
            if number > 1:
                console.print()
            console.print(Shades(shaded(look)))
        looks.append(look)
    if given.html is not None:
        examples = [report.TextExample(shaded(look)) for look in looks]
        report.save(report.Report(str(given.run), examples), given.html)
        console.print(f"wrote {given.html}", markup=False, soft_wrap=True)


def _warn(number: int, prediction: Prediction) -> None:
    if not prediction.num_read:
        print(
            f"regard: text {number} is empty; its label is what is likely without reading",
            file=sys.stderr,
        )


def _with_progress(found: Iterable[Prediction], total: int) -> Iterable[Prediction]:
    """Show progress where a person waits and the output goes elsewhere."""
    if sys.stdout.isatty() or not sys.stderr.isatty() or total < 2:
        return found
    return track(found, "classifying", total=total, console=Console(stderr=True))


def _as_line(prediction: Prediction) -> str:
    # A label with a tab or a line's end in it would break the line; --json has it as it is.
    given = [
        f"{' '.join(label.split())}\t{prediction.probabilities[label]:.4f}"
        for label in prediction.labels
    ]
    return "\t".join(given)


def _as_json(prediction: Prediction) -> str:
    return json.dumps(prediction._asdict(), ensure_ascii=False)
