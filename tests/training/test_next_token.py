"""What is minimised of a next token: its cross-entropy, and with smoothing that of all others."""

from typing import Any

import pytest
import torch
from torch import nn

from regard.training.next_token import NextTokenTraining
from regard.training.settings import TrainingSettings

PROBABILITIES = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
FOLLOWING = torch.tensor([0, 2])


class Training(NextTokenTraining):
    """A training whose predictions are given, and that keeps what it logs."""

    def __init__(self, smoothing: float) -> None:
        settings = TrainingSettings(label_smoothing=smoothing)
        super().__init__(nn.Linear(1, 1), settings, num_batches=1)
        self.logged: dict[str, Any] = {}

    def predicted(self, batch: Any) -> Any:
        return batch

    def log(self, name: str, value: Any, **options: Any) -> None:
        self.logged[name] = value


@pytest.mark.parametrize(
    ("smoothing", "wanted"),
    [
        (0.0, (0.693147 + 0.287682) / 2),
        # Of each token: 0.7 of its own, and 0.1 of each of the three.
        (
            0.3,
            (0.7 * 0.693147 + 0.1 * (0.693147 + 1.386294 + 1.386294)) / 2
            + (0.7 * 0.287682 + 0.1 * (2.079442 + 2.079442 + 0.287682)) / 2,
        ),
    ],
)
def test_the_loss_is_smoothed(smoothing: float, wanted: float) -> None:
    training = Training(smoothing)
    loss = training.training_step((PROBABILITIES.log(), FOLLOWING), 0)
    assert loss.item() == pytest.approx(wanted, abs=1e-5)
    assert training.logged["loss"] is loss


def test_what_is_validated_is_not_smoothed() -> None:
    training = Training(0.3)
    training.validation_step((PROBABILITIES.log(), FOLLOWING), 0)
    found = training.logged["validation_loss"].compute()
    assert found.item() == pytest.approx((0.693147 + 0.287682) / 2, abs=1e-5)
