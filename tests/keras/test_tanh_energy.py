"""The factored tanh energy is the tanh energy, at any size and for any numbers."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from regard.keras import tanh_energy
from tests.keras.differentiating import Array, differentiate

LOOPS = keras.backend.backend() in ("jax", "tensorflow")

pytestmark = pytest.mark.skipif(
    not LOOPS, reason="on PyTorch the core's kernel computes it, which has its own tests"
)


def make(*shape: int, scale: float = 1.0, seed: int = 0) -> Array:
    random = np.random.default_rng(seed)
    return (scale * random.standard_normal(shape)).astype("float32")


def exact(query: Array, key: Array, energy: Array, upstream: Array) -> tuple[Array, list[Array]]:
    """Compute scores and gradients in float64, as the formula is written."""
    query, key, energy, upstream = (
        array.astype("float64") for array in (query, key, energy, upstream)
    )
    hidden = query[:, :, None] + key[:, None]
    slopes = upstream[..., None] * energy / np.cosh(np.clip(hidden, -300, 300)) ** 2
    gradients = [
        slopes.sum(2),
        slopes.sum(1),
        (upstream[..., None] * np.tanh(hidden)).sum((0, 1, 2)),
    ]
    return np.tanh(hidden) @ energy, gradients


def factored(query: Any, key: Any, energy: Any) -> Any:
    return tanh_energy.factored(query, key, energy=energy)


@pytest.mark.parametrize("sizes", [(2, 5, 7, 3), (1, 3, 1, 16), (3, 2, 9, 33), (1, 1, 4, 40)])
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0, 10_000.0])
def test_scores_and_gradients_are_exact(sizes: tuple[int, ...], scale: float) -> None:
    batch, query_len, key_len, hidden = sizes
    query = make(batch, query_len, hidden, scale=scale)
    key = make(batch, key_len, hidden, scale=scale, seed=1)
    energy, upstream = make(hidden, seed=2), make(batch, query_len, key_len, seed=3)
    wanted, gradients = exact(query, key, energy, upstream)
    found = differentiate(factored, query, key, energy, upstream=upstream)
    np.testing.assert_allclose(found.output, wanted, rtol=1e-5, atol=1e-5)
    for gradient, want in zip(found.gradients, gradients, strict=True):
        np.testing.assert_allclose(gradient, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("far", [19.0, 21.0, 500.0])
def test_opposite_numbers_cancel(far: float) -> None:
    """Exponentials of either would say nothing of the sum, which is moderate."""
    offset = np.linspace(-2, 2, 12, dtype="float32").reshape(1, 4, 3)
    query, key = far + offset, np.full((1, 5, 3), -far, dtype="float32")
    energy, upstream = make(3), make(1, 4, 5, seed=1)
    wanted, gradients = exact(query, key, energy, upstream)
    found = differentiate(factored, query, key, energy, upstream=upstream)
    np.testing.assert_allclose(found.output, wanted, rtol=1e-5, atol=1e-5)
    for gradient, want in zip(found.gradients, gradients, strict=True):
        np.testing.assert_allclose(gradient, want, rtol=1e-5, atol=1e-5)


def test_what_is_not_a_number_is_not_hidden() -> None:
    query = make(1, 3, 4)
    query[0, 1, 2] = np.nan
    found = ops.convert_to_numpy(factored(*map(ops.convert_to_tensor, (query, query, query[0, 0]))))
    assert np.isnan(found[0, 1]).all()
    assert np.isnan(found[0, :, 1]).all()
    assert np.isfinite(found[0, ::2, ::2]).all()


def test_leading_axes_stay() -> None:
    query, key, energy = make(2, 3, 4, 5), make(2, 3, 6, 5, seed=1), make(5, seed=2)
    tensors = [ops.convert_to_tensor(array) for array in (query, key, energy)]
    wanted = np.tanh(query[..., :, None, :] + key[..., None, :, :]) @ energy
    np.testing.assert_allclose(ops.convert_to_numpy(factored(*tensors)), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("of_query", "of_key"), [((1,), (3,)), ((3,), (1,)), ((1, 3), (2, 1)), ((), (2,))]
)
def test_leading_axes_broadcast(of_query: tuple[int, ...], of_key: tuple[int, ...]) -> None:
    query, key, energy = make(*of_query, 4, 5), make(*of_key, 6, 5, seed=1), make(5, seed=2)
    hidden = np.tanh(query[..., :, None, :] + key[..., None, :, :])
    found = differentiate(factored, query, key, energy)
    np.testing.assert_allclose(found.output, hidden @ energy, atol=1e-5)
    slopes = (1 - hidden**2) * energy
    added = tuple(range(slopes.ndim - 3 - len(of_query)))
    once = tuple(axis for axis, size in enumerate((1,) * len(added) + of_query) if size == 1)
    wanted = slopes.sum(-2).sum(once, keepdims=True).reshape(query.shape)
    np.testing.assert_allclose(found.gradients[0], wanted, atol=1e-4)


def test_sizes_that_are_open_are_not_known() -> None:
    if keras.backend.backend() != "jax":
        pytest.skip("sizes are numbers or None")
    import jax

    def asked(query: Any) -> Any:
        assert tanh_energy.is_worth_it(query, query)
        return factored(query, query, query[0, 0])

    batch, length = jax.export.symbolic_shape("batch, length")
    exported = jax.export.export(jax.jit(asked))(
        jax.ShapeDtypeStruct((batch, length, 8), "float32")
    )
    query = make(3, 7, 8)
    hidden = np.tanh(query[:, :, None] + query[:, None])
    np.testing.assert_allclose(exported.call(query), hidden @ query[0, 0], atol=1e-5)


def test_leading_axes_that_are_open_broadcast() -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("every size of a program is known")
    import tensorflow as tf

    query, key, energy = make(1, 4, 5), make(3, 6, 5, seed=1), make(5, seed=2)
    signature = [tf.TensorSpec(shape) for shape in ((None, None, 5), (None, None, 5), (5,))]
    found = tf.function(factored, input_signature=signature, autograph=False)(query, key, energy)
    wanted = np.tanh(query[:, :, None] + key[:, None]) @ energy
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


def test_double_precision_stays() -> None:
    query, energy = make(1, 3, 4).astype("float64"), make(4).astype("float64")
    tensors = [ops.convert_to_tensor(array) for array in (query, query, energy)]
    found = factored(*tensors)
    assert found.dtype == tensors[0].dtype


def test_small_calls_and_single_queries_are_left_to_the_definition() -> None:
    def asked(query_len: int | None, key_len: int | None) -> bool:
        shapes = (8, query_len, 64), (8, key_len, 64)
        return tanh_energy.is_worth_it(*(keras.KerasTensor(shape) for shape in shapes))

    assert asked(128, 128)
    assert asked(None, 128)
    assert not asked(1, 10_000)
    assert not asked(10_000, 1)
    assert not asked(16, 16)
