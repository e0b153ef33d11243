"""A toy language and a tiny translator of it, learnt in seconds."""

import random
from pathlib import Path

from regard.recipes.settings import (
    DataSettings,
    DecodingSettings,
    ModelSettings,
    TranslateSettings,
    VocabularySettings,
)
from regard.training.settings import TrainingSettings

WORDS = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four", "fünf": "five"}


def write_pairs(path: Path, num_pairs: int = 300, seed: int = 0) -> Path:
    """Write sentences of number words and their translations, word by word."""
    rng = random.Random(seed)
    lines = []
    for _ in range(num_pairs):
        source = rng.choices(list(WORDS), k=rng.randint(1, 5))
        lines.append(f"{' '.join(source)}\t{' '.join(WORDS[word] for word in source)}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def tiny_settings(train: Path, **training: object) -> TranslateSettings:
    """Settings of a translator that trains in a second or two."""
    defaults: dict[str, object] = {
        "epochs": 2,
        "max_tokens": 200,
        "learning_rate": 1e-2,
        "warmup_steps": 5,
        "progress": False,
        "accelerator": "cpu",
        "devices": "1",
    }
    return TranslateSettings(
        data=DataSettings(train=train),
        vocabulary=VocabularySettings(kind="words", min_frequency=1, shared=False),
        model=ModelSettings(embed_dim=16, hidden_dim=24, dropout=0.1),
        training=TrainingSettings(**(defaults | training)),  # type: ignore[arg-type]
        decoding=DecodingSettings(beam_size=2),
    )
