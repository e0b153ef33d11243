"""Flow charts of one call of attention as figures and picture files."""

import os

from matplotlib.figure import Figure

from regard.inspection.figures import painting
from regard.inspection.layouts.flow import lay_out
from regard.inspection.mechanism import Mechanism

__all__ = ["draw", "save"]


def draw(mechanism: Mechanism) -> Figure:
    """Return the flow chart: query, key and value on top, a box for each stage, the context below.

    Every matrix has its numbers, its shape and its shades: weights those of the scale of weights,
    all others one colour above 0 and one below.
    """
    return painting.figure_of(lay_out(mechanism), mechanism.title)


def save(mechanism: Mechanism, path: str | os.PathLike[str]) -> None:
    """Write the flow chart to a .pdf, .png or .svg file, which is then whole or not there.

    Raises:
        ValueError: `path` ends in another suffix.
    """
    painting.save(lay_out(mechanism), path, mechanism.title)
