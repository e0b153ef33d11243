"""What a user may choose about a language model, and the recipes that choose well."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from regard.recipes.choices import NormalizerName, ScoreName
from regard.recipes.layers import LayerSettings
from regard.training.limits import at_least, check_goes_with, check_limits
from regard.training.settings import TrainingSettings

__all__ = [
    "RECIPES",
    "DataSettings",
    "GenerateSettings",
    "LanguageModelSettings",
    "LanguageTrainingSettings",
    "VocabularySettings",
]

_SMALLEST_BPE = 262  # four special tokens, one for every byte, and two for what is learnt


@dataclass(frozen=True)
class DataSettings:
    """Which text to learn from.

    Args:
        name: a text that is known by name (see `regard data`), unless `train` is given.
        train: your own text: a file, a folder (all .txt and .txt.gz in it and below), or a pattern
            such as "books/*.md"; each file is one text, and may be gzipped.
        validation: text to choose the best epoch by, likewise; without it, the lines of the last
            tenth of each text are held out.
        test: text to judge the result by, likewise; read once.
        block_len: tokens of the blocks into which texts are cut, which are read by themselves.
    """

    name: str = "python-reference"
    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    block_len: int = 128

    def __post_init__(self) -> None:
        check_limits(self, "data", block_len=at_least(2))


@dataclass(frozen=True)
class VocabularySettings:
    """How text becomes tokens.

    Args:
        kind: characters, or subwords (byte-pair encoding), which keep the ends of lines, but of
            other blanks no more than one.
        size: number of subwords.
        lowercase: fold upper case away.
    """

    kind: Literal["characters", "bpe"] = "characters"
    size: int = 2000
    lowercase: bool = False

    def __post_init__(self) -> None:
        check_limits(self, "vocabulary", size=at_least(_SMALLEST_BPE))
        check_goes_with(self, "vocabulary", "kind", size=("bpe",))


@dataclass(frozen=True)
class LanguageModelSettings(LayerSettings):
    """The language model; see `regard.models.TransformerLanguageModel`.

    Args:
        norm: whether layers normalise what they read (pre) or what they give (post).
        positions: how a position is told: by turning queries and keys (rotary), by sinusoids, or by
            a learned vector; learned ones end where a block does.
        reach: how many positions before its own each sees; null for all. If it is below
            data.block_len and positions are rotary, no text is too long: however much is written,
            each position sees as much as in training.
        score: how well a position matches another.
        normalizer: from scores to weights.
    """

    embed_dim: int = 128
    num_layers: int = 4
    num_heads: int = 4
    feedforward_dim: int = 512
    norm: Literal["post", "pre"] = "pre"
    positions: Literal["sinusoid", "learned", "rotary"] = "rotary"
    score: ScoreName = "scaled_dot"
    normalizer: NormalizerName = "softmax"


@dataclass(frozen=True)
class LanguageTrainingSettings(TrainingSettings):
    """How long, how fast and on what to train a language model.

    Args:
        max_tokens: padded tokens in a batch of blocks of similar length.
        max_sentences: blocks in a batch; with max_tokens 0, batches of just that many at random.
    """

    epochs: int = 8
    max_tokens: int = 1100
    max_sentences: int = 32
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    label_smoothing: float = 0.0
    select: Literal["loss"] = "loss"


@dataclass(frozen=True)
class GenerateSettings:
    """All that a run of `regard train generate` depends on."""

    data: DataSettings = field(default_factory=DataSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    model: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    training: LanguageTrainingSettings = field(default_factory=LanguageTrainingSettings)


RECIPES = {
    "characters": GenerateSettings(model=LanguageModelSettings(reach=63)),
    "bpe": GenerateSettings(
        model=LanguageModelSettings(reach=63),
        vocabulary=VocabularySettings(kind="bpe"),
        training=LanguageTrainingSettings(epochs=12, learning_rate=2e-3),
    ),
}
"""Settings that go well together: a model of characters, and one of sub-words."""
