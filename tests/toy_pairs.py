"""Pairs that a tiny matcher learns in seconds: an answer is about what the question is about."""

import csv
import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regard.interfaces import Matched
from regard.recipes.match.settings import RECIPES, MatchSettings

THINGS = ("cat", "dog", "horse", "bird", "house", "tree", "ball", "river")
PLACES = ("garden", "kitchen", "street", "forest", "yard")
CONVOLUTIONAL = {"embed_dim": 16, "channels": 8, "window": 2, "num_blocks": 1, "dropout": 0.0}
SIZES: dict[str, dict[str, Any]] = {
    "bcnn": CONVOLUTIONAL,
    "abcnn1": CONVOLUTIONAL,
    "abcnn2": CONVOLUTIONAL,
    "abcnn3": CONVOLUTIONAL,
    "compare_aggregate": {"embed_dim": 16, "hidden_dim": 8, "dropout": 0.0},
    "attentive": {"embed_dim": 16, "hidden_dim": 8, "dropout": 0.0},
    "transformer": {
        "embed_dim": 16,
        "num_layers": 1,
        "num_heads": 2,
        "feedforward_dim": 16,
        "dropout": 0.0,
    },
}
TRAINING: dict[str, Any] = {
    "epochs": 6,
    "max_sentences": 16,
    "learning_rate": 0.02,
    "warmup_steps": 0,
    "accelerator": "cpu",
    "devices": "1",
    "progress": False,
}


def make_questions(number: int, seed: int = 0, num_things: int = len(THINGS)) -> list[Matched]:
    """Make so many questions with four candidates each, of which one or two are answers."""
    things = THINGS[:num_things]
    rng = random.Random(seed)
    rows = []
    for at in range(number):
        thing = rng.choice(things)
        asked = f"question {at} : the {thing} ?"
        others = rng.sample([other for other in things if other != thing], k=3)
        about = [thing, *others] if rng.random() < 0.7 else [thing, thing, *others[:2]]
        rng.shuffle(about)
        for each in about:
            answer = f"the {each} , {rng.choice(PLACES)} ."
            rows.append(Matched(asked, answer, "yes" if each == thing else "no", asked))
    return rows


def graded(rows: Sequence[Matched]) -> list[Matched]:
    """Give the same pairs grades, near 1 or near 5."""
    rng = random.Random(7)
    near = {"no": 1.2, "yes": 4.5}
    return [
        row._replace(label=f"{near[row.label] + rng.uniform(-0.2, 0.2):.2f}", group="")
        for row in rows
    ]


def write_pairs(path: Path, rows: Sequence[Matched]) -> Path:
    """Write pairs to a .csv file, with a column for what they are ranked for."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(("left", "right", "label", "question"))
        csv.writer(file).writerows(rows)
    return path


def tiny(recipe: str, **changes: dict[str, Any]) -> MatchSettings:
    """Return a recipe made tiny, with some settings changed: `tiny("bcnn", training={…})`."""
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
