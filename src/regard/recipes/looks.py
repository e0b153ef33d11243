"""What there is to draw of what the trained systems saw: their looks, as drawing models."""

from regard.data.encoders import Span
from regard.inspection.alignment import Alignment
from regard.inspection.shading import ShadedText, percentage
from regard.recipes.classify.system import Look
from regard.recipes.generate.system import TextLook
from regard.recipes.match.system import MatchLook
from regard.recipes.translate.system import Translation

__all__ = ["alignment_of", "attention_of", "matrix_of", "shaded"]

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
    if look.match.probabilities:
        title = f"{title}, score {look.match.score:.3g}"
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
