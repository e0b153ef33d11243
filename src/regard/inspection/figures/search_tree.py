"""Trees of what a search chose from, as figures and picture files."""

import os

from matplotlib.figure import Figure

from regard.inspection.figures import painting
from regard.inspection.layouts.tree import lay_out
from regard.inspection.search_steps import SearchSteps

__all__ = ["draw", "save"]


def draw(search: SearchSteps) -> Figure:
    """Return the tree: steps across, a lane for each hypothesis, the best one on a thick line.

    Every choice has its probability as number and shade; what was not followed is dashed. Behind
    each hypothesis that was returned stand its rank and its score.
    """
    return painting.figure_of(lay_out(search), search.title)


def save(search: SearchSteps, path: str | os.PathLike[str]) -> None:
    """Write the tree to a .pdf, .png or .svg file, which is then whole or not there.

    Raises:
        ValueError: `path` ends in another suffix.
    """
    painting.save(lay_out(search), path, search.title)
