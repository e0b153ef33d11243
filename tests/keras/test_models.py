"""Layers in models: any length, both of the results, mixed precision, training."""

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
from tests.keras.differentiating import Array

TO_ONE: dict[str, Callable[..., Any]] = {
    "Attention": lambda **given: Attention(4, **given),
    "Attention, bahdanau": lambda **given: Attention(4, "bahdanau", **given),
    "AttentionPooling": lambda **given: AttentionPooling(4, **given),
}
TO_MANY: dict[str, Callable[..., Any]] = {
    "DotAttention": lambda **given: DotAttention("bilinear", **given),
    "AdditiveAttention": lambda **given: AdditiveAttention(8, **given),
    "LocalAttention": lambda **given: LocalAttention(4, 2, **given),
    "MultiHeadAttention": lambda **given: MultiHeadAttention(2, 3, **given),
}


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def attend(layer: Any, query: Any, value: Any, **call: Any) -> Any:
    if isinstance(layer, MultiHeadAttention):
        return layer(query, value, **call)
    return layer([query, value], **call)


@pytest.mark.parametrize("make_layer", TO_ONE.values(), ids=TO_ONE)
def test_many_to_one_reads_sequences_of_any_length(make_layer: Callable[..., Any]) -> None:
    inputs = keras.Input((None, 3))
    output, weights = make_layer()(inputs, return_attention_scores=True)
    model = keras.Model(inputs, [output, weights])
    assert weights.shape == (None, None)
    for length in (4, 7):
        given = make(2, length, 3)
        vectors, shown = model.predict(given, verbose=0)
        assert vectors.shape == (2, output.shape[-1])
        assert shown.shape == (2, length)
        np.testing.assert_allclose(shown.sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("make_layer", TO_MANY.values(), ids=TO_MANY)
def test_many_to_many_reads_sequences_of_any_length(make_layer: Callable[..., Any]) -> None:
    query, value = keras.Input((None, 3)), keras.Input((None, 3))
    output, weights = attend(make_layer(), query, value, return_attention_scores=True)
    model = keras.Model([query, value], [output, weights])
    assert weights.shape[-2:] == (None, None)
    for lengths in ((4, 7), (2, 5)):
        given = [make(2, length, 3, seed=length) for length in lengths]
        states, shown = model.predict(given, verbose=0)
        assert states.shape == (2, lengths[0], 3)
        assert shown.shape[-2:] == lengths
        assert (shown.sum(-1) < 1 + 1e-5).all()


def test_a_model_of_any_length_gets_the_factored_form() -> None:
    query, value = keras.Input((None, 3)), keras.Input((None, 3))
    layer = AdditiveAttention(8)
    model = keras.Model([query, value], layer([query, value]))
    model.compile(loss="mse", optimizer="sgd")
    given = [make(2, 4, 3), make(2, 7, 3, seed=1)]
    before = model.evaluate(given, make(2, 4, 3, seed=2), verbose=0)
    model.fit(given, make(2, 4, 3, seed=2), epochs=3, verbose=0)
    assert model.evaluate(given, make(2, 4, 3, seed=2), verbose=0) < before
    eager = ops.convert_to_numpy(layer(given))
    np.testing.assert_allclose(model.predict(given, verbose=0), eager, atol=1e-5)


def test_a_summary_counts_weights_and_shows_shapes() -> None:
    model = keras.Sequential(
        [keras.Input((10, 6)), Attention(4, "bahdanau"), keras.layers.Dense(1)]
    )
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=80)
    shown = "\n".join(lines)
    assert "Attention" in shown
    assert "(None, 4)" in shown
    assert f"{6 + 36 + 36 + 48}" in shown
    assert "Total params: 131" in shown


def test_a_summary_of_many_to_many() -> None:
    inputs = keras.Input((10, 6))
    model = keras.Model(inputs, MultiHeadAttention(2, 3, score="bilinear")(inputs, inputs))
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=80)
    assert "(None, 10, 6)" in "\n".join(lines)
    assert model.count_params() == 3 * (36 + 6) + (36 + 6) + 9


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("make_layer", TO_ONE.values(), ids=TO_ONE)
def test_many_to_one_in_mixed_precision(make_layer: Callable[..., Any], policy: str) -> None:
    given = make(2, 50, 3)
    layer, wide = make_layer(dtype=policy), make_layer()
    output, weights = layer(given, return_attention_scores=True)
    check_mixed(layer, wide, (output, weights), lambda: wide(given, return_attention_scores=True))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("make_layer", TO_MANY.values(), ids=TO_MANY)
def test_many_to_many_in_mixed_precision(make_layer: Callable[..., Any], policy: str) -> None:
    query, value = make(2, 4, 3), make(2, 50, 3, seed=1)
    layer, wide = make_layer(dtype=policy), make_layer()
    results = attend(layer, query, value, return_attention_scores=True)
    check_mixed(
        layer,
        wide,
        results,
        lambda: attend(wide, query, value, return_attention_scores=True),
    )


def check_mixed(layer: Any, wide: Any, results: Any, in_float32: Callable[[], Any]) -> None:
    """Compute in half precision, keep weights in float32, and come close."""
    in_float32()  # which builds it
    wide.set_weights(layer.get_weights())
    for found, want in zip(results, in_float32(), strict=True):
        assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
        narrow = ops.convert_to_numpy(ops.cast(found, "float32"))
        np.testing.assert_allclose(narrow, ops.convert_to_numpy(want), atol=0.08)
    assert {weight.dtype for weight in layer.weights} == {"float32"}


def test_large_scores_in_float16_do_not_overflow() -> None:
    """The inner product of these is 180,000, which float16 does not have."""
    layer = DotAttention("dot", dtype="mixed_float16")
    query, value = np.full((1, 2, 200), 30.0), np.full((1, 3, 200), 30.0)
    output, weights = layer([query, value], return_attention_scores=True)
    assert np.isfinite(ops.convert_to_numpy(output)).all()
    np.testing.assert_allclose(ops.convert_to_numpy(weights), 1 / 3, rtol=1e-3)


@pytest.mark.parametrize("make_layer", TO_MANY.values(), ids=TO_MANY)
def test_dropout_is_for_training(make_layer: Callable[..., Any]) -> None:
    query, value = make(2, 4, 3), make(2, 9, 3, seed=1)
    layer = make_layer(dropout=0.5, seed=3)
    read = {
        training: ops.convert_to_numpy(attend(layer, query, value, training=training))
        for training in (False, True)
    }
    assert np.abs(read[True] - read[False]).max() > 1e-3
    again = ops.convert_to_numpy(attend(layer, query, value, training=False))
    np.testing.assert_array_equal(again, read[False])
    output, weights = attend(layer, query, value, training=True, return_attention_scores=True)
    _, undropped = attend(layer, query, value, return_attention_scores=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(weights), ops.convert_to_numpy(undropped))
    assert np.abs(ops.convert_to_numpy(output) - read[False]).max() > 1e-3


def test_the_mean_over_dropouts_is_what_is_read_without() -> None:
    query, value = make(1, 2, 3), make(1, 5, 3, seed=1)
    layer = DotAttention(dropout=0.3, seed=3)
    many = [np.repeat(query, 4000, 0), np.repeat(value, 4000, 0)]
    mean = ops.convert_to_numpy(layer(many, training=True)).mean(0)
    np.testing.assert_allclose(mean, ops.convert_to_numpy(layer([query, value]))[0], atol=0.05)


def test_a_model_is_trained() -> None:
    query, value = keras.Input((4, 3)), keras.Input((6, 3))
    read = MultiHeadAttention(2, 3, normalizer="entmax15", dropout=0.1)(query, value)
    model = keras.Model([query, value], keras.layers.Dense(1)(read))
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.05))
    given = [make(16, 4, 3), make(16, 6, 3, seed=1)]
    wanted = given[1].mean(axis=(1, 2), keepdims=True) * np.ones((1, 4, 1))
    losses = model.fit(given, wanted, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("make_layer", (TO_ONE | TO_MANY).values(), ids=TO_ONE | TO_MANY)
def test_all_weights_are_of_the_precision_of_the_layer(
    make_layer: Callable[..., Any], dtype: str
) -> None:
    skip_without(dtype)
    check_precision(make_layer, dtype)


NAMED = ["additive", "bahdanau", "concat", "cosine", "luong"]


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("score", NAMED)
def test_a_score_by_its_name_has_the_precision_of_the_layer(score: str, dtype: str) -> None:
    skip_without(dtype)
    check_precision(lambda **given: LocalAttention(4, 2, score=score, **given), dtype)


def test_double_precision_is_computed_in() -> None:
    skip_without("float64")
    layer = AdditiveAttention(8, use_bias=False, dtype="float64")
    query, value = make(2, 4, 3).astype("float64"), make(2, 5, 3, seed=1).astype("float64")
    found = ops.convert_to_numpy(layer([query, value]))
    energy, of_query, of_key = layer.get_weights()
    hidden = (query @ of_query)[:, :, None] + (value @ of_key)[:, None]
    scores = np.exp(np.tanh(hidden) @ energy[:, 0])
    wanted = scores / scores.sum(-1, keepdims=True) @ value
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def skip_without(dtype: str) -> None:
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no double precision unless it is switched on for all")


def check_precision(make_layer: Callable[..., Any], dtype: str) -> None:
    layer, wide = make_layer(dtype=dtype), make_layer()
    assert layer.score.dtype_policy == layer.dtype_policy
    found, _ = read_by(layer), read_by(wide)
    assert {weight.dtype for weight in layer.weights} == {dtype} or not layer.weights
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    wide.set_weights([weight.astype("float32") for weight in layer.get_weights()])
    want = ops.convert_to_numpy(read_by(wide))
    tolerance = 1e-5 if dtype == "float64" else 0.08
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(found, "float32")), want, atol=tolerance
    )


def read_by(layer: Any) -> Any:
    if is_to_one(layer):
        return layer(make(2, 7, 3))
    return attend(layer, make(2, 4, 3), make(2, 7, 3, seed=1))


@pytest.mark.parametrize("make_layer", TO_MANY.values(), ids=TO_MANY)
@pytest.mark.parametrize("single", ["query", "value"])
def test_one_sequence_is_read_with_each_of_several(
    make_layer: Callable[..., Any], single: str
) -> None:
    layer, whole = make_layer(), {"query": make(3, 4, 3), "value": make(3, 5, 3, seed=1)}
    given = {**whole, single: whole[single][:1]}
    repeated = {**given, single: np.repeat(given[single], 3, 0)}
    wanted = ops.convert_to_numpy(attend(layer, *repeated.values()))
    found = ops.convert_to_numpy(attend(layer, *given.values()))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    symbols = [keras.KerasTensor(array.shape) for array in given.values()]
    assert attend(layer, *symbols).shape == wanted.shape


@pytest.mark.compiled
@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch.compile compiles the core, which tests it"
)
@pytest.mark.parametrize("make_layer", (TO_ONE | TO_MANY).values(), ids=TO_ONE | TO_MANY)
def test_a_model_is_trained_as_one_program(make_layer: Callable[..., Any]) -> None:
    inputs = keras.Input((6, 3))
    layer = make_layer()
    read = layer(inputs) if is_to_one(layer) else attend(layer, inputs, inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(read))
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(0.05), jit_compile=True)
    given = make(16, 6, 3)
    wanted = np.ones((16, *read.shape[1:-1], 1))
    losses = model.fit(given, wanted, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def is_to_one(layer: Any) -> bool:
    return isinstance(layer, Attention | AttentionPooling)


def test_pooling_is_distributed_over_sentences() -> None:
    texts, layer = make(2, 3, 5, 4), AttentionPooling(6, "additive")
    inputs = keras.Input((None, 5, 4))
    model = keras.Model(inputs, keras.layers.TimeDistributed(layer)(inputs))
    found = model.predict(texts, verbose=0)
    for number in range(3):
        wanted = ops.convert_to_numpy(layer(texts[:, number]))
        np.testing.assert_allclose(found[:, number], wanted, atol=1e-6)
