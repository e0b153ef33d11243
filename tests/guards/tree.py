"""The files the guards look at."""

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

FOLDERS = ("src", "tests", "docs", "scripts", "benchmarks", "examples", ".ci")
BINARY = {".gif", ".gz", ".ico", ".jpg", ".png", ".pyc"}


class Source(NamedTuple):
    """A text file: where it stands, counted from the root of the project, and what it says."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """Parse the file as Python."""
        return ast.parse(self.text, filename=self.path)


def text_files() -> list[Source]:
    """Read every text file that belongs to the project."""
    inside = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    beside = sorted(
        path for path in ROOT.iterdir() if path.suffix in {".md", ".toml", ".txt", ".yml"}
    )
    paths = [path for path in inside + beside if path.is_file() and path.suffix not in BINARY]
    ours = [path for path in paths if not any(part.endswith(".egg-info") for part in path.parts)]
    return [Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in ours]


def python_files(*folders: str) -> list[Source]:
    """Read every Python file below the folders."""
    prefixes = tuple(f"{folder}/" for folder in folders)
    return [
        source
        for source in text_files()
        if source.path.endswith(".py") and source.path.startswith(prefixes)
    ]
