"""Pictures of attention in TensorBoard, beside the curves of a training."""

import warnings
from collections.abc import Sequence

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from regard.inspection.alignment import Alignment
from regard.inspection.figures import flow_chart, heads, plots, search_tree
from regard.inspection.head_weights import HeadWeights
from regard.inspection.mechanism import Mechanism
from regard.inspection.search_steps import SearchSteps

__all__ = ["log_attention"]


def log_attention(
    writer: SummaryWriter,
    tag: str,
    drawing: Alignment | Sequence[HeadWeights] | Mechanism | SearchSteps,
    step: int,
) -> None:
    """Add a picture under a tag, as it looks after a step of a training.

    Logged again and again, it has a slider. With Lightning, the writer is
    `trainer.logger.experiment`.

    Raises:
        ValueError: there are no heads to draw.
    """
    with warnings.catch_warnings():
        # For a character that no installed font has there is a box, and would be a warning a step.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        writer.add_figure(tag, _figure(drawing), step)


def _figure(drawing: Alignment | Sequence[HeadWeights] | Mechanism | SearchSteps) -> Figure:
    match drawing:
        case Alignment():
            return plots.draw(drawing)
        case Mechanism():
            return flow_chart.draw(drawing)
        case SearchSteps():
            return search_tree.draw(drawing)
        case _:
            return heads.draw(drawing)
