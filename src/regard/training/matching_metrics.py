"""How good matches are: as classes, as grades, and as rankings."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_f1_score
from torchmetrics.functional.regression import pearson_corrcoef, spearman_corrcoef

from regard.training.classification_metrics import score_classes

__all__ = ["score_grades", "score_matches"]


def score_matches(
    probabilities: Float[Tensor, "pairs classes"], target: Tensor, names: list[str]
) -> dict[str, Any]:
    """Score the classes of pairs; shares in percent.

    Of two classes, `f1` is that of the second.

    Args:
        target: class indices `pairs`.
    """
    figures = score_classes(probabilities, target, names)
    if len(names) == 2:
        figures["f1"] = 100 * float(binary_f1_score(probabilities.argmax(dim=-1), target))
    return figures


def score_grades(found: Float[Tensor, " pairs"], target: Float[Tensor, " pairs"]) -> dict[str, Any]:
    """Score grades: how well they go with the true ones, in percent, and how far they are off.

    `pearson` and `spearman` are coefficients of correlation, `squared_error` the mean of squares.
    They are 0 where nothing varies.
    """
    varies = len(found) > 1 and bool(found.std() > 0) and bool(target.std() > 0)
    return {
        "pearson": 100 * float(pearson_corrcoef(found, target)) if varies else 0.0,
        "spearman": 100 * float(spearman_corrcoef(found, target)) if varies else 0.0,
        "squared_error": float(F.mse_loss(found, target)),
    }
