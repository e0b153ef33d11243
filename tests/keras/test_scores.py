"""Comparisons and projections give the core's numbers and gradients, on every backend."""

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import ops

from regard.functional import scores as core
from regard.keras import scores
from tests.keras.differentiating import Array, differentiate

LENGTHS = {"query": (2, 3, 4), "key": (2, 5, 4)}
COMPARISONS = {
    "inner_product": {},
    "scaled_dot": {},
    "inverse_distance": {},
    "tanh_energy": {"energy": (4,)},
    "location": {"weight": (6, 4)},
}


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def of_core(name: str, arrays: list[Array], upstream: Array) -> list[Array]:
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    named = dict(zip(COMPARISONS[name], tensors[2:], strict=True))
    output = getattr(core, name)(*tensors[:2], **named)
    gradients = torch.autograd.grad(output, tensors, torch.tensor(upstream), allow_unused=True)
    unused = (torch.zeros_like(tensor) for tensor in tensors)
    found = (zero if each is None else each for each, zero in zip(gradients, unused, strict=True))
    return [output.detach().numpy(), *(each.numpy() for each in found)]


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparison_is_that_of_the_core(name: str) -> None:
    shapes = [*LENGTHS.values(), *COMPARISONS[name].values()]
    arrays = [make(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    upstream = make(2, 3, 5, seed=9)

    def compared(query: Any, key: Any, *parameters: Any) -> Any:
        named = dict(zip(COMPARISONS[name], parameters, strict=True))
        return partial(getattr(scores, name), **named)(query, key)

    found = differentiate(compared, *arrays, upstream=upstream)
    wanted = of_core(name, arrays, upstream)
    for each, want in zip([found.output, *found.gradients], wanted, strict=True):
        np.testing.assert_allclose(each, want, rtol=1e-5, atol=1e-5)


def test_equal_vectors_have_distance_0_and_no_gradient() -> None:
    same = make(1, 2, 3)
    found = differentiate(scores.inverse_distance, same, same.copy())
    np.testing.assert_array_equal(np.diagonal(found.output[0]), [1, 1])
    assert all(np.isfinite(gradient).all() for gradient in found.gradients)


def test_unit_vectors_have_length_1_but_for_the_zero_vector() -> None:
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [1e-10, 0.0]], dtype="float32")
    found = differentiate(scores.unit, vectors)
    wanted = torch.nn.functional.normalize(torch.tensor(vectors), dim=-1).numpy()
    np.testing.assert_allclose(found.output, wanted, rtol=1e-5)
    assert np.isfinite(found.gradients[0]).all()


def test_half_precision_is_summed_in_float32() -> None:
    """Of 2,000 hidden units, each 0.001, float16 would lose some at every addition."""
    zeros, energy = ops.zeros((1, 1, 2000), dtype="float16"), ops.full((2000,), 0.001)
    found = scores.tanh_energy(zeros, zeros + 10, energy=energy)
    assert float(ops.convert_to_numpy(found)[0, 0, 0]) == pytest.approx(2.0, rel=1e-4)


def test_more_keys_than_positions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected at most 2 keys.* Received: 3 keys"):
        scores.location(ops.zeros((1, 1, 4)), ops.zeros((1, 3, 4)), weight=ops.zeros((2, 4)))


def test_a_score_layer_is_called_by_itself() -> None:
    from regard.keras.score_layers import AdditiveScore

    query, key = make(2, 3, 4), make(2, 5, 6)
    layer = AdditiveScore(units=7)
    found = ops.convert_to_numpy(layer(query, key))
    energy, query_kernel, key_kernel, bias = map(ops.convert_to_numpy, layer.weights)
    hidden = (query @ query_kernel)[:, :, None] + (key @ key_kernel + bias)[:, None]
    np.testing.assert_allclose(found, np.tanh(hidden) @ energy[:, 0], atol=1e-5)
    assert keras.backend.standardize_dtype(layer(query, key).dtype) == "float32"
