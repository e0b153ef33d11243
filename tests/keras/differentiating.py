"""Values and gradients of layers, and of functions of arrays, on whichever backend there is."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

import regard.keras

Array = np.ndarray[Any, Any]


class Differentiated(NamedTuple):
    """What comes out, and the gradients of its weighted sum."""

    output: Array
    gradients: list[Array]


def differentiate(
    function: Callable[..., Any], *arrays: Array, upstream: Array | None = None
) -> Differentiated:
    """Call a function of tensors; its output counts as `upstream` says, else each number as 1."""
    return BACKENDS[keras.backend.backend()](function, arrays, upstream)


def differentiate_layer(
    layer: keras.layers.Layer, *arrays: Array, upstream: Array | None = None, **call: Any
) -> Differentiated:
    """Call a layer that is built; its gradients are those of the arrays, then of its weights."""
    number = len(arrays)
    values = [ops.convert_to_numpy(weight) for weight in layer.trainable_variables]
    fixed = [variable.value for variable in layer.non_trainable_variables]
    takes_several = isinstance(layer, regard.keras.MultiHeadAttention)

    def called(*tensors: Any) -> Any:
        inputs, weights = tensors[:number], tensors[number:]
        given = inputs if takes_several or number == 1 else [list(inputs)]
        output, _ = layer.stateless_call(weights, fixed, *given, **call)
        return output

    return differentiate(called, *arrays, *values, upstream=upstream)


def _on_torch(
    function: Callable[..., Any], arrays: Sequence[Array], upstream: Array | None
) -> Differentiated:
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    output = function(*tensors)
    if not output.requires_grad:
        return Differentiated(output.numpy(), [np.zeros_like(array) for array in arrays])
    by = torch.ones_like(output) if upstream is None else torch.tensor(upstream, dtype=output.dtype)
    found = torch.autograd.grad(output, tensors, by, allow_unused=True, materialize_grads=True)
    return Differentiated(output.detach().numpy(), [each.numpy() for each in found])


def _on_jax(
    function: Callable[..., Any], arrays: Sequence[Array], upstream: Array | None
) -> Differentiated:
    import jax

    @jax.jit  # operations by themselves would be compiled one after the other
    def compiled(*tensors: Any) -> tuple[Any, Any]:
        output, pull_back = jax.vjp(function, *tensors)
        by = ops.ones_like(output) if upstream is None else ops.cast(upstream, output.dtype)
        return output, pull_back(by)

    output, gradients = compiled(*map(ops.convert_to_tensor, arrays))
    return Differentiated(np.asarray(output), [np.asarray(each) for each in gradients])


def _on_tensorflow(
    function: Callable[..., Any], arrays: Sequence[Array], upstream: Array | None
) -> Differentiated:
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = function(*tensors)
    by = None if upstream is None else tf.cast(upstream, output.dtype)
    found = tape.gradient(output, tensors, by, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return Differentiated(output.numpy(), [ops.convert_to_numpy(each) for each in found])


BACKENDS = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}
