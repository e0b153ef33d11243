"""Flow charts of attention on a page."""

from typing import NamedTuple

from regard.inspection.layouts.flow import lay_out
from regard.inspection.mechanism import Mechanism
from regard.inspection.report.drawing import svg

__all__ = ["MechanismExample", "draw"]


class MechanismExample(NamedTuple):
    """One call of attention, stage by stage."""

    mechanism: Mechanism


def draw(number: int, example: MechanismExample) -> str:
    """Return the flow chart of the example of that number."""
    return (
        f'<div class="scroll" role="region" aria-labelledby="example-{number}" tabindex="0">\n'
        f"{svg(lay_out(example.mechanism))}\n</div>"
    )
