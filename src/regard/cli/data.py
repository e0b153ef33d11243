"""`regard data`."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.parser import Parser
from regard.data.named import KNOWN, load_named

__all__ = ["run"]

DESCRIPTION = """Show the data sets known by name; with a name, its size and a sample.

  regard data
  regard data dates
  regard data multi30k --folder multi30k/ --source en --target de"""


def run(words: list[str]) -> int:
    """List the data sets, or look into one."""
    parser = Parser(prog="regard data", description=DESCRIPTION)
    parser.add_argument("name", nargs="?", type=str, help="which data set")
    parser.add_argument("--folder", type=Path | None, help="where it lies; else from the hub")
    parser.add_argument("--source", default="de", help="language to translate from")
    parser.add_argument("--target", default="en", help="language to translate to")
    given = parser.parse_args(words)
    console = Console(highlight=False)
    if given.name is None:
        console.print(_overview())
        return 0
    splits = load_named(given.name, given.folder, source=given.source, target=given.target)
    table = Table("split", "pairs", "left out", "source", "target")
    for name, text in zip(splits._fields, splits, strict=True):
        sample = text.pairs[0] if text.pairs else ("", "")
        table.add_row(
            name, f"{len(text.pairs):,}", f"{text.skipped:,}", Text(sample[0]), Text(sample[1])
        )
    console.print(table)
    return 0


def _overview() -> Table:
    table = Table("name", "what", "from", "licence")
    for name, known in KNOWN.items():
        table.add_row(name, known.description, known.origin, known.licence)
    return table
