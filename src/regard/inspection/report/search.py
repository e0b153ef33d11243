"""Searches step by step on a page."""

from typing import NamedTuple

from regard.inspection.layouts.tree import lay_out
from regard.inspection.report.drawing import svg
from regard.inspection.search_steps import SearchSteps

__all__ = ["SearchExample", "draw"]


class SearchExample(NamedTuple):
    """How one sequence was written, step by step."""

    search: SearchSteps


def draw(number: int, example: SearchExample) -> str:
    """Return the tree of choices of the example of that number."""
    return (
        f'<div class="scroll" role="region" aria-labelledby="example-{number}" tabindex="0">\n'
        f"{svg(lay_out(example.search))}\n</div>"
    )
