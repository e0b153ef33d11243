"""`regard match`."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from regard.cli.measures import print_matcher_measures
from regard.cli.parser import Parser, UsageError, require_text, typed_flags
from regard.cli.pictures import add_pictures, check_files, draw, numbered, pictures_asked
from regard.cli.reading import read_texts
from regard.data.grades import Grades
from regard.data.tables import read_rows, text_of
from regard.inspection import report
from regard.inspection.terminal import HeatMap
from regard.recipes.looks import matrix_of
from regard.recipes.match.settings import DataSettings, MatchSettings
from regard.recipes.match.system import Match, MatchingSystem
from regard.recipes.run import load_as, read_settings
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Match two texts with a trained run: two arguments, a file, or standard input.

  regard match runs/abcnn3 "how old is it ?" "it is ten years old ."
  regard match runs/abcnn3 "how old is it ?" "it is ten years old ." --show
  regard match runs/abcnn3 "how old is it ?" "it is ten years old ." --measures
  regard match runs/abcnn3 --file answers.tsv > matches.tsv
  cat asked.tsv | regard match runs/abcnn3 --json

A file has the columns of the training data (data.left, data.right), or no header and two columns.
On standard input a tab stands between the two texts of a line. One pair in, one line out: what is
most probable, and the score by which pairs are ranked. --show draws how well each token of the one
text matches each of the other. --measures erases the tokens of either text, those that match best
and as many at random, and says whether the match depends on what is shown: of several pairs, each
by itself and all together."""

SHOWN = ("show", "measures", "html", "png", "svg", "pdf")
"""Flags for more than a line a pair."""

Pairs = list[tuple[str, str]]


def run(words: list[str]) -> int:
    """Match, and print what is asked for."""
    given = _parser().parse_words(words)
    _check(given)
    system = load_as(MatchingSystem, given.run, device=given.device)
    if given.measures and isinstance(system.truth, Grades):
        raise UsageError(
            f"{given.run} gives grades, and --measures is of the probability of a class"
        )
    pairs = _pairs(given)
    for number, pair in enumerate(pairs, start=1):
        _warn(number, pair)
    if typed_flags(given, *SHOWN):
        _show(system, pairs, given)
        return 0
    for match in _with_progress(system.iterate(pairs), len(pairs)):
        print(_as_json(match) if given.json else _as_line(match), flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard match", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train match")
    parser.add_argument("text", nargs="*", type=str, default=[], help="the two texts")
    parser.add_argument("--file", type=Path | None, help="match each pair of a table")
    parser.add_device()
    parser.add_argument("--show", action="store_true", help="show where the texts match")
    parser.add_argument(
        "--measures", action="store_true", help="say whether the match depends on what is shown"
    )
    parser.add_argument("--html", type=Path | None, help="write what is shown to a page")
    add_pictures(parser, "draw it")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, with all probabilities"
    )
    return parser


def _check(given: Any) -> None:
    require_text(given.text)
    check_files(given)
    if given.file is not None and given.text:
        raise UsageError("give two texts or --file, not both")
    if len(given.text) not in (0, 2):
        raise UsageError(f"a match is of two texts; got {len(given.text)}")
    if given.json and (more := typed_flags(given, *SHOWN)):
        raise UsageError(f"--json prints probabilities; leave out {more}")


def _pairs(given: Any) -> Pairs:
    if given.text:
        return [(given.text[0], given.text[1])]
    if given.file is not None:
        settings = read_settings(RunDirectory(given.run))
        chosen = settings.data if isinstance(settings, MatchSettings) else DataSettings()
        return list(_from_table(given.file, (chosen.left, chosen.right)))
    return [_divided(number, line) for number, line in enumerate(read_texts([], None), start=1)]


def _from_table(path: Path, columns: tuple[str, str]) -> Iterator[tuple[str, str]]:
    for where, (left, right) in read_rows(path, columns, usual=columns, alone=True):
        yield text_of(left, columns[0], where), text_of(right, columns[1], where)


def _divided(number: int, line: str) -> tuple[str, str]:
    left, tab, right = line.partition("\t")
    if not tab or "\t" in right:
        raise UsageError(f"standard input, line {number}: expected two texts with a tab between")
    return left, right


def _warn(number: int, pair: tuple[str, str]) -> None:
    for side, text in zip(("left", "right"), pair, strict=True):
        if not text.strip():
            print(f"regard: pair {number}: the {side} text is empty", file=sys.stderr)


def _show(system: MatchingSystem, pairs: Pairs, given: Any) -> None:
    console = Console(highlight=False)
    examples = []
    for number, (left, right) in enumerate(pairs, start=1):
        look = system.look(left, right)
        print(_as_line(look.match))
        matrix = matrix_of(look)
        if given.show:
            console.print(HeatMap(matrix))
        pictures = [numbered(path, number, len(pairs)) for path in pictures_asked(given)]
        if pictures and matrix.why_empty():
            print(f"regard: pair {number}: there is nothing to draw", file=sys.stderr)
        for picture in () if matrix.why_empty() else pictures:
            draw(matrix, picture)
        examples.append(report.Example(matrix, source=right, prediction=left))
    if given.html is not None:
        report.save(report.Report(str(given.run), examples), given.html)
        console.print(f"wrote {given.html}", markup=False, soft_wrap=True)
    if given.measures:
        print_matcher_measures(console, system, pairs)


def _with_progress(found: Iterable[Match], total: int) -> Iterable[Match]:
    """Show progress where a person waits and the output goes elsewhere."""
    if sys.stdout.isatty() or not sys.stderr.isatty() or total < 2:
        return found
    return track(found, "matching", total=total, console=Console(stderr=True))


def _as_line(match: Match) -> str:
    # A label with a tab or a line's end in it would break the line; --json has it as it is.
    return f"{' '.join(match.label.split())}\t{match.score:.6g}"


def _as_json(match: Match) -> str:
    return json.dumps(match._asdict(), ensure_ascii=False)
