"""Drawing translations to files, with a word on stderr where a font lacks a character."""

import sys
import warnings
from pathlib import Path

from regard.inspection.alignment import Alignment
from regard.recipes.translation_system import Translation

__all__ = ["alignment_of", "cut_notice", "draw"]


def alignment_of(translation: Translation) -> Alignment:
    """Return what there is to draw of a translation."""
    return Alignment(
        translation.alignment,
        source=translation.source_tokens,
        target=translation.target_tokens,
    )


def cut_notice(number: int, translation: Translation) -> str:
    """Say that the end of a line was not read."""
    return f"regard: line {number}: the last {translation.num_cut} tokens were not read"


def draw(translation: Translation, path: Path) -> None:
    """Draw the alignment to a picture file."""
    # Imported here: it brings in matplotlib, which nothing else needs.
    from regard.inspection.plots import save

    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        save(alignment_of(translation), path)
    for note in noted:
        print(f"regard: {path}: {note.message}", file=sys.stderr)
