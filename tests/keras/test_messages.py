"""A mistake is said in Keras's manner: what was expected, what was received."""

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from regard.keras import (
    AdditiveAttention,
    Attention,
    AttentionPooling,
    DotAttention,
    LocalAttention,
    MultiHeadAttention,
)
from regard.keras.arguments import check_positive
from regard.keras.score_layers import AdditiveScore, ConcatScore, CosineScore, LocationScore


def zeros(*shape: int, dtype: str = "float32") -> Any:
    return ops.zeros(shape, dtype=dtype)


def symbolic(*shape: int | None) -> Any:
    return keras.KerasTensor(shape)


def steps(count: int) -> Any:
    return ops.convert_to_tensor(np.ones((2, count), dtype=bool))


def called_twice(layer: Any, first: Any, second: Any) -> None:
    layer(first)
    layer(second)


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "unknown score": (
        lambda: Attention(score="bahdanou"),
        r"`score`\. Expected one of \['additive', .*: score='bahdanou'\. Did you mean 'bahdanau'",
    ),
    "score of another kind": (
        lambda: DotAttention("additive"),
        r"Expected one of \['bilinear', 'cosine', 'dot', 'general', 'luong', 'scaled_dot'\]",
    ),
    "unknown normalizer": (
        lambda: AdditiveAttention(3, normalizer="sparsmax"),
        r"argument `normalizer`\. Expected one of .* Did you mean 'sparsemax'\?",
    ),
    "unknown form": (lambda: LocalAttention(3, form="dumped"), r"Did you mean 'damped'\?"),
    "no units": (lambda: Attention(0), "`units`. Expected a positive integer. Received: units=0"),
    "no heads": (lambda: MultiHeadAttention(0, 3), "Received: num_heads=0"),
    "no reach": (
        lambda: LocalAttention(3, half_width=0),
        "Expected a positive integer. Received: half_width=0",
    ),
    "use_scale for units": (
        lambda: AdditiveAttention(False),
        "Expected a positive integer or None. Received: units=False",
    ),
    "no units of a perceptron": (lambda: AdditiveAttention(0), "or None. Received: units=0"),
    "no units of a place": (lambda: LocalAttention(0), "Received: units=0"),
    "no units of a score": (lambda: AdditiveScore(0), "Received: units=0"),
    "no units of another score": (lambda: ConcatScore(-1), "Received: units=-1"),
    "no positions": (lambda: LocationScore(True), "`max_len`.* Received: max_len=True"),
    "dropout": (lambda: Attention(3, dropout=1.0), "from 0 to below 1. Received: dropout=1.0"),
    "temperature": (lambda: CosineScore(0.0), "above 0. Received: temperature=0.0"),
    "rank": (
        lambda: Attention(3)(zeros(2, 5)),
        r"Expected `inputs` of layer attention.* \(batch_size, steps, features\). .*shape=\(2, 5\)",
    ),
    "rank of a symbol": (
        lambda: AttentionPooling(3)(symbolic(None, 5, 3, 2)),
        r"Received: inputs.shape=\(None, 5, 3, 2\)",
    ),
    "rank of the query": (
        lambda: DotAttention()([zeros(2, 3), zeros(2, 5, 3)]),
        r"Expected `query` .* Received: query.shape=\(2, 3\)",
    ),
    "rank of the value": (
        lambda: MultiHeadAttention(2, 3)(zeros(2, 4, 3), zeros(2, 3)),
        r"Expected `value` .* Received: value.shape=\(2, 3\)",
    ),
    "unknown width": (
        lambda: Attention(3)(symbolic(None, 5, None)),
        r"Expected the last dimension of `inputs` to be known .*inputs.shape=\(None, 5, None\)",
    ),
    "unknown width of the key": (
        lambda: AdditiveAttention(3)([symbolic(None, 5, 3), symbolic(None, 4, None)]),
        "Expected the last dimension of `value` to be known",
    ),
    "unknown width of a score": (
        lambda: AdditiveScore(3).build((None, 4, 3), (None, 4, None)),
        "Expected the last dimension of query and key to be known",
    ),
    "widths": (
        lambda: DotAttention()([zeros(2, 4, 3), zeros(2, 5, 4)]),
        r"Expected query and key to have the same width, .*ScaledDotScore; a bilinear or additive",
    ),
    "keys and values": (
        lambda: DotAttention()([zeros(2, 4, 3), zeros(2, 5, 3), zeros(2, 6, 3)]),
        r"Expected as many steps of `key` as of `value` .*key.shape=\(2, 6, 3\)",
    ),
    "keys and values of heads": (
        lambda: MultiHeadAttention(2, 3)(zeros(2, 4, 3), zeros(2, 5, 3), zeros(2, 6, 3)),
        "Expected as many steps of `key` as of `value`",
    ),
    "batch sizes": (
        lambda: AdditiveAttention(3)([zeros(2, 4, 3), zeros(3, 5, 3)]),
        r"to have the same batch size, or 1. Received: query.shape=\(2, 4, 3\), value.shape=\(3",
    ),
    "batch sizes of symbols": (
        lambda: DotAttention()([symbolic(2, 4, 3), symbolic(2, None, 3), symbolic(4, None, 3)]),
        r"to have the same batch size, or 1. .* key.shape=\(4, None, 3\)",
    ),
    "another width": (
        lambda: called_twice(Attention(4), zeros(2, 5, 3), zeros(2, 5, 4)),
        r"Expected the last dimension of `inputs` to be 3, .* Received: inputs.shape=\(2, 5, 4\)",
    ),
    "another width of symbols": (
        lambda: called_twice(AttentionPooling(4), symbolic(2, 5, 3), symbolic(2, 5, 4)),
        r"`inputs` to be 3, .* Received: inputs.shape=\(2, 5, 4\)",
    ),
    "batch sizes of heads": (
        lambda: MultiHeadAttention(2, 3)(zeros(2, 4, 3), zeros(3, 5, 3)),
        r"to have the same batch size, or 1. Received: query.shape=\(2, 4, 3\), value.shape=\(3",
    ),
    "another width of values of heads": (
        lambda: called_twice(
            lambda given, layer=MultiHeadAttention(2, 3): layer(*given),  # noqa: B008
            [zeros(2, 5, 3), zeros(2, 6, 4)],
            [zeros(2, 5, 3), zeros(2, 6, 5)],
        ),
        r"`value` to be 4, .* Received: value.shape=\(2, 6, 5\)",
    ),
    "no width of values": (lambda: MultiHeadAttention(2, 3, 0), "Received: value_dim=0"),
    "no width of the output": (
        lambda: MultiHeadAttention(2, 3, output_shape=0),
        "Received: output_shape=0",
    ),
    "another width of keys": (
        lambda: called_twice(
            DotAttention("bilinear"),
            [zeros(2, 5, 3), zeros(2, 6, 4)],
            [zeros(2, 5, 3), zeros(2, 6, 4), zeros(2, 6, 5)],
        ),
        r"`key` to be 4, .* Received: key.shape=\(2, 6, 5\)",
    ),
    "a score for two": (
        lambda: [Attention(3, score)(zeros(2, 5, 3)) for score in [AdditiveScore(4)] * 2],
        "to have a score of its own. .* which is built already. Make a score for each",
    ),
    "no list": (
        lambda: AdditiveAttention(3)(zeros(2, 4, 3)),
        r"Expected `inputs` of layer additive_attention\w* to be a list for \[query, value\]",
    ),
    "a list of one": (lambda: DotAttention()([zeros(2, 4, 3)]), r"Received: \[\(2, 4, 3\)\]"),
    "rank of the mask": (
        lambda: Attention(3)(zeros(2, 5, 3), mask=steps(5)[:, None]),
        r"Expected `mask` to have the shape \(2, 5\). Received: mask.shape=\(2, 1, 5\)",
    ),
    "size of the mask": (
        lambda: DotAttention()([zeros(2, 4, 3), zeros(2, 5, 3)], mask=[None, steps(4)]),
        r"Expected `value_mask` to have the shape \(2, 5\). Received: value_mask.shape=\(2, 4\)",
    ),
    "size of the query's mask": (
        lambda: DotAttention()([zeros(2, 4, 3), zeros(2, 5, 3)], mask=[steps(5), None]),
        r"Expected `query_mask` to have the shape \(2, 4\)",
    ),
    "a mask for two": (
        lambda: DotAttention()([zeros(2, 4, 3), zeros(2, 5, 3)], mask=steps(5)),
        "Expected `mask` of layer .* to be a list",
    ),
    "rank of the heads' mask": (
        lambda: MultiHeadAttention(2, 3)(zeros(2, 4, 3), zeros(2, 5, 3), attention_mask=steps(5)),
        r"Expected `attention_mask` to have the shape \(2, 4, 5\)",
    ),
    "numbers as a mask": (
        lambda: Attention(3)(zeros(2, 5, 3), mask=zeros(2, 5)),
        r"Expected `mask` to be boolean, .* Received: mask.dtype=float32",
    ),
    "more keys than places": (
        lambda: DotAttention(LocationScore(4))([zeros(2, 4, 3), zeros(2, 5, 3)]),
        "Expected at most max_len=4 keys",
    ),
    "more keys than places, of any length": (
        lambda: called_twice(
            DotAttention(LocationScore(4)), [symbolic(2, None, 3)] * 2, [zeros(2, 5, 3)] * 2
        ),
        r"Expected at most max_len=4 keys. Received: key_shape=\(2, 5, 3\)",
    ),
}


@pytest.mark.parametrize(("mistake", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_explained(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mistake()


@pytest.mark.parametrize("argument", ["score", "normalizer"])
def test_what_is_neither_name_nor_layer_is_refused(argument: str) -> None:
    serialized = keras.saving.serialize_keras_object(keras.layers.Dense(3))
    with pytest.raises((TypeError, ValueError), match=f"argument `{argument}`. Expected a name"):
        Attention(3, **{argument: serialized if argument == "score" else {"class_name": "x"}})


@pytest.mark.parametrize("value", ["luong", 3.5, 3.0, True, np.False_, [3], None, -1])
def test_what_is_no_positive_integer_is_refused(value: Any) -> None:
    message = re.escape(f"`units`. Expected a positive integer. Received: units={value!r}")
    with pytest.raises(ValueError, match=message):
        check_positive("units", value)
    assert check_positive("units", np.int64(3)) is None


def test_masks_of_0_and_1_are_booleans() -> None:
    sequence, layer = ops.ones((2, 3, 4)), Attention(3)
    numbers = ops.convert_to_tensor(np.array([[1, 1, 0], [1, 0, 0]]))
    found = layer(sequence, mask=numbers)
    wanted = layer(sequence, mask=ops.cast(numbers, "bool"))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), ops.convert_to_numpy(wanted))


def test_masks_may_be_lists() -> None:
    sequence, layer = ops.ones((2, 3, 4)) * ops.arange(3.0)[:, None], Attention(3)
    mask = [[True, True, False], [True, False, False]]
    found = layer(sequence, mask=mask)
    wanted = layer(sequence, mask=ops.convert_to_tensor(mask))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), ops.convert_to_numpy(wanted))
    read = DotAttention()([sequence, sequence], mask=[None, mask])
    np.testing.assert_array_equal(ops.convert_to_numpy(read)[1], 0)  # what its only key has


def test_a_layer_without_weights_takes_any_width() -> None:
    layer = DotAttention()
    for width in (3, 5):
        assert layer([zeros(2, 4, width), zeros(2, 6, width)]).shape[-1] == width


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layer", [Attention, AttentionPooling])
def test_a_sequence_without_steps_is_an_empty_one(layer: Any, masked: bool) -> None:
    mask = ops.ones((2, 0), dtype="bool") if masked else None
    made = layer(3)
    output, weights = made(zeros(2, 0, 4), mask=mask, return_attention_scores=True)
    assert tuple(weights.shape) == (2, 0)
    np.testing.assert_array_equal(ops.convert_to_numpy(output), 0)
    given = ops.ones((2, 2, 4))
    empty = made(given, mask=ops.zeros((2, 2), dtype="bool"))
    np.testing.assert_array_equal(ops.convert_to_numpy(empty), ops.convert_to_numpy(output))
