"""A mistake is said in Keras's manner: what was expected, what was received."""

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
from regard.keras.score_layers import AdditiveScore, CosineScore, DotScore, LocationScore


def zeros(*shape: int, dtype: str = "float32") -> Any:
    return ops.zeros(shape, dtype=dtype)


def symbolic(*shape: int | None) -> Any:
    return keras.KerasTensor(shape)


def steps(count: int) -> Any:
    return ops.convert_to_tensor(np.ones((2, count), dtype=bool))


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
    "no reach": (lambda: LocalAttention(3, half_width=0), "Expected 1 or more. Received: half_w"),
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


def test_masks_of_0_and_1_are_booleans() -> None:
    sequence, layer = ops.ones((2, 3, 4)), Attention(3)
    numbers = ops.convert_to_tensor(np.array([[1, 1, 0], [1, 0, 0]]))
    found = layer(sequence, mask=numbers)
    wanted = layer(sequence, mask=ops.cast(numbers, "bool"))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), ops.convert_to_numpy(wanted))


def test_a_score_that_layers_share_has_its_weights_once() -> None:
    score = AdditiveScore(4)
    first, second = Attention(3, score), AttentionPooling(3, score)
    first(zeros(2, 5, 3))
    second(zeros(2, 5, 3))
    assert len(score.weights) == 4
    assert DotScore().weights == []
