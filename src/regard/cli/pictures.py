"""What is drawn of translations, classifications and matches."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from regard.cli.parser import UsageError
from regard.data.encoders import Span
from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.learning import Learning
from regard.inspection.notices import told
from regard.inspection.shading import ShadedText, percentage
from regard.recipes.classify.system import Look
from regard.recipes.generate.system import TextLook
from regard.recipes.match.system import MatchLook
from regard.recipes.translate.system import Translation

__all__ = [
    "alignment_of",
    "attention_of",
    "check_picture",
    "cut_notice",
    "draw",
    "draw_curves",
    "draw_heads",
    "matrix_of",
    "numbered",
    "shaded",
]

LONGEST_UNREAD = 500  # characters


def alignment_of(translation: Translation) -> Alignment:
    """Return what there is to draw of a translation."""
    return Alignment(
        translation.alignment,
        source=translation.source_tokens,
        target=translation.target_tokens,
    )


def attention_of(look: TextLook) -> Alignment:
    """Return what there is to draw of where the tokens of a text looked among each other."""
    return Alignment(look.weights, source=look.tokens, target=look.tokens, title=look.title)


def matrix_of(look: MatchLook) -> Alignment:
    """Return what there is to draw of where two texts match: the left one down, the right across.

    What no score keeps within 0…1 is scaled to it, and said to be.
    """
    matrix, title = look.matrix, look.match.label
    if matrix.numel() and (matrix.min() < 0 or matrix.max() > 1):
        low, high = matrix.min(), matrix.max()
        matrix = (matrix - low) / (high - low).clamp(min=1e-12)
        title = f"{title} (scores from {float(low):.2f} to {float(high):.2f}, scaled)"
    return Alignment(matrix, source=look.right_tokens, target=look.left_tokens, title=title)


def shaded(look: Look) -> ShadedText:
    """Return what there is to draw of a text that was classified."""
    found = look.prediction
    title = ", ".join(f"{label} {percentage(found.probabilities[label])}" for label in found.labels)
    text, spans = _without_unread(look.text, look.spans)
    return ShadedText(text, spans, look.weights, look.sentences, title or "no label")


def _without_unread(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Leave out long stretches that no token stands for, of a text too long to be read whole."""
    pieces: list[str] = []
    moved: list[Span] = []
    end = length = 0
    for start, stop in [*spans, (len(text), len(text))]:
        unread = text[end:start]
        # Tokens may share characters, such as the bytes of a letter.
        for piece in (
            " … " if len(unread) > LONGEST_UNREAD else unread,
            text[max(start, end) : stop],
        ):
            pieces.append(piece)
            length += len(piece)
        end = max(end, stop)
        moved.append((length - (end - start), length - (end - stop)))
    return "".join(pieces), moved[:-1]


def cut_notice(number: int, translation: Translation) -> str:
    """Say that the end of a line was not read."""
    return f"regard: line {number}: the last {translation.num_cut} tokens were not read"


def check_picture(path: Path | None, flag: str = "--png") -> None:
    """Refuse a picture that cannot be drawn, before anything is done for it.

    Args:
        flag: by which it was asked for.

    Raises:
        UsageError: its name has another ending.
    """
    if path is not None and path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(f"{flag} writes .png, .svg or .pdf; got {path}")


def numbered(path: Path, number: int, total: int) -> Path:
    """Return where one of several pictures is drawn."""
    return path if total == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def draw(alignment: Alignment, path: Path) -> None:
    """Draw an alignment to a picture file; say so on stderr where a font lacks a character."""
    # Imported here: it brings in matplotlib, which nothing else needs.
    from regard.inspection.plots import save

    with _said_of(path):
        save(alignment, path)


def draw_heads(attentions: Sequence[HeadWeights], path: Path, title: str) -> None:
    """Draw all heads to a picture file; say so on stderr where a font lacks a character."""
    # Imported here, as above.
    from regard.inspection.heads import save

    with _said_of(path):
        save(attentions, path, title)


def draw_curves(learnings: Sequence[Learning], path: Path) -> None:
    """Draw how trainings went to a picture file."""
    # Imported here, as above.
    from regard.inspection.curves import save

    with _said_of(path):
        save(learnings, path)


def _said_of(path: Path) -> AbstractContextManager[None]:
    """Say on stderr what is warned of while a picture is drawn."""
    return told(lambda line: print(f"regard: {path}: {line}", file=sys.stderr))
