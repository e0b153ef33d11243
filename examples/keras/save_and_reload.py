"""Train an LSTM with attention, save it, load it again: the predictions are the same.

    KERAS_BACKEND=torch python examples/keras/save_and_reload.py

The script of the package `attention`, on random numbers: there is nothing to be learnt.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from keras import layers

from regard.keras import Attention


def main() -> None:
    """Train, save, reload, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--file", type=Path, default=Path("model.keras"), help=".keras or .h5")
    parser.add_argument("--score", default="luong", help="any score of regard.keras")
    parser.add_argument("--epochs", type=int, default=10, help="times through the numbers")
    settings = parser.parse_args()

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    data_x, data_y = random.uniform(size=(100, 10, 1)), random.uniform(size=(100, 1))

    inputs = keras.Input((10, 1))
    states = layers.LSTM(64, return_sequences=True)(inputs)
    outputs = layers.Dense(1)(Attention(32, settings.score)(states))
    model = keras.Model(inputs, outputs)
    model.compile(loss="mae", optimizer="adam")
    model.summary()
    model.fit(data_x, data_y, epochs=settings.epochs, verbose=0)

    before = model.predict(data_x, verbose=0)
    model.save(settings.file)
    after = keras.models.load_model(settings.file).predict(data_x, verbose=0)
    same = "the same to the last bit" if np.array_equal(before, after) else "different"
    print(f"predictions of {settings.file.name}: {same}")


if __name__ == "__main__":
    main()
