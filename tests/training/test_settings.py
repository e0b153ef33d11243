import math
from typing import Any

import pytest

from regard.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("epochs", 0, "at least 1"),
        ("max_tokens", -1, "at least 0"),
        ("max_sentences", 0, "at least 1"),
        ("learning_rate", 0.0, "above 0"),
        ("learning_rate", math.nan, "above 0"),
        ("learning_rate", math.inf, "above 0"),
        ("warmup_steps", -1, "at least 0"),
        ("label_smoothing", -0.1, "at least 0 and below 1"),
        ("label_smoothing", 1.0, "at least 0 and below 1"),
        ("clip", 0.0, "above 0"),
        ("accumulate", 0, "at least 1"),
        ("ema", -0.1, "at least 0 and below 1"),
        ("ema", 1.0, "at least 0 and below 1"),
        ("average_epochs", 1, "2 or more, or 0 for none"),
        ("average_epochs", -1, "2 or more, or 0 for none"),
        ("patience", -1, "at least 0"),
        ("checkpoint_minutes", 0.0, "above 0"),
        ("seed", -1, "from 0 to 4,294,967,295"),
        ("seed", 2**32, "from 0 to 4,294,967,295"),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match="must be") as error:
        TrainingSettings(**{name: value})
    assert str(error.value) == f"training.{name} must be {wanted}; got {value}"


def test_numbers_at_the_edge_of_their_range_are_taken() -> None:
    edge = TrainingSettings(
        epochs=1, max_tokens=0, warmup_steps=0, label_smoothing=0.0, patience=0, seed=2**32 - 1
    )
    assert edge.epochs == 1
    assert TrainingSettings(epochs=2, average_epochs=2).average_epochs == 2


def test_a_mean_of_last_epochs_needs_them_to_come() -> None:
    assert TrainingSettings(ema=0.9, patience=2).patience == 2
    with pytest.raises(ValueError, match=r"training\.patience may stop; choose one, or average"):
        TrainingSettings(average_epochs=2, patience=2)
    with pytest.raises(ValueError, match=r"nothing to average in training\.epochs 1; leave it out"):
        TrainingSettings(average_epochs=2, epochs=1)
