"""`regard data`."""

from itertools import islice
from pathlib import Path
from textwrap import shorten

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.parser import Parser, UsageError
from regard.data.labelled_splits import LabelledSplits
from regard.data.matched_splits import MatchedSplits
from regard.data.named import KNOWN, NamedSet, find_named, load_named
from regard.data.named_labelled import (
    KNOWN_LABELLED,
    NamedLabelledSet,
    load_named_labelled,
)
from regard.data.named_matched import KNOWN_MATCHED, NamedMatchedSet, load_named_matched
from regard.data.named_plain import KNOWN_PLAIN, NamedPlainSet, load_named_plain
from regard.data.plain_splits import PlainSplits
from regard.data.splits import Splits

__all__ = ["run"]

DESCRIPTION = """Show the data sets known by name; with a name, its size and a sample.

  regard data
  regard data dates
  regard data movie-reviews
  regard data python-reference
  regard data multi30k --folder multi30k/ --source en --target de"""

SHOWN = 300  # characters of a text

ALL_KNOWN: dict[str, NamedSet | NamedLabelledSet | NamedMatchedSet | NamedPlainSet] = {
    **KNOWN,
    **KNOWN_LABELLED,
    **KNOWN_MATCHED,
    **KNOWN_PLAIN,
}


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
    find_named(given.name, ALL_KNOWN)
    if given.name in KNOWN_LABELLED:
        console.print(_labelled(load_named_labelled(given.name, given.folder)))
    elif given.name in KNOWN_MATCHED:
        console.print(_matched(load_named_matched(given.name, given.folder)))
    elif given.name in KNOWN_PLAIN:
        if given.folder is not None:
            raise UsageError(f"{given.name} comes with Python and takes no --folder")
        console.print(_plain(load_named_plain(given.name)))
    else:
        splits = load_named(given.name, given.folder, source=given.source, target=given.target)
        console.print(_pairs(splits))
    return 0


def _pairs(splits: Splits) -> Table:
    table = Table("split", "pairs", "left out", "source", "target")
    for name, text in zip(splits._fields, splits, strict=True):
        sample = text.pairs[0] if text.pairs else ("", "")
        table.add_row(
            name, f"{len(text.pairs):,}", f"{text.skipped:,}", Text(sample[0]), Text(sample[1])
        )
    return table


def _labelled(splits: LabelledSplits) -> Table:
    table = Table("split", "texts", "left out", "label", "text")
    for name, texts in zip(splits._fields, splits, strict=True):
        if texts is None:
            continue
        sample = next(iter(texts))
        num_texts = sum(1 for _ in texts)
        table.add_row(
            name,
            f"{num_texts:,}",
            f"{texts.skipped:,}",
            Text(", ".join(sample.labels)),
            Text(shorten(sample.text, SHOWN)),
        )
    return table


def _matched(splits: MatchedSplits) -> Table:
    table = Table("split", "pairs", "left out", "label", "left", "right")
    for name, texts in zip(splits._fields, splits, strict=True):
        if texts is not None:
            sample = texts.rows[0]
            table.add_row(
                name,
                f"{len(texts.rows):,}",
                f"{texts.skipped:,}",
                Text(sample.label),
                Text(shorten(sample.left, SHOWN)),
                Text(shorten(sample.right, SHOWN)),
            )
    return table


def _plain(splits: PlainSplits) -> Table:
    table = Table("split", "texts", "characters", "beginning")
    for name, text in zip(splits._fields, splits, strict=True):
        if text is not None:
            num_characters = sum(map(len, text.pieces))
            beginning = shorten("".join(islice(text.pieces, 20)), SHOWN)
            table.add_row(name, f"{len(text.texts):,}", f"{num_characters:,}", Text(beginning))
    return table


def _overview() -> Table:
    table = Table("name", "what", "from", "licence")
    for name, known in ALL_KNOWN.items():
        table.add_row(name, known.description, known.origin, known.licence)
    return table
