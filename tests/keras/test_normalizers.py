"""Normalizers give the core's weights and gradients, on every backend, and are activations."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from regard.functional import normalizers as core
from regard.keras import normalizers
from tests.keras.differentiating import Array, differentiate

NAMES = normalizers.__all__
SUMMING = ("entmax15", "hardmax", "softmax", "sparsemax")


def make(*shape: int, seed: int = 0) -> Array:
    return 2 * np.random.default_rng(seed).standard_normal(shape).astype("float32")


def masked(name: str, mask: Array | None) -> Callable[[Any], Any]:
    allowed = None if mask is None else ops.convert_to_tensor(mask)
    return lambda scores: getattr(normalizers, name)(scores, allowed)


def of_core(name: str, scores: Array, mask: Array | None, upstream: Array) -> tuple[Array, Array]:
    wide = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    weights = getattr(core, name)(wide, None if mask is None else torch.tensor(mask))
    if not weights.requires_grad:
        return weights.numpy(), np.zeros_like(scores)
    weights.backward(torch.tensor(upstream, dtype=torch.float64))
    return weights.detach().numpy(), wide.grad.numpy()


MASKS = {
    "none": None,
    "some": np.random.default_rng(3).random((2, 3, 7)) < 0.6,
    "of keys": np.array([True, False, True, True, False, True, True]),
    "empty rows": np.arange(3)[:, None] != np.array([1] * 7),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("name", NAMES)
def test_weights_and_gradients_are_those_of_the_core(name: str, mask: Array | None) -> None:
    scores, upstream = make(2, 3, 7), make(2, 3, 7, seed=1)
    found = differentiate(masked(name, mask), scores, upstream=upstream)
    weights, gradient = of_core(name, scores, mask, upstream)
    np.testing.assert_allclose(found.output, weights, atol=1e-6)
    np.testing.assert_allclose(found.gradients[0], gradient, atol=1e-5)
    if mask is not None:
        assert (found.output[~np.broadcast_to(mask, found.output.shape)] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_with_nothing_allowed_is_0_whatever_stands_there(name: str) -> None:
    scores = np.array([[np.inf, -np.inf, np.nan], [1.0, 2.0, 3.0]], dtype="float32")
    mask = np.array([[False] * 3, [True] * 3])
    found = differentiate(masked(name, mask), scores, upstream=make(2, 3))
    assert (found.output[0] == 0).all()
    assert (found.gradients[0][0] == 0).all()
    assert np.isfinite(found.gradients[0]).all()


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_sparse_weights_are_those_of_the_entmax_package(name: str) -> None:
    entmax = pytest.importorskip("entmax", reason="its authors' own is the oracle")
    scores = make(4, 50)
    found = ops.convert_to_numpy(masked(name, None)(ops.convert_to_tensor(scores)))
    wanted = getattr(entmax, name)(torch.tensor(scores, dtype=torch.float64), dim=-1)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-6)
    assert (found == 0).any()


@settings(max_examples=25)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=6, max_size=6))
@pytest.mark.parametrize("name", SUMMING)
def test_weights_sum_to_one_and_keep_the_order(name: str, row: list[float]) -> None:
    scores = np.array(row, dtype="float32")
    weights = ops.convert_to_numpy(masked(name, None)(ops.convert_to_tensor(scores)))
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert (weights >= 0).all()
    assert weights[scores.argmax()] == weights.max()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_normalised_in_float32(name: str, dtype: str) -> None:
    scores = ops.cast(ops.convert_to_tensor(make(2, 300)), dtype)
    found = getattr(normalizers, name)(scores)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    wide = getattr(normalizers, name)(ops.cast(scores, "float32"))
    rounded = ops.cast(ops.cast(wide, dtype), "float32")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(ops.cast(found, "float32")), ops.convert_to_numpy(rounded)
    )


@pytest.mark.parametrize("name", ["entmax15", "sparsemax"])
def test_activations_are_saved_by_name(name: str) -> None:
    layer = keras.layers.Dense(5, activation=getattr(normalizers, name))
    layer.build((None, 3))
    again = keras.layers.Dense.from_config(layer.get_config())
    again.build((None, 3))
    again.set_weights(layer.get_weights())
    inputs = make(2, 3)
    found = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_array_equal(found, ops.convert_to_numpy(again(inputs)))
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)
