"""What a user may choose about a translator, and the recipes that choose well."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from regard.decoding.lengths import LENGTH_PENALTY
from regard.recipes.translate.architectures import (
    ModelSettings,
    RecurrentSettings,
    TransformerSettings,
    WeightedTransformerSettings,
)
from regard.training.limits import UP_TO_1, at_least, check_limits
from regard.training.settings import TrainingSettings

__all__ = [
    "RECIPES",
    "DataSettings",
    "DecodingSettings",
    "TranslateSettings",
    "TranslationTrainingSettings",
    "VocabularySettings",
]

_SMALLEST_BPE = 262  # four special tokens, one for every byte, and two for what is learnt


@dataclass(frozen=True)
class DataSettings:
    """Which text to learn from.

    Args:
        name: a data set that is known by name (see `regard data`), unless `train` is given.
        folder: where the named set lies; without it, it is loaded from the Hugging Face hub.
        train: your own text: a .tsv, .csv, .jsonl or .parquet file with two columns, or what the
            names of two aligned files begin with ("corpus/train" for train.de and train.en). Any
            of them may be gzipped.
        validation: text to choose the best epoch by; without it, a part of `train` is held out.
        test: text to judge the result by, read once.
        source: column, file ending or language to translate from; source, or de for a named set.
        target: column, file ending or language to translate to; target, or en for a named set.
        max_len: pairs with more tokens on a side are left out of training.
    """

    name: str = "multi30k"
    folder: Path | None = None
    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    source: str | None = None
    target: str | None = None
    max_len: int = 200

    def __post_init__(self) -> None:
        check_limits(self, "data", max_len=at_least(1))


@dataclass(frozen=True)
class VocabularySettings:
    """How text becomes tokens.

    Args:
        kind: words and punctuation marks, subwords (byte-pair encoding), or characters.
        size: number of subwords.
        min_frequency: words seen less often are unknown.
        lowercase: fold upper case away.
        shared: one vocabulary for both sides.
    """

    kind: Literal["words", "bpe", "characters"] = "bpe"
    size: int = 5000
    min_frequency: int = 2
    lowercase: bool = True
    shared: bool = False

    def __post_init__(self) -> None:
        smallest = _SMALLEST_BPE if self.kind == "bpe" else 1
        check_limits(self, "vocabulary", size=at_least(smallest), min_frequency=at_least(1))


@dataclass(frozen=True)
class TranslationTrainingSettings(TrainingSettings):
    """How long, how fast and on what to train a translator.

    Args:
        teacher_forcing: share of true words among those given at the last step; it falls linearly
            from 1, and the others are the model's own (scheduled sampling).
    """

    select: Literal["bleu", "exact", "loss"] = "bleu"
    teacher_forcing: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limits(self, "training", teacher_forcing=UP_TO_1)


@dataclass(frozen=True)
class DecodingSettings:
    """How the finished model is judged.

    Args:
        beam_size: hypotheses followed at once; 1 is greedy.
        length_penalty: above 0 favours longer translations (Wu et al. 2016).
        coverage_penalty: above 0 favours those that look at all of the source (Wu et al. 2016).
    """

    beam_size: int = 10
    length_penalty: float = LENGTH_PENALTY
    coverage_penalty: float = 0.0

    def __post_init__(self) -> None:
        check_limits(
            self,
            "decoding",
            beam_size=at_least(1),
            length_penalty=at_least(0),
            coverage_penalty=at_least(0),
        )
        if self.coverage_penalty and self.beam_size == 1:
            raise ValueError(
                "decoding.coverage_penalty ranks what a decoding.beam_size of 2 or more finds"
            )


@dataclass(frozen=True)
class TranslateSettings:
    """All that a run of `regard train translate` depends on."""

    data: DataSettings = field(default_factory=DataSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    model: ModelSettings = field(default_factory=RecurrentSettings)
    training: TranslationTrainingSettings = field(default_factory=TranslationTrainingSettings)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)

    def __post_init__(self) -> None:
        if getattr(self.model, "shared", False) and not self.vocabulary.shared:
            raise ValueError("model.shared embeddings need one vocabulary: set vocabulary.shared")


_OF_TRANSFORMERS = TranslationTrainingSettings(
    epochs=20, learning_rate=1.5e-3, schedule="linear", warmup_steps=400
)

RECIPES = {
    "subwords": TranslateSettings(),
    "transformer": TranslateSettings(
        model=TransformerSettings(),
        training=_OF_TRANSFORMERS,
        decoding=DecodingSettings(beam_size=4),
    ),
    "weighted": TranslateSettings(
        model=WeightedTransformerSettings(),
        training=_OF_TRANSFORMERS,
        decoding=DecodingSettings(beam_size=4),
    ),
    "words": TranslateSettings(
        vocabulary=VocabularySettings(kind="words"),
        training=TranslationTrainingSettings(epochs=10, label_smoothing=0.0),
        decoding=DecodingSettings(beam_size=1),
    ),
    "dates": TranslateSettings(
        data=DataSettings(name="dates"),
        vocabulary=VocabularySettings(kind="characters", lowercase=False),
        model=RecurrentSettings(embed_dim=64, hidden_dim=160, dropout=0.0),
        training=TranslationTrainingSettings(
            epochs=2,
            max_tokens=3000,
            max_sentences=512,
            learning_rate=3e-3,
            warmup_steps=200,
            label_smoothing=0.0,
            select="exact",
            devices="1",
        ),
        decoding=DecodingSettings(beam_size=1),
    ),
}
"""Settings that go well together: recurrent on sub-words (recommended), Transformers, the
tutorials' words, dates."""
