"""Pictures of all heads, for `regard inspect`."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from regard.cli.parser import UsageError
from regard.cli.pictures import draw_heads, numbered
from regard.inspection.head_weights import HeadWeights
from regard.recipes.heads import has_heads
from regard.recipes.run import System
from regard.recipes.translate.system import TranslationSystem

__all__ = ["draw_all", "require_heads"]


def require_heads(system: System, run: Path) -> None:
    """Make sure that there are heads to draw.

    Raises:
        UsageError: the model is not made of layers of heads; says what can be drawn instead.
    """
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
