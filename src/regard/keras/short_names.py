"""Losses by their short names, as Keras cannot find them when it reads a file of type .h5.

Keras 3 writes `loss="mae"` into such a file and looks for `keras.metrics.mae` when it reads it,
which does not exist; so `model.save("model.h5")` could not be loaded again.
"""

import keras

__all__ = ["know_losses"]

LOSSES = {
    "kld": keras.losses.kl_divergence,
    "mae": keras.losses.mean_absolute_error,
    "mape": keras.losses.mean_absolute_percentage_error,
    "mse": keras.losses.mean_squared_error,
    "msle": keras.losses.mean_squared_logarithmic_error,
}


def know_losses() -> None:
    """Let Keras know the functions that it calls by these names; those of a reader's own stay."""
    known = keras.saving.get_custom_objects()
    for name, loss in LOSSES.items():
        known.setdefault(name, loss)
