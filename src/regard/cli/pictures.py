"""What is drawn of translations, classifications and matches."""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from regard.cli.parser import Parser, UsageError
from regard.files import replacing
from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.learning import Learning
from regard.inspection.notices import told
from regard.inspection.report import (
    AnyExample,
    Example,
    HeadsExample,
    MechanismExample,
    TextExample,
)
from regard.inspection.text_picture import draw_text
from regard.recipes.translate.system import Translation

__all__ = [
    "add_pictures",
    "check_drawable",
    "check_files",
    "cut_notice",
    "draw",
    "draw_curves",
    "draw_example",
    "draw_heads",
    "numbered",
    "pictures_asked",
]

_PICTURES = (".png", ".svg", ".pdf")
_ENDINGS = {
    "html": (".html", ".htm"),
    "png": _PICTURES,
    "svg": (".svg",),
    "pdf": (".pdf",),
    "heads": _PICTURES,
}
"""What the files that flags name may end in."""


def cut_notice(number: int, translation: Translation) -> str:
    """Say that the end of a line was not read."""
    return f"regard: line {number}: the last {translation.num_cut} tokens were not read"


def add_pictures(parser: Parser, what: str) -> None:
    """Take the files that something is to be drawn to: each of them is written.

    Args:
        what: is done with them.
    """
    parser.add_argument("--png", type=Path | None, help=f"{what} to a .png, .svg or .pdf file")
    for flag in ("svg", "pdf"):
        parser.add_argument(f"--{flag}", type=Path | None, help=f"the same to a .{flag} file")


def pictures_asked(given: Any) -> list[Path]:
    """Return the files that `add_pictures` takes which were asked for."""
    return [given[flag] for flag in ("png", "svg", "pdf") if given[flag] is not None]


def check_files(given: Any) -> None:
    """Refuse files that cannot be what they are to be, before anything is done for them.

    Raises:
        UsageError: one has the ending of something else, or two are the same.
    """
    asked: dict[str, str] = {}
    for flag, endings in _ENDINGS.items():
        path = given.get(flag)
        if path is None:
            continue
        if path.suffix.lower() not in endings:
            *most, last = endings
            kinds = f"{', '.join(most)} or {last}" if most else last
            raise UsageError(f"--{flag} writes {kinds}; got {path}")
        if (other := asked.setdefault(os.path.realpath(path), flag)) != flag:
            raise UsageError(f"--{other} and --{flag} must name different files; got {path}")


def check_drawable(example: AnyExample, path: Path) -> None:
    """Refuse a file that an example cannot be drawn to.

    Raises:
        UsageError: it is a text, whose shades are drawn to .svg alone.
    """
    if isinstance(example, TextExample) and path.suffix.lower() != ".svg":
        raise UsageError(f"the shades of a text are drawn to .svg or --html; got {path}")


def numbered(path: Path, number: int, total: int) -> Path:
    """Return where one of several pictures is drawn."""
    return path if total == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def draw(alignment: Alignment, path: Path) -> None:
    """Draw an alignment to a picture file; say so on stderr where a font lacks a character."""
    # Imported here: it brings in matplotlib, which nothing else needs.
    from regard.inspection.figures.plots import save

    with _said_of(path):
        save(alignment, path)


def draw_heads(attentions: Sequence[HeadWeights], path: Path, title: str) -> None:
    """Draw all heads to a picture file; say so on stderr where a font lacks a character."""
    # Imported here, as above.
    from regard.inspection.figures.heads import save

    with _said_of(path):
        save(attentions, path, title)


def draw_example(example: AnyExample, path: Path) -> None:
    """Draw what a page has as an example to a picture file that `check_drawable` lets pass."""
    # Imported here, as above.
    from regard.inspection.figures import flow_chart, search_tree

    if isinstance(example, Example):
        draw(example.alignment, path)
    elif isinstance(example, HeadsExample):
        draw_heads(example.attentions, path, example.title)
    elif isinstance(example, TextExample):
        with replacing(path) as draft:
            draft.write_text(draw_text(example.shaded), encoding="utf-8")
    else:
        with _said_of(path):
            if isinstance(example, MechanismExample):
                flow_chart.save(example.mechanism, path)
            else:
                search_tree.save(example.search, path)


def draw_curves(learnings: Sequence[Learning], path: Path) -> None:
    """Draw how trainings went to a picture file."""
    # Imported here, as above.
    from regard.inspection.figures.curves import save

    with _said_of(path):
        save(learnings, path)


def _said_of(path: Path) -> AbstractContextManager[None]:
    """Say on stderr what is warned of while a picture is drawn."""
    return told(lambda line: print(f"regard: {path}: {line}", file=sys.stderr))
