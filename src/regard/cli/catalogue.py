"""`regard catalogue`."""

import inspect
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from regard import models, nn
from regard.cli.parser import Parser, UsageError
from regard.functional import biases, masks, normalizers, rotary, scores
from regard.kernels import local

__all__ = ["run"]

DESCRIPTION = """List every mechanism with its formula and source; with a name, explain one.

  regard catalogue
  regard catalogue additive"""

SHELVES = {
    "scores": scores,
    "normalizers": normalizers,
    "masks": masks,
    "biases": biases,
    "local": local,
    "rotary": rotary,
    "nn": nn,
    "models": models,
}


class _Entry(NamedTuple):
    shelf: str
    name: str
    mechanism: Callable[..., Any]

    @property
    def text(self) -> str:
        return inspect.getdoc(self.mechanism) or ""

    @property
    def summary(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def formula(self) -> str:
        found = re.search(r"\$\$(.*?)\$\$", self.text, flags=re.DOTALL)
        return " ".join(found.group(1).split()) if found else ""

    @property
    def source(self) -> str:
        found = re.search(r"^Source: (.*?)(?:\n\n|\n\w+:|\Z)", self.text, re.DOTALL | re.MULTILINE)
        return " ".join(found.group(1).split()) if found else ""


def run(words: list[str]) -> int:
    """List all, or explain one."""
    parser = Parser(prog="regard catalogue", description=DESCRIPTION)
    parser.add_argument("name", nargs="?", type=str, help="which mechanism")
    given = parser.parse_args(words)
    console = Console(highlight=False)
    if given.name is None:
        for shelf in SHELVES:
            console.print(_table(shelf))
        return 0
    matching = [entry for entry in _entries() if given.name in (entry.name, _full_name(entry))]
    if not matching:
        names = [entry.name for entry in _entries()]
        nearest = get_close_matches(given.name, names, n=1, cutoff=0)[0]
        raise UsageError(f"no mechanism {given.name}; did you mean {nearest}?")
    for entry in matching:
        signature = str(inspect.signature(entry.mechanism)).replace("jaxtyping.", "")
        console.print(Text(_full_name(entry), style="bold") + Text(signature, style="dim"))
        console.print(Padding(Text(entry.text), (0, 0, 1, 4)))
    return 0


def _entries() -> Iterator[_Entry]:
    for shelf, module in SHELVES.items():
        for name in module.__all__:
            mechanism = getattr(module, name)
            if "Source:" in (inspect.getdoc(mechanism) or ""):
                yield _Entry(shelf, name, mechanism)


def _full_name(entry: _Entry) -> str:
    return f"regard.{entry.shelf}.{entry.name}"


def _table(shelf: str) -> Table:
    table = Table(
        "name", "what", "formula", "source", title=f"regard.{shelf}", title_justify="left"
    )
    for entry in _entries():
        if entry.shelf == shelf:
            table.add_row(*map(Text, (entry.name, entry.summary, entry.formula, entry.source)))
    return table
