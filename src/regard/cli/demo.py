"""`regard demo`."""

from pathlib import Path

from rich.console import Console

from regard.cli.figures import figures_table
from regard.cli.parser import Parser
from regard.cli.pictures import draw
from regard.inspection import report
from regard.inspection.terminal import HeatMap
from regard.recipes.demo import Reading, train_date_reader
from regard.recipes.looks import alignment_of
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Train a model that reads dates in a hundred locales, and see where it looks.

  regard demo

Takes some three minutes on two processor cores and needs no data: the dates are made from the
formats of the Unicode CLDR. Interrupted, it goes on where it was; finished, it shows its readings
again."""


def run(words: list[str]) -> int:
    """Train, show, draw, and say what to try next."""
    parser = Parser(prog="regard demo", description=DESCRIPTION)
    parser.add_argument(
        "--run", type=Path, default=Path("runs/demo"), help="where everything is kept"
    )
    given = parser.parse_args(words)
    console = Console(highlight=False)
    metrics, readings = train_date_reader(RunDirectory(given.run), console.print)
    console.print(figures_table(metrics))
    for reading in readings:
        console.print(f"\n{reading.pair.source}  →  {reading.translation.text}", markup=False)
        console.print(HeatMap(alignment_of(reading.translation)))
    page = _draw(given.run, metrics["test"]["exact"], readings)
    console.print(
        f"\nOf dates it never saw it reads {metrics['test']['exact']:.2f} % exactly right.\n"
        f"The same as a page: {page}\n"
        "Try next:\n"
        f'  regard translate {given.run} "fr: mardi 5 mai 1998" --alignment\n'
        "  regard catalogue\n"
        "  regard train translate --help",
        markup=False,
        soft_wrap=True,
    )
    return 0


def _draw(folder: Path, exact: float, readings: list[Reading]) -> Path:
    """Write a picture of each reading, and a page with all of them."""
    for number, reading in enumerate(readings, start=1):
        draw(alignment_of(reading.translation), folder / f"alignment-{number}.png")
    page = folder / "report.html"
    examples = [
        report.Example(
            alignment_of(reading.translation),
            source=reading.pair.source,
            prediction=reading.translation.text,
            reference=reading.pair.target,
        )
        for reading in readings
    ]
    figures = {"held-out dates read exactly": f"{exact:.2f} %"}
    report.save(report.Report("Where a date reader looks", examples, figures), page)
    return page
