"""Which heads are asked for, and pictures of all."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from regard.cli.parser import Parser, UsageError
from regard.cli.pictures import draw_heads, numbered
from regard.inspection.head_weights import HeadWeights
from regard.recipes.heads import has_heads
from regard.recipes.match.system import MatchingSystem
from regard.recipes.run import System
from regard.recipes.translate.system import TranslationSystem

__all__ = ["add_aligned_by", "align_by", "draw_all", "require_heads"]


def add_aligned_by(parser: Parser) -> None:
    """Take whose attention is to be a translator's alignment."""
    parser.add_argument(
        "--layer",
        type=int | None,
        help="of a Transformer: whose attention is the alignment, from 0 or the end",
    )
    parser.add_argument(
        "--head", type=int | None, help="of a Transformer: whose of the layer; else their mean"
    )


def align_by(system: TranslationSystem, given: Any) -> None:
    """Let a translator's alignment be what was asked for, if anything was.

    Raises:
        UsageError: the translator has no layers of heads.
        ValueError: there is no such layer or head.
    """
    if given.layer is None and given.head is None:
        return
    if not has_heads(system.model):
        asked = "layer" if given.head is None else "head"
        raise UsageError(
            f"{given.run} holds a recurrent translator, which has one alignment: "
            f"leave out --{asked}"
        )
    system.align_by(given.layer, given.head)


def require_heads(system: System, run: Path) -> None:
    """Make sure that there are heads to draw.

    Raises:
        UsageError: the model is not made of layers of heads; says what can be drawn instead.
    """
    if isinstance(system, MatchingSystem):
        raise UsageError(
            f"{run} matches two texts; to see where: regard match {run} LEFT RIGHT --png FILE"
        )
    if has_heads(system.model):
        return
    if isinstance(system, TranslationSystem):
        raise UsageError(
            f"{run} holds a recurrent translator, which has no layers of heads; to draw its "
            f"alignment: regard translate {run} TEXT --png FILE"
        )
    raise UsageError(
        f"{run} holds a classifier without layers of heads; to draw how much each word counted: "
        f"regard inspect {run} TEXT --html FILE"
    )


def draw_all(console: Console, texts: Iterable[tuple[str, list[HeadWeights]]], path: Path) -> None:
    """Draw the heads of each text, under a title, to a file or to several that are numbered."""
    # All are there before the first is drawn: whatever is wrong with one leaves no file.
    read = list(texts)
    for number, (title, attentions) in enumerate(read, start=1):
        file = numbered(path, number, len(read))
        draw_heads(attentions, file, title)
        console.print(f"wrote {file}", markup=False, soft_wrap=True)
