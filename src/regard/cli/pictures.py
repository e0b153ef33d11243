"""What is drawn of translations and classifications."""

import sys
import warnings
from pathlib import Path

from regard.data.encoders import Span
from regard.inspection.alignment import Alignment
from regard.inspection.shading import ShadedText, percentage
from regard.recipes.classify.system import Look
from regard.recipes.translate.system import Translation

__all__ = ["alignment_of", "cut_notice", "draw", "shaded"]

LONGEST_UNREAD = 500  # characters


def alignment_of(translation: Translation) -> Alignment:
    """Return what there is to draw of a translation."""
    return Alignment(
        translation.alignment,
        source=translation.source_tokens,
        target=translation.target_tokens,
    )


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


def draw(translation: Translation, path: Path) -> None:
    """Draw the alignment to a picture file; say so on stderr where a font lacks a character."""
    # Imported here: it brings in matplotlib, which nothing else needs.
    from regard.inspection.plots import save

    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        save(alignment_of(translation), path)
    for note in noted:
        print(f"regard: {path}: {note.message}", file=sys.stderr)
