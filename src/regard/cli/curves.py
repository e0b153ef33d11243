"""`regard curves`."""

import re
from pathlib import Path

from regard.cli.parser import Parser, UsageError
from regard.cli.pictures import add_pictures, check_files, draw_curves, pictures_asked
from regard.inspection.learning import Learning, Points
from regard.training.history import read_history
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Draw how trainings went: what each logged, over its steps.

  regard curves runs/subwords
  regard curves runs/transformer runs/weighted --png curves.png

Every figure has a panel, with a line for each run: the loss that was trained on, and what was
validated after every epoch. A training may still go on. Of a weighted Transformer, the shares of
its branches are drawn below, a column for each attention that has some, a line for each head,
numbered as by regard inspect --heads: how much of it is read (concatenation, κ) and handed on
(addition, α); faintly dotted, what each would have if all had as much. With training.ema or
training.average_epochs, what is validated and saved has the average; the shares that are drawn are
those being trained."""

NOT_DRAWN = ("epoch",)
SHARE = re.compile(r"shares/(.*)/([^/]+)/[0-9]+")
"""The name under which a share is logged: its attention, which of the two, its head."""


def run(words: list[str]) -> int:
    """Draw, and say where."""
    parser = Parser(prog="regard curves", description=DESCRIPTION)
    parser.add_argument("runs", nargs="+", type=Path, help="run directories of regard train")
    add_pictures(parser, "draw")
    given = parser.parse_words(words)
    check_files(given)
    runs: list[Path] = given.runs
    if len(set(runs)) < len(runs):
        raise UsageError("name each run once")
    learnings = list(map(learning, runs, _names(runs)))
    for path in pictures_asked(given) or [Path("curves.png")]:
        draw_curves(learnings, path)
        print(f"wrote {path}")
    return 0


def learning(path: Path, name: str) -> Learning:
    """Read what a training logged, the shares of branches apart from the rest.

    Raises:
        RunError: this is no run directory, its log is damaged, or there is none.
    """
    figures: dict[str, Points] = {}
    shares: dict[str, dict[str, list[Points]]] = {}
    for key, points in read_history(RunDirectory(path)).items():
        if found := SHARE.fullmatch(key):
            attention, kind = found.groups()
            # Those of all heads are logged one after the other.
            shares.setdefault(attention, {}).setdefault(kind, []).append(points)
        elif key not in NOT_DRAWN:
            figures[key] = points
    return Learning(name, figures, shares)


def _names(paths: list[Path]) -> list[str]:
    """Return as many parts of the paths, from their ends, as tell them apart."""
    longest = max(len(path.parts) for path in paths)
    for number in range(1, longest):
        names = ["/".join(path.parts[-number:]) for path in paths]
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]
