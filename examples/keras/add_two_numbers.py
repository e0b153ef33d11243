"""Learn to add the two numbers that stand behind a delimiter, and show where attention looked.

    KERAS_BACKEND=torch python examples/keras/add_two_numbers.py

Of 0.3 0.6 | 0.4 0.2 | 0.1 0.5, say, the sum is 0.4 + 0.1; a delimiter is 0. The last state knows
little of numbers far back: attention has to find them.
"""

import argparse

import keras
import numpy as np
from keras import layers

from regard.keras import Attention

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    """Train, and print the error on other sequences and where the weights are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--score", default="bahdanau", help="any score of regard.keras")
    parser.add_argument("--steps", type=int, default=10, help="length of a sequence")
    parser.add_argument("--samples", type=int, default=3000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=10, help="times through all of them")
    settings = parser.parse_args()

    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, 1))
    states = layers.GRU(24, return_sequences=True)(inputs)
    vector, weights = Attention(32, settings.score)(states, return_attention_scores=True)
    model = keras.Model(inputs, layers.Dense(1)(vector))
    model.compile(loss="mae", optimizer=keras.optimizers.Adam(0.03))

    sequences, _, sums = make(settings.samples, settings.steps, seed=0)
    model.fit(sequences, sums, batch_size=100, epochs=settings.epochs, verbose=0)

    sequences, delimiters, sums = make(500, settings.steps, seed=1)
    error = np.abs(model.predict(sequences, verbose=0) - sums).mean()
    guessing = np.abs(sums.mean() - sums).mean()
    print(f"mean error: {error:.3f}; of the mean as a guess: {guessing:.3f}")
    shown = keras.Model(inputs, weights).predict(sequences, verbose=0)
    behind = np.take_along_axis(shown, delimiters + 1, axis=1).sum(axis=1).mean()
    print(f"share of attention right behind the delimiters: {behind:.0%}")


def make(number: int, steps: int, *, seed: int) -> Arrays:
    """Make sequences, where their two delimiters are, and the sums to be learnt."""
    random = np.random.default_rng(seed)
    sequences = random.uniform(0.1, 1.0, size=(number, steps))
    first = random.integers(0, steps // 2 - 1, size=number)
    second = random.integers(steps // 2, steps - 1, size=number)
    delimiters = np.stack([first, second], axis=1)
    np.put_along_axis(sequences, delimiters, 0, axis=1)
    sums = np.take_along_axis(sequences, delimiters + 1, axis=1).sum(axis=1, keepdims=True)
    return sequences[..., None].astype("float32"), delimiters, sums.astype("float32")


if __name__ == "__main__":
    main()
