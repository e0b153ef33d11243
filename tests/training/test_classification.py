"""What a classifier minimises, and what its outputs say."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard.training.classification import classification_loss, probabilities

CLASSES = torch.tensor([0, 2, 1, 2, 0])
LABELS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1]])
WEIGHTS = torch.tensor([0.5, 1.0, 3.0])
OPTIONS: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.2},
    {"class_weights": WEIGHTS},
    {"class_weights": WEIGHTS, "label_smoothing": 0.1},
]


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_loss_of_one_class_a_text_is_torchs(options: dict[str, Any]) -> None:
    logits = torch.randn(5, 3)
    module = nn.CrossEntropyLoss(
        options.get("class_weights"),
        label_smoothing=options.get("label_smoothing", 0.0),
        reduction="none",
    )
    assert_close(classification_loss(logits, CLASSES, **options), module(logits, CLASSES).mean())
    assert classification_loss(logits, CLASSES, **options) > 0


def test_the_loss_of_one_output_is_that_of_a_logit_of_the_second_class() -> None:
    logits, target = torch.randn(5, 1), torch.tensor([0, 1, 1, 0, 1])
    expected = nn.BCEWithLogitsLoss()(logits[:, 0], target.float())
    assert_close(classification_loss(logits, target), expected)
    smoothed = target * 0.8 + 0.1
    expected = nn.BCEWithLogitsLoss()(logits[:, 0], smoothed)
    assert_close(classification_loss(logits, target, label_smoothing=0.2), expected)


def test_classes_of_one_output_may_count_more() -> None:
    logits, target = torch.randn(5, 1), torch.tensor([0, 1, 1, 0, 1])
    weights = torch.tensor([0.5, 2.0])
    each = F.binary_cross_entropy_with_logits(logits[:, 0], target.float(), reduction="none")
    of_text = weights[target]
    expected = (each * of_text).mean()
    assert_close(classification_loss(logits, target, class_weights=weights), expected)


def test_a_text_of_a_rare_class_counts_more_in_whatever_batch() -> None:
    logits, target = torch.randn(6, 2), torch.tensor([0, 0, 0, 1, 1, 1])
    weights = torch.tensor([0.5, 3.0])
    whole = classification_loss(logits, target, class_weights=weights)
    halves = [
        classification_loss(logits[part], target[part], class_weights=weights)
        for part in (slice(0, 3), slice(3, 6))
    ]
    assert_close(whole, sum(halves) / 2)


def test_the_loss_of_several_labels_is_the_mean_over_all_labels() -> None:
    logits = torch.randn(5, 3)
    assert_close(classification_loss(logits, LABELS), nn.BCEWithLogitsLoss()(logits, LABELS))
    weighed = nn.BCEWithLogitsLoss(pos_weight=WEIGHTS)(logits, LABELS)
    assert_close(classification_loss(logits, LABELS, class_weights=WEIGHTS), weighed)
    smoothed = nn.BCEWithLogitsLoss()(logits, torch.where(LABELS > 0, 0.9, 0.1))
    assert_close(classification_loss(logits, LABELS, label_smoothing=0.2), smoothed)


def test_one_label_of_several_is_one_output_of_its_own() -> None:
    logits, target = torch.randn(4, 1), torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    of_label = classification_loss(logits, target)
    assert_close(of_label, classification_loss(logits, target[:, 0].long()))


def test_the_loss_is_in_nats_even_where_the_model_computes_in_bfloat16() -> None:
    logits = torch.zeros(4, 3, dtype=torch.bfloat16)
    loss = classification_loss(logits, torch.tensor([0, 1, 2, 0]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(math.log(3), abs=1e-6)


def test_probabilities_of_one_output_are_a_sigmoid() -> None:
    logits = torch.tensor([[-3.0], [0.0], [0.7], [60.0], [-200.0]])
    found = probabilities(logits, several=False)
    second = torch.sigmoid(logits[:, 0])
    assert_close(found, torch.stack([1 - second, second], dim=1))
    assert found[3].tolist() == pytest.approx([0, 1], abs=1e-12)


def test_probabilities_of_classes_sum_to_one_and_those_of_labels_are_each_their_own() -> None:
    logits = torch.randn(5, 3, dtype=torch.bfloat16)
    of_classes = probabilities(logits, several=False)
    assert_close(of_classes, logits.float().softmax(dim=-1))
    assert_close(of_classes.sum(dim=-1), torch.ones(5))
    assert_close(probabilities(logits, several=True), logits.float().sigmoid())
