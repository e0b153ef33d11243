"""How good classifications are: accuracy, F1, the confusion matrix, and calibration."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multilabel_exact_match,
    multilabel_f1_score,
)

__all__ = ["score_classes", "score_labels"]


def score_classes(
    probabilities: Float[Tensor, "texts classes"], target: Tensor, names: list[str]
) -> dict[str, Any]:
    """Score texts of one class each; shares in percent.

    `calibration_error` is the expected difference between confidence and accuracy, over 15 bins of
    confidence (Guo et al. 2017, ECE).

    Args:
        target: class indices `texts`.
    """
    num_classes = len(names)
    confusion = multiclass_confusion_matrix(probabilities, target, num_classes)
    return {
        "accuracy": 100 * float(multiclass_accuracy(probabilities, target, num_classes, "micro")),
        "macro_f1": 100 * float(multiclass_f1_score(probabilities, target, num_classes)),
        "calibration_error": 100
        * float(multiclass_calibration_error(probabilities, target, num_classes, n_bins=15)),
        "classes": names,
        "confusion": confusion.tolist(),
    }


def score_labels(
    probabilities: Float[Tensor, "texts classes"], target: Tensor, names: list[str]
) -> dict[str, Any]:
    """Score texts of several labels each, a label being given from a half upwards; in percent.

    Args:
        target: 0 and 1, `texts classes`.
    """
    target, num_labels = target.long(), len(names)
    given = (probabilities >= 0.5).long()
    error = binary_calibration_error(probabilities.flatten(), target.flatten(), n_bins=15)
    return {
        "accuracy": 100 * float(multilabel_exact_match(given, target, num_labels)),
        "micro_f1": 100 * float(multilabel_f1_score(given, target, num_labels, average="micro")),
        "macro_f1": 100 * float(multilabel_f1_score(given, target, num_labels)),
        "calibration_error": 100 * float(error),
        "classes": names,
    }
