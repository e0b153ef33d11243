"""Losses by their short names, as Keras cannot find them when it reads a file of type .h5.

Keras 3 writes `loss="mae"` into such a file and looks for `keras.metrics.mae` when it reads it,
which does not exist; so `model.save("model.h5")` could not be loaded again. It looks there last,
after everything that a reader calls by that name.
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
    """Let Keras find its losses where it looks for them."""
    try:
        from keras.src.api_export import REGISTERED_NAMES_TO_OBJS as FOUND
    except ImportError:  # a Keras that keeps them elsewhere
        return
    for name, loss in LOSSES.items():
        FOUND.setdefault(f"keras.metrics.{name}", loss)
