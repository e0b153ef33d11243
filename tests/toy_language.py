"""A language that a tiny model learns in seconds: a word for a word, and names stay as they are."""

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from regard.interfaces import Pair
from regard.recipes.translate.architectures import RecurrentSettings
from regard.recipes.translate.settings import (
    DataSettings,
    DecodingSettings,
    TranslateSettings,
    TranslationTrainingSettings,
    VocabularySettings,
)

WORDS = {
    "ein": "a",
    "haus": "house",
    "hund": "dog",
    "baum": "tree",
    "sieht": "sees",
    "mann": "man",
    "rot": "red",
    "klein": "small",
    "und": "and",
    "geht": "goes",
}


def make_pairs(number: int, seed: int = 0) -> list[Pair]:
    """Make so many different pairs; each name stands in one of them alone."""
    rng = random.Random(seed)
    pairs: dict[str, Pair] = {}
    while len(pairs) < number:
        words = rng.choices(list(WORDS), k=rng.randint(1, 4))
        if rng.random() < 0.2:
            words[rng.randrange(len(words))] = "".join(rng.choices(ascii_lowercase, k=8))
        source = " ".join(words)
        pairs[source] = Pair(source, translated(source))
    return list(pairs.values())


def translated(source: str) -> str:
    """Translate as the language wants it."""
    return " ".join(WORDS.get(word, word) for word in source.split())


def write_pairs(path: Path, pairs: Sequence[Pair]) -> Path:
    """Write pairs to a .tsv file."""
    rows = [Pair("source", "target"), *pairs]
    path.write_text("".join(f"{source}\t{target}\n" for source, target in rows), "utf-8")
    return path


TINY = TranslateSettings(
    data=DataSettings(max_len=20),
    vocabulary=VocabularySettings(kind="words", shared=False),
    model=RecurrentSettings(embed_dim=32, hidden_dim=32, readout_dim=None, tied=False, dropout=0.0),
    training=TranslationTrainingSettings(
        epochs=6,
        max_sentences=16,
        learning_rate=0.02,
        warmup_steps=5,
        label_smoothing=0.0,
        accelerator="cpu",
        devices="1",
        progress=False,
    ),
    decoding=DecodingSettings(beam_size=1),
)
"""Settings with which a few hundred pairs are learnt in two seconds."""


def tiny(**changes: dict[str, Any]) -> TranslateSettings:
    """Return `TINY` with some settings changed: `tiny(training={"epochs": 1})`."""
    groups = {
        group: dataclasses.replace(getattr(TINY, group), **values)
        for group, values in changes.items()
    }
    return dataclasses.replace(TINY, **groups)


def write_config(path: Path, **changes: dict[str, Any]) -> Path:
    """Write what `tiny` returns to a file for --config (any JSON is YAML)."""
    path.write_text(json.dumps(dataclasses.asdict(tiny(**changes)), default=str), "utf-8")
    return path
