"""Figures as files, which are then whole or not there, and the same for the same figure."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from regard.files import replacing
from regard.inspection.figures.fonts import missing_notice

__all__ = ["SUFFIXES", "save_figure"]

SUFFIXES = (".pdf", ".png", ".svg")
"""The kinds of picture files that there are."""

_DOTS_PER_INCH = 160


def save_figure(
    figure: Figure, path: str | os.PathLike[str], *, title: str, shown: str = ""
) -> None:
    """Write a figure to a .pdf, .png or .svg file, which is then whole or not there.

    Text in an SVG stays text: what opens the file draws it with its own fonts. Elsewhere, a warning
    tells of characters that no installed font has.

    Args:
        title: kept beside the picture in the file.
        shown: the text in the picture besides.

    Raises:
        ValueError: `path` ends in another suffix.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"cannot save a picture as {os.fspath(path)!r}: its name must end in "
            f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )
    if suffix != ".svg":
        _warn_of_missing_glyphs(title + shown)
    with replacing(path) as temporary, _reproducible_and_quiet():
        figure.savefig(
            temporary,
            format=suffix[1:],
            dpi=_DOTS_PER_INCH,
            bbox_inches="tight",
            metadata=_metadata(suffix, title),
        )


def _warn_of_missing_glyphs(shown: str) -> None:
    if notice := missing_notice(shown):
        warnings.warn(notice, stacklevel=4)


@contextmanager
def _reproducible_and_quiet() -> Iterator[None]:
    """Keep text as text, the same picture the same bytes, and missing glyphs to one warning."""
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "regard"}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _metadata(suffix: str, title: str) -> dict[str, Any]:
    """Return what to write beside the picture: its title, and no date."""
    undated = {".pdf": {"CreationDate": None}, ".png": {}, ".svg": {"Date": None}}
    return {"Title": title, **undated[suffix]}
