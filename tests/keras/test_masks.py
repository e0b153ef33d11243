"""What is masked counts for nothing, and masks reach the next layer, on every backend."""

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
from tests.keras.differentiating import Array, differentiate_layer

NORMALIZERS = ("softmax", "sparsemax", "entmax15", "sigmoid", "hardmax")
TO_ONE: dict[str, Callable[[], Any]] = {
    "luong": lambda: Attention(3),
    "bahdanau": lambda: Attention(3, "bahdanau"),
    "pooling": lambda: AttentionPooling(3),
    **{name: lambda name=name: Attention(3, normalizer=name) for name in NORMALIZERS[1:]},
}
TO_MANY: dict[str, Callable[[], Any]] = {
    "dot": DotAttention,
    "additive": lambda: AdditiveAttention(8),
    "local, damped": lambda: LocalAttention(4, half_width=2),
    "local, biased": lambda: LocalAttention(4, half_width=2, form="biased"),
    **{name: lambda name=name: DotAttention(normalizer=name) for name in NORMALIZERS[1:]},
}


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def booleans(rows: Any) -> Any:
    return ops.convert_to_tensor(np.array(rows, dtype=bool))


def called(layer: Any, *inputs: Any, **call: Any) -> Array:
    return ops.convert_to_numpy(layer(*inputs, **call))


@pytest.mark.parametrize("make_layer", TO_ONE.values(), ids=TO_ONE)
@pytest.mark.parametrize("places", [[0, 1, 2], [3, 4, 5], [1, 3, 4]], ids=["end", "front", "amid"])
def test_masked_steps_are_as_if_cut_out(make_layer: Callable[[], Any], places: list[int]) -> None:
    """Padding may stand at the end, in front (as pad_sequences has it) or anywhere."""
    sequence = 100 * make(2, 6, 4)
    sequence[:, places] = make(2, 3, 4, seed=1)
    mask = [[step in places for step in range(6)]] * 2
    layer = make_layer()
    found = called(layer, sequence, mask=booleans(mask))
    np.testing.assert_allclose(found, called(layer, sequence[:, places]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make_layer", TO_MANY.values(), ids=TO_MANY)
def test_masked_keys_are_as_if_cut_off(make_layer: Callable[[], Any]) -> None:
    query, value = make(2, 3, 4), make(2, 6, 4, seed=1)
    value[:, 4:] = 100
    layer = make_layer()
    found = called(layer, [query, value], mask=[None, booleans([[True] * 4 + [False] * 2] * 2)])
    np.testing.assert_allclose(found, called(layer, [query, value[:, :4]]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make_layer", TO_ONE.values(), ids=TO_ONE)
def test_an_empty_sequence_gives_0_with_finite_gradients(make_layer: Callable[[], Any]) -> None:
    sequence, mask = make(2, 4, 4), booleans([[False] * 4, [True] * 4])
    layer = make_layer()
    output, weights = layer(sequence, mask=mask, return_attention_scores=True)
    assert (ops.convert_to_numpy(output)[0] == 0).all()
    assert (ops.convert_to_numpy(weights)[0] == 0).all()
    found = differentiate_layer(layer, sequence, mask=mask, upstream=make(*output.shape))
    assert (found.gradients[0][0] == 0).all()
    assert all(np.isfinite(gradient).all() for gradient in found.gradients)


@pytest.mark.parametrize("make_layer", TO_MANY.values(), ids=TO_MANY)
def test_nothing_to_read_and_queries_that_are_masked_give_0(
    make_layer: Callable[[], Any],
) -> None:
    query, value = make(2, 3, 4), make(2, 5, 4, seed=1)
    mask = [booleans([[True] * 3, [True, False, True]]), booleans([[False] * 5, [True] * 5])]
    layer = make_layer()
    output, weights = layer([query, value], mask=mask, return_attention_scores=True)
    for given in map(ops.convert_to_numpy, (output, weights)):
        assert (given[0] == 0).all()
        assert (given[1, 1] == 0).all()
        assert (given[1, 0] != 0).any()
    found = differentiate_layer(layer, query, value, mask=mask, upstream=make(*output.shape))
    assert (found.gradients[0][0] == 0).all()
    assert all(np.isfinite(gradient).all() for gradient in found.gradients)


def test_heads_of_a_masked_query_read_nothing() -> None:
    layer = MultiHeadAttention(2, 3, use_bias=False)
    query, value = make(2, 3, 4), make(2, 5, 4, seed=1)
    call = {"query_mask": booleans([[True] * 3, [True, False, True]])}
    call["value_mask"] = booleans([[False] * 5, [True] * 5])
    output, weights = layer(query, value, return_attention_scores=True, **call)
    assert (ops.convert_to_numpy(output)[0] == 0).all()
    assert (ops.convert_to_numpy(weights)[1, :, 1] == 0).all()
    np.testing.assert_allclose(ops.convert_to_numpy(weights)[1, :, 0].sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        called(layer, query, value, **call), ops.convert_to_numpy(output), atol=1e-6
    )


@pytest.mark.parametrize("make_layer", [*TO_MANY.values()][:4], ids=[*TO_MANY][:4])
def test_the_weights_are_those_that_are_read_by(make_layer: Callable[[], Any]) -> None:
    query, value = make(2, 3, 4), make(2, 5, 4, seed=1)
    mask = [None, booleans([[True] * 5, [True, True, False, False, False]])]
    layer = make_layer()
    output, weights = layer([query, value], mask=mask, return_attention_scores=True)
    np.testing.assert_allclose(
        ops.convert_to_numpy(output), ops.convert_to_numpy(weights) @ value, atol=1e-5
    )
    np.testing.assert_allclose(
        called(layer, [query, value], mask=mask), ops.convert_to_numpy(output), atol=1e-5
    )


def test_causal_masks_are_aligned_to_the_end() -> None:
    layer = DotAttention()
    text = make(1, 5, 4)
    _, weights = layer([text, text], return_attention_scores=True, use_causal_mask=True)
    found = ops.convert_to_numpy(weights)[0]
    assert (np.triu(found, 1) == 0).all()
    assert (np.tril(found) > 0).sum() == 15
    last = called(layer, [text[:, -2:], text], use_causal_mask=True)
    whole = called(layer, [text, text], use_causal_mask=True)
    np.testing.assert_allclose(last, whole[:, -2:], atol=1e-6)


def test_masks_come_from_embeddings_and_go_to_the_next_layer() -> None:
    ids = np.array([[3, 5, 2, 0, 0], [4, 0, 0, 0, 0]])
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    attention = AdditiveAttention(8)
    states, weights = attention([embedded, embedded], return_attention_scores=True)
    real = ids != 0
    assert (ops.convert_to_numpy(weights)[~(real[:, :, None] & real[:, None])] == 0).all()
    explicit = attention(
        [ops.convert_to_tensor(ops.convert_to_numpy(embedded))] * 2, mask=[booleans(real)] * 2
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(states), ops.convert_to_numpy(explicit))
    pooling = AttentionPooling(4)
    pooled, of_steps = pooling(states, return_attention_scores=True)
    assert (ops.convert_to_numpy(of_steps)[~real] == 0).all()
    shown = called(pooling, ops.convert_to_numpy(states), mask=booleans(real))
    np.testing.assert_allclose(ops.convert_to_numpy(pooled), shown, atol=1e-6)


def test_masks_pass_through_a_model_with_heads() -> None:
    ids = np.array([[3, 5, 2, 0, 0], [4, 2, 0, 0, 0]])
    inputs = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(inputs)
    attended = MultiHeadAttention(2, 3, normalizer="sparsemax")(embedded, embedded)
    model = keras.Model(inputs, Attention(3)(attended))
    found = model.predict(ids, verbose=0)
    for row, length in enumerate((3, 2)):
        alone = model.predict(ids[row : row + 1, :length], verbose=0)
        np.testing.assert_allclose(found[row], alone[0], atol=1e-5)


def test_a_vector_has_no_mask_any_more() -> None:
    layer = Attention(3)
    assert layer.supports_masking
    assert layer.compute_mask(make(2, 3, 4), booleans([[True] * 3] * 2)) is None
    mask = booleans([[True, False]])
    assert DotAttention().compute_mask([make(1, 2, 4)] * 2, [mask, None]) is mask


def test_masks_of_many_texts_for_queries_of_one() -> None:
    query, value = make(1, 3, 4), make(2, 5, 4, seed=1)
    allowed = np.random.default_rng(1).random((2, 3, 5)) < 0.6
    real = np.array([[True] * 5, [True, True, False, False, True]])
    layer = MultiHeadAttention(2, 3)
    masks = {"value_mask": booleans(real), "attention_mask": booleans(allowed)}
    found = called(layer, query, value, **masks)
    for number in range(2):
        one = {name: mask[number : number + 1] for name, mask in masks.items()}
        wanted = called(layer, query, value[number : number + 1], **one)
        np.testing.assert_allclose(found[number : number + 1], wanted, rtol=1e-5, atol=1e-6)
