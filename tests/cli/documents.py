"""What the documentation shows to be typed, commands and Python, in the order of reading."""

import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from regard.cli.main import COMMANDS
from tests.guards.tree import ROOT

SHELL, CONSOLE, UNMARKED, PYTHON = ("bash", "sh"), "console", "", ("py", "python")

# A block between fences, or code in a sentence that begins with one of our programs.
PART = re.compile(
    r"^[ \t]*```(?P<language>\S*)\n(?P<block>.*?)^[ \t]*```$"
    r"|`(?P<inline>(?:regard |scripts/\w)[^`\n]*)`",
    re.MULTILINE | re.DOTALL,
)
OURS = re.compile(r"(?:cat \S+ \| )?(?:regard|torchrun|scripts/\w+)(?: |$)")
REMARK = re.compile(r"\s{2,}\(.*\)$")


class Snippet(NamedTuple):
    """A command, or a block of Python, and where it stands."""

    document: str
    line: int
    text: str
    is_python: bool = False

    @property
    def where(self) -> str:
        return f"{self.document}, line {self.line}"


def documents() -> dict[str, str]:
    """Return the texts that tell a user what to type: the pages, and what --help says."""
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RESULTS.md")]
    pages += sorted((ROOT / "docs").rglob("*.md"))
    texts = {str(page.relative_to(ROOT)): page.read_text("utf-8") for page in pages}
    for command in COMMANDS:
        text = import_module(f"regard.cli.{command.module}").DESCRIPTION
        texts[f"regard {command.words} --help"] = f"```\n{text}\n```"
    return texts


def snippets(document: str, text: str) -> Iterator[Snippet]:
    """Find what a document, in Markdown, shows to be typed.

    That is every line of a shell block, what stands behind the prompts of a console block, the
    lines of an unmarked block and the code in sentences that begin with one of our programs, and
    every block of Python.

    Raises:
        ValueError: a block is in another language.
    """
    for part in PART.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if part["inline"]:
            yield Snippet(document, line, part["inline"])
        elif part["language"] in PYTHON:
            yield Snippet(document, line + 1, textwrap.dedent(part["block"]), is_python=True)
        else:
            for number, command in _commands(part["language"], part["block"]):
                yield Snippet(document, line + number, command)


def _commands(language: str, block: str) -> Iterator[tuple[int, str]]:
    """Return the commands of a block, with the number of the line on which each ends."""
    begun = ""
    for number, line in enumerate(block.splitlines(), start=1):
        text = begun + line.strip()
        begun = f"{text[:-1].rstrip()} " if text.endswith("\\") else ""
        if begun or not _is_command(language, text):
            continue
        yield number, REMARK.sub("", text.removeprefix("$ "))


def _is_command(language: str, text: str) -> bool:
    if language in SHELL:
        return bool(text) and not text.startswith("#")
    if language == CONSOLE:
        return text.startswith("$ ")
    if language == UNMARKED:
        return bool(OURS.match(text))
    raise ValueError(f"say in tests/cli/documents.py what to do with blocks of {language!r}")
