"""Keras's own checks of a layer: shapes, serialization, symbolic and eager calls, training."""

from typing import Any, NamedTuple

import pytest
from keras.src import testing

from regard.keras import (
    AdditiveAttention,
    Attention,
    AttentionPooling,
    DotAttention,
    LocalAttention,
    MultiHeadAttention,
)

# What the checks train on is a generator, of which Keras says that it cannot be shuffled.
pytestmark = pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")


class Case(NamedTuple):
    """A layer, what it is made of, and how many weights that makes."""

    layer: Any
    arguments: dict[str, Any]
    weights: int
    seeds: int = 0


# As a file has it: the checks make several layers, which are not to share one score.
ADDITIVE = {
    "module": "regard.keras.score_layers",
    "class_name": "AdditiveScore",
    "config": {"units": 6},
    "registered_name": "regard>AdditiveScore",
}
SEQUENCE = (2, 5, 3)
PAIR = (2, 4, 3), (2, 6, 3)  # a tuple, since TensorFlow cannot train on generated lists
TO_ONE = [
    Case(Attention, {"units": 4}, 2),
    Case(Attention, {"units": 4, "score": "bahdanau"}, 4),
    Case(Attention, {"units": 4, "score": "cosine", "normalizer": "sparsemax"}, 2),
    Case(Attention, {"units": 4, "score": "additive", "dropout": 0.3, "seed": 3}, 5, 1),
    Case(AttentionPooling, {"units": 4}, 3),
    Case(AttentionPooling, {"units": 4, "score": "bilinear", "normalizer": "entmax15"}, 4),
]
TO_MANY = [
    Case(DotAttention, {}, 0),
    Case(DotAttention, {"score": "general", "normalizer": "sparsemax", "dropout": 0.3}, 1, 1),
    Case(AdditiveAttention, {}, 1),
    Case(AdditiveAttention, {"units": 8}, 4),
    Case(AdditiveAttention, {"units": 8, "use_bias": False, "normalizer": "entmax15"}, 3),
    Case(LocalAttention, {"units": 4}, 3),
    Case(LocalAttention, {"units": 4, "half_width": 2, "form": "biased", "score": "dot"}, 2),
]
HEADS = [
    Case(MultiHeadAttention, {"num_heads": 2, "key_dim": 4}, 8),
    Case(
        MultiHeadAttention,
        {
            "num_heads": 2,
            "key_dim": 4,
            "value_dim": 3,
            "score": ADDITIVE,
            "normalizer": "entmax15",
            "use_bias": False,
            "output_shape": 3,
            "dropout": 0.2,
        },
        8,
        1,
    ),
]


def check_layer(case: Case, output_shape: tuple[int, ...], **given: Any) -> None:
    testing.TestCase().run_layer_test(
        case.layer,
        init_kwargs=case.arguments,
        expected_output_shape=output_shape,
        expected_num_trainable_weights=case.weights,
        expected_num_non_trainable_weights=0,
        expected_num_seed_generators=case.seeds,
        expected_num_losses=0,
        supports_masking=True,
        **given,
    )


def named(cases: list[Case]) -> list[Any]:
    return [
        pytest.param(case, id=f"{case.layer.__name__}-{number}")
        for number, case in enumerate(cases)
    ]


@pytest.mark.parametrize("case", named(TO_ONE))
def test_many_to_one(case: Case) -> None:
    width = 4 if case.layer is Attention else 3
    check_layer(case, (2, width), input_shape=SEQUENCE)


@pytest.mark.parametrize("case", named(TO_MANY))
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_many_to_many(case: Case) -> None:
    check_layer(case, (2, 4, 3), input_shape=PAIR)


def test_inputs_may_be_a_list() -> None:
    check_layer(TO_MANY[0], (2, 4, 3), input_shape=list(PAIR), run_training_check=False)


@pytest.mark.parametrize("case", named(TO_MANY[-3:]))
def test_keys_of_their_own(case: Case) -> None:
    check_layer(case, (2, 4, 7), input_shape=((2, 4, 3), (2, 6, 7), (2, 6, 3)))


@pytest.mark.parametrize("case", named(HEADS))
def test_multi_head(case: Case) -> None:
    shapes = {"query_shape": (2, 4, 3), "value_shape": (2, 6, 5)}
    # Keras's checks train on one argument only; test_models.py trains these.
    check_layer(case, (2, 4, 3), input_shape=shapes, run_training_check=False)


def test_the_checks_can_fail() -> None:
    with pytest.raises(AssertionError, match="Unexpected number of trainable_weights"):
        check_layer(TO_ONE[0]._replace(weights=3), (2, 4), input_shape=SEQUENCE)
