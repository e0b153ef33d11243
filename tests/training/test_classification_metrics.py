"""What is told of a classifier, against loops that follow the definitions."""

import pytest
import torch
from torch import Tensor

from regard.training.classification_metrics import score_classes, score_labels

NAMES = ["a", "b", "c"]
BINS = 15


def drawn(number: int = 60) -> tuple[Tensor, Tensor]:
    """Draw probabilities of three classes, and true classes: the surer, the more often wrong."""
    probabilities = (2 * torch.randn(number, 3)).softmax(dim=-1)
    taken = probabilities.argmax(dim=-1)
    is_right = torch.rand(number) < 1.2 - probabilities.amax(dim=-1)
    target = torch.where(is_right, taken, torch.randint(3, (number,)))
    return probabilities, target


def f1(pairs: list[tuple[bool, bool]]) -> float:
    """Return F1 of pairs (is true, is given)."""
    right = sum(true and given for true, given in pairs)
    of_both = sum(true for true, _ in pairs) + sum(given for _, given in pairs)
    return 2 * right / of_both if of_both else 0.0


def calibration_error(pairs: list[tuple[float, bool]], bins: int = BINS) -> float:
    """Return the expected calibration error of pairs (confidence, is right)."""
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [pair for pair in pairs if low < pair[0] <= high]
        if inside:
            confidence = sum(sure for sure, _ in inside) / len(inside)
            accuracy = sum(right for _, right in inside) / len(inside)
            error += len(inside) / len(pairs) * abs(confidence - accuracy)
    return error


def test_classes_are_scored_by_the_definitions() -> None:
    probabilities, target = drawn()
    scores = score_classes(probabilities, target, NAMES)
    rows = list(zip(target.tolist(), probabilities.argmax(-1).tolist(), strict=True))
    right = [true == taken for true, taken in rows]
    assert scores["accuracy"] == pytest.approx(100 * sum(right) / len(rows), abs=1e-4)
    by_class = [f1([(true == c, taken == c) for true, taken in rows]) for c in range(3)]
    assert scores["macro_f1"] == pytest.approx(100 * sum(by_class) / 3, abs=1e-4)
    expected = [[rows.count((true, taken)) for taken in range(3)] for true in range(3)]
    assert scores["confusion"] == expected
    assert scores["classes"] == NAMES
    sure = probabilities.amax(-1).tolist()
    pairs = list(zip(sure, right, strict=True))
    error = calibration_error(pairs)
    assert scores["calibration_error"] == pytest.approx(100 * error, abs=1e-3)
    assert abs(calibration_error(pairs, bins=10) - error) > 0.001


def test_labels_are_scored_by_the_definitions() -> None:
    probabilities = torch.rand(50, 3)
    target = torch.where(torch.rand(50, 3) < 0.7, (probabilities >= 0.5).float(), 0.0)
    scores = score_labels(probabilities, target, NAMES)
    true, given = (target > 0).tolist(), (probabilities >= 0.5).tolist()
    right = [a == b for a, b in zip(true, given, strict=True)]
    assert scores["accuracy"] == pytest.approx(100 * sum(right) / 50, abs=1e-4)
    by_label = [
        [(row[c], other[c]) for row, other in zip(true, given, strict=True)] for c in range(3)
    ]
    assert scores["macro_f1"] == pytest.approx(100 * sum(map(f1, by_label)) / 3, abs=1e-4)
    together = [pair for pairs in by_label for pair in pairs]
    assert scores["micro_f1"] == pytest.approx(100 * f1(together), abs=1e-4)


def test_the_calibration_of_labels_is_that_of_every_label_alone() -> None:
    probabilities = torch.tensor([[0.9, 0.2], [0.9, 0.2], [0.9, 0.2], [0.9, 0.2]])
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    scores = score_labels(probabilities, target, ["a", "b"])
    # Of what is given 0.9, 3 of 4 are so; of what is given 0.2, 1 of 4: how far off, half each.
    expected = 100 * ((0.9 - 0.75) + (0.25 - 0.2)) / 2
    assert scores["calibration_error"] == pytest.approx(expected, abs=1e-3)


def test_a_class_that_never_stands_there_is_scored_all_the_same() -> None:
    probabilities = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]])
    scores = score_classes(probabilities, torch.tensor([0, 1]), NAMES)
    assert scores["confusion"] == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert scores["accuracy"] == pytest.approx(50, abs=1e-4)
