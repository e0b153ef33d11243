"""Write a sequence of letters backwards: sequence to sequence, with attention.

    KERAS_BACKEND=torch python examples/keras/reverse.py

The encoder reads, the decoder writes a letter at a time and looks, for each, at what was read: all
its steps at once in training. Afterwards it is on its own, and its weights are the alignment.
"""

import argparse

import keras
import numpy as np
from keras import layers

from regard.keras import AdditiveAttention

PADDING, BEGIN, FIRST = 0, 1, 2
LETTERS = "abcdefghij"
VOCABULARY = FIRST + len(LETTERS)


def main() -> None:
    """Train, let it write, and show where it looked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--longest", type=int, default=8, help="letters of a sequence, at most")
    parser.add_argument("--samples", type=int, default=4000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=12, help="times through all of them")
    parser.add_argument("--normalizer", default="softmax", help="softmax, sparsemax, entmax15 …")
    settings = parser.parse_args()

    keras.utils.set_random_seed(0)
    model, alignment = make_models(settings.normalizer)
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=PADDING),
        optimizer=keras.optimizers.Adam(0.02),
    )
    source, target = make(settings.samples, settings.longest, seed=0)
    model.fit([source, begun(target)], target, batch_size=100, epochs=settings.epochs, verbose=0)

    source, target = make(200, settings.longest, seed=1)
    written = write(model, source)
    real = target != PADDING
    print(f"letters right: {(written == target)[real].mean():.1%}")
    longest = slice(at := int(real.sum(axis=1).argmax()), at + 1)
    [weights] = alignment.predict([source[longest], begun(written[longest])], verbose=0)
    print("read", spelt(source[at]), "wrote", spelt(written[at]))
    for letter, row in zip(spelt(written[at]), weights, strict=False):
        print(letter, " ".join(f"{weight:4.0%}" for weight in row))


def make_models(normalizer: str) -> tuple[keras.Model, keras.Model]:
    """Return what predicts the next letter, and what gives the weights it was predicted by."""
    source, before = (keras.Input((None,), dtype="int32") for _ in range(2))
    read = layers.Embedding(VOCABULARY, 16, mask_zero=True)(source)
    encoder = layers.Bidirectional(layers.GRU(24, return_sequences=True, return_state=True))
    states, forwards, backwards = encoder(read)
    first = layers.Dense(48, activation="tanh")(layers.Concatenate()([forwards, backwards]))
    written = layers.Embedding(VOCABULARY, 16, mask_zero=True)(before)
    decoder = layers.GRU(48, return_sequences=True)
    queries = decoder(written, initial_state=first)
    attention = AdditiveAttention(32, normalizer=normalizer)
    contexts, weights = attention([queries, states], return_attention_scores=True)
    merged = layers.Dense(48, activation="tanh")(layers.Concatenate()([queries, contexts]))
    letters = layers.Dense(VOCABULARY, activation="softmax")(merged)
    return keras.Model([source, before], letters), keras.Model([source, before], weights)


def make(number: int, longest: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Make sequences of all lengths, padded, and the same backwards."""
    random = np.random.default_rng(seed)
    source = random.integers(FIRST, VOCABULARY, size=(number, longest))
    lengths = random.integers(2, longest + 1, size=number)
    target = np.zeros_like(source)
    for given, wanted, length in zip(source, target, lengths, strict=True):
        given[length:] = PADDING
        wanted[:length] = given[:length][::-1]
    return source, target


def begun(target: np.ndarray) -> np.ndarray:
    """Return what stands before each letter."""
    first = np.full_like(target[:, :1], BEGIN)
    return np.concatenate([first, target[:, :-1]], axis=1)


def write(model: keras.Model, source: np.ndarray) -> np.ndarray:
    """Write greedily, as many letters as there are."""
    written = np.zeros_like(source)
    for step in range(source.shape[1]):
        # What comes later has no say in what comes now, whatever stands there.
        following = np.where(begun(written) == PADDING, BEGIN, begun(written))
        written[:, step] = model.predict([source, following], verbose=0)[:, step].argmax(axis=-1)
    return written


def spelt(ids: np.ndarray) -> str:
    """Return the letters of a sequence."""
    return "".join(LETTERS[number - FIRST] for number in ids if number >= FIRST)


if __name__ == "__main__":
    main()
