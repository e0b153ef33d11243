"""Models with sizes that are left open are exported, and give the same where they are served."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from regard.keras import AdditiveAttention, Attention, LocalAttention, MultiHeadAttention
from tests.keras.differentiating import Array

BACKEND = keras.backend.backend()


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.compiled
@pytest.mark.skipif(BACKEND == "torch", reason="Keras exports from PyTorch by another library")
@pytest.mark.parametrize(
    "layer",
    [
        lambda: AdditiveAttention(8),
        lambda: Attention(4, "bahdanau"),
        lambda: LocalAttention(4, 2),
        lambda: MultiHeadAttention(2, 3, score="additive"),
    ],
    ids=["AdditiveAttention", "Attention", "LocalAttention", "MultiHeadAttention"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_of_any_length_is_exported(layer: Any, tmp_path: Path) -> None:
    import tensorflow as tf  # what is exported is TensorFlow's, from JAX too

    inputs, made = keras.Input((None, 4)), layer()
    if isinstance(made, Attention):
        read = made(inputs)
    elif isinstance(made, MultiHeadAttention):
        read = made(inputs, inputs)
    else:
        read = made([inputs, inputs])
    model = keras.Model(inputs, read)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    for batch, length in ((2, 20), (3, 5)):
        given = make(batch, length, 4)
        wanted = ops.convert_to_numpy(model(given))
        np.testing.assert_allclose(served.serve(given).numpy(), wanted, atol=1e-5)
