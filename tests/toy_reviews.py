"""Labelled texts that a tiny classifier learns in a second: one word of each decides its class."""

import csv
import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regard.interfaces import Labelled
from regard.recipes.classify.settings import RECIPES, ClassifySettings

COMMON = ["the", "film", "story", "was", "a", "with", "long", "about", "evening", "in", "seen"]
SIGNS = {
    "bad": ["awful", "dull", "boring"],
    "good": ["wonderful", "great", "moving"],
    "odd": ["strange", "weird", "puzzling"],
}
"""The words that decide, by the class that they decide for."""

TWO = ("bad", "good")
SIZES: dict[str, dict[str, Any]] = {
    "ngram": {"num_heads": 2},
    "recurrent": {"embed_dim": 16, "hidden_dim": 8, "dropout": 0.0},
    "article": {"embed_dim": 16, "hidden_dim": 8, "dropout": 0.0},
    "convolutional": {"embed_dim": 16, "channels": 8, "attention_dim": 8, "widths": (1, 2)},
    "hierarchical": {"embed_dim": 16, "hidden_dim": 8, "attention_dim": 8, "dropout": 0.0},
    "transformer": {"embed_dim": 16, "num_layers": 1, "num_heads": 2, "feedforward_dim": 16},
}
TRAINING: dict[str, Any] = {
    "epochs": 3,
    "max_sentences": 16,
    "learning_rate": 0.02,
    "warmup_steps": 0,
    "accelerator": "cpu",
    "devices": "1",
    "progress": False,
}


def make_reviews(number: int, seed: int = 0, classes: Sequence[str] = TWO) -> list[Labelled]:
    """Make so many different texts of one to three sentences, of each class about as many."""
    rng = random.Random(seed)
    reviews: dict[str, Labelled] = {}
    while len(reviews) < number:
        name = classes[len(reviews) % len(classes)]
        sentences = [rng.choices(COMMON, k=rng.randint(3, 7)) for _ in range(rng.randint(1, 3))]
        decisive = rng.choice(sentences)
        decisive[rng.randrange(len(decisive))] = rng.choice(SIGNS[name])
        text = " ".join(" ".join(words).capitalize() + "." for words in sentences)
        reviews[text] = Labelled(text, (name,))
    return list(reviews.values())


def make_topics(number: int, seed: int = 0) -> list[Labelled]:
    """Make texts of one or two labels each, with a word for each label."""
    rng = random.Random(seed)
    topics: dict[str, Labelled] = {}
    while len(topics) < number:
        labels = tuple(sorted(rng.sample(sorted(SIGNS), k=rng.randint(1, 2))))
        words = rng.choices(COMMON, k=6) + [rng.choice(SIGNS[label]) for label in labels]
        rng.shuffle(words)
        text = " ".join(words)
        topics[text] = Labelled(text, labels)
    return list(topics.values())


def write_reviews(path: Path, rows: Sequence[Labelled], *, separator: str = ";") -> Path:
    """Write texts to a .csv file, several labels divided by `separator`, or, as lists, a .jsonl."""
    if path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, "label": list(labels)}) for text, labels in rows]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(("text", "label"))
        csv.writer(file).writerows((text, separator.join(labels)) for text, labels in rows)
    return path


def write_folders(path: Path, rows: Sequence[Labelled]) -> Path:
    """Write texts to a folder that holds a folder for each class."""
    for number, (text, [label]) in enumerate(rows):
        (path / label).mkdir(parents=True, exist_ok=True)
        (path / label / f"{number}.txt").write_text(text, "utf-8")
    return path


def tiny(recipe: str, **changes: dict[str, Any]) -> ClassifySettings:
    """Return a recipe made tiny, with some settings changed: `tiny("ngram", training={…})`."""
    chosen = RECIPES[recipe]
    given = {name: changes.get(name, {}) for name in ("data", "vocabulary", "model", "training")}
    given["model"] = SIZES[recipe] | given["model"]
    given["training"] = TRAINING | given["training"]
    groups = {
        name: dataclasses.replace(getattr(chosen, name), **values) for name, values in given.items()
    }
    return dataclasses.replace(chosen, **groups)


def write_config(path: Path, recipe: str, **changes: dict[str, Any]) -> Path:
    """Write what `tiny` returns to a file for --config (any JSON is YAML)."""
    settings = dataclasses.asdict(tiny(recipe, **changes))
    path.write_text(json.dumps({"recipe": recipe, **settings}, default=str), "utf-8")
    return path
