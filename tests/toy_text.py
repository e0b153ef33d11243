"""Plain text that a tiny language model learns to write in a second."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

from regard.recipes.generate.settings import RECIPES, GenerateSettings

WHO = ["the dog", "the cat", "a bird"]
DOES = ["sees", "hears"]

SIZES: dict[str, Any] = {
    "embed_dim": 32,
    "num_layers": 2,
    "num_heads": 2,
    "feedforward_dim": 32,
    "dropout": 0.0,
    "reach": 15,
}
TRAINING: dict[str, Any] = {
    "epochs": 3,
    "max_tokens": 600,
    "learning_rate": 0.01,
    "warmup_steps": 5,
    "accelerator": "cpu",
    "devices": "1",
    "progress": False,
}


def make_text(num_lines: int, seed: int = 0) -> str:
    """Make lines of three parts each, such as `the dog sees a bird.`"""
    rng = random.Random(seed)
    lines = (f"{rng.choice(WHO)} {rng.choice(DOES)} {rng.choice(WHO)}.\n" for _ in range(num_lines))
    return "".join(lines)


def write_text(path: Path, num_lines: int, seed: int = 0) -> Path:
    """Write such lines to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_text(num_lines, seed), "utf-8")
    return path


def tiny(recipe: str = "characters", **changes: dict[str, Any]) -> GenerateSettings:
    """Return a recipe made tiny, with some settings changed: `tiny(training={"epochs": 1})`."""
    chosen = RECIPES[recipe]
    given = {name: changes.get(name, {}) for name in ("data", "vocabulary", "model", "training")}
    given["data"] = {"block_len": 32} | given["data"]
    given["vocabulary"] = ({"size": 300} if recipe == "bpe" else {}) | given["vocabulary"]
    given["model"] = SIZES | given["model"]
    given["training"] = TRAINING | given["training"]
    groups = {
        name: dataclasses.replace(getattr(chosen, name), **values) for name, values in given.items()
    }
    return dataclasses.replace(chosen, **groups)


def write_config(path: Path, recipe: str = "characters", **changes: dict[str, Any]) -> Path:
    """Write what `tiny` returns to a file for --config (any JSON is YAML)."""
    settings = dataclasses.asdict(tiny(recipe, **changes))
    path.write_text(json.dumps({"recipe": recipe, **settings}, default=str), "utf-8")
    return path
