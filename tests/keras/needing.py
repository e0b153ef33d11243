"""How much memory gradients need, on whichever backend there is."""

from collections.abc import Callable
from typing import Any

import keras

from tests.keras.differentiating import Array


def bytes_needed(function: Callable[..., Any], *arrays: Array) -> int:
    """Return how many bytes a value and its gradients take at once; on TensorFlow, at least.

    There it is what the largest tensor of the graph takes.
    """
    return BACKENDS[keras.backend.backend()](function, *arrays)


def _on_torch(function: Callable[..., Any], *arrays: Array) -> int:
    import torch

    from regard.bench.measuring import peak_memory

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]

    def run() -> Any:
        return torch.autograd.grad(function(*tensors).square().sum(), tensors)

    run()  # what is made once
    return peak_memory(run, torch.device("cpu"))


def _on_jax(function: Callable[..., Any], *arrays: Array) -> int:
    import jax

    def total(*tensors: Any) -> Any:
        return (function(*tensors) ** 2).sum()

    gradients = jax.jit(jax.grad(total, argnums=range(len(arrays))))
    return gradients.lower(*arrays).compile().memory_analysis().temp_size_in_bytes


def _on_tensorflow(function: Callable[..., Any], *arrays: Array) -> int:
    import tensorflow as tf

    @tf.function(autograph=False)
    def gradients(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = tf.reduce_sum(tf.square(function(*tensors)))
        return tape.gradient(total, tensors)

    graph = gradients.get_concrete_function(*map(tf.constant, arrays)).graph
    operations = [
        operation for each in (graph, *graph._functions.values()) for operation in _operations(each)
    ]
    sizes = [
        output.shape.num_elements() or 0 for operation in operations for output in operation.outputs
    ]
    return 4 * max(sizes)


def _operations(graph: Any) -> Any:
    return getattr(graph, "graph", graph).get_operations()


BACKENDS = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}
