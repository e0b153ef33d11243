"""With its weights, layers compute what Keras's own do, gradients and masks included."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from regard.keras import AdditiveAttention, DotAttention, MultiHeadAttention
from tests.keras.differentiating import Array, differentiate_layer
from tests.keras.needing import bytes_needed

PAIRS = {
    "additive": (keras.layers.AdditiveAttention, AdditiveAttention),
    "dot": (keras.layers.Attention, lambda: DotAttention("dot")),
}


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def check_same(theirs: Any, ours: Any, inputs: list[Array], **call: Any) -> None:
    ours.set_weights(theirs.get_weights())
    upstream = make(2, 4, inputs[1].shape[-1], seed=9)
    wanted, gradients = differentiate_layer(theirs, *inputs, upstream=upstream, **call)
    found = differentiate_layer(ours, *inputs, upstream=upstream, **call)
    np.testing.assert_allclose(found.output, wanted, rtol=1e-5, atol=1e-5)
    for gradient, want in zip(found.gradients, gradients, strict=True):
        np.testing.assert_allclose(gradient, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("theirs", "ours"), PAIRS.values(), ids=PAIRS)
def test_many_to_many(theirs: Any, ours: Any, masked: bool) -> None:
    inputs = [make(2, 4, 5), make(2, 6, 7, seed=1), make(2, 6, 5, seed=2)]
    layers = theirs(), ours()
    for layer in layers:
        layer.build([array.shape for array in inputs])
    real = np.array([[True] * 6, [True, True, False, False, False, False]])
    asked = np.array([[True] * 4, [True, False, True, True]])
    mask = [ops.convert_to_tensor(asked), ops.convert_to_tensor(real)] if masked else None
    check_same(*layers, inputs, mask=mask)


def test_large_enough_for_the_factored_form() -> None:
    inputs = [make(2, 4, 300), make(2, 150, 300, seed=1)]
    layers = keras.layers.AdditiveAttention(), AdditiveAttention()
    for layer in layers:
        layer.build([array.shape for array in inputs])
    check_same(*layers, inputs)


@pytest.mark.compiled
def test_nothing_of_query_key_width_is_kept_for_the_gradient() -> None:
    """Keras's layer keeps one such tensor, so the measure can tell."""
    inputs = [make(8, 64, 256), make(8, 64, 256, seed=1), make(256, seed=2)]

    def called(layer: Any) -> int:
        layer.build([inputs[0].shape, inputs[1].shape])

        def call(query: Any, value: Any, weight: Any) -> Any:
            return layer.stateless_call([weight], [], [query, value])[0]

        return bytes_needed(call, *inputs)

    one = 4 * 8 * 64 * 64 * 256
    assert called(keras.layers.AdditiveAttention()) >= one
    assert called(AdditiveAttention()) < one / 4


MASKS: dict[str, tuple[int, ...] | None] = {
    "causal": None,
    "of each text": (2, 4, 4),
    "of keys": (2, 1, 4),
    "of all texts": (1, 4, 4),
    "alone": (4, 4),
    "of each head": (2, 2, 4, 4),
    "of each head, for all texts": (1, 2, 4, 4),
}


@pytest.mark.parametrize("mask_shape", MASKS.values(), ids=MASKS)
def test_multi_head(mask_shape: tuple[int, ...] | None) -> None:
    inputs = [make(2, 4, 6), make(2, 4, 6, seed=1)]
    layers = keras.layers.MultiHeadAttention(2, 5, value_dim=3), MultiHeadAttention(2, 5, 3)
    for layer in layers:
        layer.build((2, 4, 6), (2, 4, 6))
    theirs, ours = layers
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    ours.set_weights(theirs.get_weights())
    call: dict[str, Any] = {"use_causal_mask": True}
    if mask_shape is not None:
        allowed = np.random.default_rng(1).random(mask_shape) < 0.8
        assert allowed.any(axis=-1).all()  # Keras lets who may attend nothing attend all
        assert not allowed.all()
        call = {"attention_mask": ops.convert_to_tensor(allowed)}
    wanted, weights = theirs(*inputs, return_attention_scores=True, **call)
    output, found = ours(*inputs, return_attention_scores=True, **call)
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(weights), atol=1e-5
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(output), ops.convert_to_numpy(wanted), atol=1e-5
    )
