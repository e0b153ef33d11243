"""Matches are judged as classes or as grades; what is minimised is their cross-entropy."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard.data.encoding import pad
from regard.interfaces import MatchBatch
from regard.training.matching import MatchTraining, listwise_loss
from regard.training.matching_metrics import score_grades, score_matches
from regard.training.settings import TrainingSettings


class Matcher(nn.Module):
    """Gives its features as logits."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, left: Any, right: Any, features: Tensor) -> Tensor:
        return self.weight * features


def trained(
    features: list[list[float]], target: Any, group: Tensor | None = None, **options: Any
) -> tuple[float, float]:
    """Return what is minimised of a batch, and what is validated."""
    module = MatchTraining(
        Matcher(), TrainingSettings(label_smoothing=0.0), num_batches=1, **options
    )
    module.log = lambda *args, **kept: None  # there is no trainer who would listen
    empty = pad([[]] * len(features))
    batch = MatchBatch(empty, empty, torch.tensor(features), torch.tensor(target), group)
    loss = module.training_step(batch, 0)
    module.validation_step(batch, 0)
    return loss.item(), module.validation_loss.compute().item()


def test_of_two_classes_there_is_one_logit() -> None:
    losses = trained([[0.0], [math.log(3)]], [0, 1])
    assert losses == (pytest.approx((math.log(2) + math.log(4 / 3)) / 2, abs=1e-6),) * 2


def test_classes_can_count_differently_in_training_alone() -> None:
    learnt, validated = trained(
        [[0.0], [math.log(3)]], [0, 1], class_weights=torch.tensor([3.0, 1.0])
    )
    assert learnt == pytest.approx((3 * math.log(2) + math.log(4 / 3)) / 2, abs=1e-6)
    assert validated == pytest.approx((math.log(2) + math.log(4 / 3)) / 2, abs=1e-6)


def test_a_grade_is_a_share_of_the_way() -> None:
    losses = trained([[math.log(3)]], [[0.25]])
    wanted = -(0.25 * math.log(0.75) + 0.75 * math.log(0.25))
    assert losses == (pytest.approx(wanted, abs=1e-6),) * 2


def test_the_f1_of_two_classes_is_that_of_the_second() -> None:
    second = torch.tensor([0.9, 0.8, 0.2, 0.6])
    found = score_matches(
        torch.stack([1 - second, second], dim=1), torch.tensor([1, 0, 1, 1]), ["no", "yes"]
    )
    precision, recall = 2 / 3, 2 / 3
    assert found["f1"] == pytest.approx(100 * 2 * precision * recall / (precision + recall))
    assert found["accuracy"] == pytest.approx(50.0)
    assert found["confusion"] == [[0, 1], [1, 2]]


def test_of_several_classes_there_is_no_such_f1() -> None:
    found = score_matches(torch.eye(3), torch.tensor([0, 1, 2]), ["a", "b", "c"])
    assert "f1" not in found
    assert found["accuracy"] == 100.0


def test_grades_go_with_the_true_ones() -> None:
    found = score_grades(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 3.0, 5.0]))
    # By hand: deviations (-4/3, -1/3, 5/3) and (-2, 0, 2).
    covariance, variances = 8 / 3 + 10 / 3, (16 + 1 + 25) / 9 * 8
    assert found["pearson"] == pytest.approx(100 * covariance / math.sqrt(variances), abs=1e-3)
    assert found["spearman"] == pytest.approx(100.0, abs=1e-3)
    assert found["squared_error"] == pytest.approx((0 + 1 + 1) / 3)


@pytest.mark.parametrize("found", [[2.0, 2.0], [2.0]])
def test_what_does_not_vary_goes_with_nothing(found: list[float]) -> None:
    figures = score_grades(torch.tensor(found), torch.arange(len(found)) + 1.0)
    assert (figures["pearson"], figures["spearman"]) == (0.0, 0.0)


def test_right_answers_are_to_be_the_most_probable_of_their_group() -> None:
    logits = torch.tensor([1.0, -2.0, 0.5, 3.0, 3.0, 0.0])
    target, group = torch.tensor([1, 0, 1, 0, 1, 0]), torch.tensor([0, 0, 0, 1, 1, 2])
    first = torch.softmax(logits[:3], dim=0)
    wanted = ((-first[0].log() - first[2].log()) / 2 + math.log(2)) / 2  # of the third, nothing
    torch.testing.assert_close(listwise_loss(logits, target, group), wanted)
    order = torch.tensor([5, 2, 0, 4, 1, 3])
    torch.testing.assert_close(listwise_loss(logits[order], target[order], group[order]), wanted)


def test_groups_without_a_right_answer_teach_no_ranking() -> None:
    logits = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = listwise_loss(logits, torch.tensor([0, 0]), torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.tolist() == [0, 0]


def test_ranked_pairs_are_learnt_for_themselves_too() -> None:
    features, target = [[0.0], [math.log(3)]], [0, 1]
    alone, validated = trained(features, target)
    ranked, also_validated = trained(features, target, group=torch.tensor([0, 0]))
    assert ranked == pytest.approx(alone + math.log(4 / 3), abs=1e-6)
    assert also_validated == validated
