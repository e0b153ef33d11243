"""What a user may choose about a matcher of pairs, and the recipes that choose well."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from regard.recipes.choices import ScoreName
from regard.training.limits import (
    SHARE,
    WIDTHS,
    at_least,
    check_divides,
    check_goes_with,
    check_limits,
)
from regard.training.settings import TrainingSettings

__all__ = [
    "MATCHERS",
    "RECIPES",
    "AttentiveSettings",
    "CompareAggregateSettings",
    "ConvolutionalSettings",
    "DataSettings",
    "MatchSettings",
    "MatchTrainingSettings",
    "MatcherSettings",
    "TransformerSettings",
    "VocabularySettings",
]

_SMALLEST_WORDS = 5  # four special tokens, and a word
_SMALLEST_BPE = 262  # four special tokens, one for every byte, and two for what is learnt


@dataclass(frozen=True)
class DataSettings:
    """Which pairs to learn from.

    Args:
        name: a data set that is known by name (see `regard data`), unless `train` is given.
        folder: where the named set lies; without it, it is loaded from the Hugging Face hub.
        train: your own pairs: a .tsv, .csv, .jsonl or .parquet file with two texts and a label.
        validation: pairs to choose the best epoch by; without it, a part of `train` is held out.
        test: pairs to judge the result by, read once.
        left: column that holds the first text: of a ranking, the question.
        right: column that holds the second.
        label: column that holds what is true of the two: a class, or a grade.
        group: column by which pairs are ranked: those alike in it are candidates for one place.
        positive: of two classes the one that is right: what is ranked first, and what F1 is of; the
            second in order, if not given (1 of 0 and 1, yes of no and yes).
        grades: the least grade and the greatest, where labels are numbers between two.
        features: tell the model what else is known of a pair: shared words, lengths, numbers.
        max_len: tokens read of each text.
        keep: which part of a longer text is read.
    """

    name: str = "wikiqa"
    folder: Path | None = None
    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    left: str = "left"
    right: str = "right"
    label: str = "label"
    group: str | None = None
    positive: str | None = None
    grades: tuple[float, float] | None = None
    features: bool = False
    max_len: int = 40
    keep: Literal["first", "last", "both"] = "first"

    def __post_init__(self) -> None:
        check_limits(self, "data", max_len=at_least(1))
        if self.left == self.right:
            raise ValueError(f"data.left and data.right must differ; both are '{self.left}'")
        if self.grades is not None and self.grades[0] >= self.grades[1]:
            raise ValueError(
                "data.grades are the least grade and a greater; got "
                f"{self.grades[0]:g} and {self.grades[1]:g}"
            )


@dataclass(frozen=True)
class VocabularySettings:
    """How text becomes tokens.

    Args:
        kind: words and punctuation marks, subwords (byte-pair encoding), or characters.
        size: number of subwords, or of words at most.
        min_frequency: words seen less often are unknown.
        lowercase: fold upper case away.
        vectors: pretrained word vectors to begin with, in the text format of GloVe or word2vec; of
            words, those that have one are known too, though no training text has them, while there
            is room in `size`.
        tuned: learn on from the vectors; false keeps them as they are.
    """

    kind: Literal["words", "bpe", "characters"] = "words"
    size: int = 100_000
    min_frequency: int = 1
    lowercase: bool = True
    vectors: Path | None = None
    tuned: bool = True

    def __post_init__(self) -> None:
        smallest = _SMALLEST_BPE if self.kind == "bpe" else _SMALLEST_WORDS
        check_limits(self, "vocabulary", size=at_least(smallest), min_frequency=at_least(1))
        if not self.tuned and self.vectors is None:
            raise ValueError("vocabulary.tuned false keeps vocabulary.vectors; give them too")


@dataclass(frozen=True)
class ConvolutionalSettings:
    """BCNN and ABCNN-1 to -3; see `regard.models.ConvolutionalMatcher`.

    Args:
        kind: without attention (bcnn), or with attention before each convolution (abcnn1), after it
            (abcnn2) or both (abcnn3).
        embed_dim: width of the embeddings.
        channels: features of each convolution.
        window: words in an n-gram.
        num_blocks: convolutions on each other.
        score: how well two positions match.
        compares: what a level tells of the two: how similar their averages are (similarities, as
            published), also what these are, how they differ and agree (vectors), or how much of
            each text has its like in the other (coverage).
        hidden_dim: width of a layer between what is told and the output; 0 for none, as published.
        dropout: share of activations dropped in training.
    """

    kind: Literal["bcnn", "abcnn1", "abcnn2", "abcnn3"] = "abcnn3"
    embed_dim: int = 100
    channels: int = 50
    window: int = 4
    num_blocks: int = 2
    score: ScoreName = "distance"
    compares: Literal["similarities", "vectors", "coverage"] = "vectors"
    hidden_dim: int = 20
    dropout: float = 0.2

    def __post_init__(self) -> None:
        counts = ("embed_dim", "channels", "window", "num_blocks")
        widths = dict.fromkeys(counts, at_least(1))
        check_limits(self, "model", dropout=SHARE, hidden_dim=at_least(0), **widths)
        check_goes_with(self, "model", "kind", score=("abcnn1", "abcnn2", "abcnn3"))


@dataclass(frozen=True)
class AttentiveSettings:
    """Each text reads from the other; see `regard.models.AttentiveMatcher`.

    Args:
        embed_dim: width of the embeddings.
        hidden_dim: width of the states, in each direction.
        cell: the recurrence.
        score: how well two positions match.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 100
    hidden_dim: int = 100
    cell: Literal["gru", "lstm"] = "gru"
    score: ScoreName = "scaled_dot"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        widths = dict.fromkeys(("embed_dim", "hidden_dim"), at_least(1))
        check_limits(self, "model", dropout=SHARE, **widths)


@dataclass(frozen=True)
class CompareAggregateSettings:
    """Each word finds its like in the other text; see `regard.models.CompareAggregateMatcher`.

    Args:
        embed_dim: width of the embeddings.
        hidden_dim: width of what is compared, and of each convolution.
        widths: words in an n-gram, one convolution each.
        score: how well two words match.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 100
    hidden_dim: int = 100
    widths: tuple[int, ...] = (1, 3)
    score: ScoreName = "cosine"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        widths = dict.fromkeys(("embed_dim", "hidden_dim"), at_least(1))
        check_limits(self, "model", dropout=SHARE, widths=WIDTHS, **widths)


@dataclass(frozen=True)
class TransformerSettings:
    """Both texts in one sequence; see `regard.models.TransformerMatcher`.

    Args:
        embed_dim: width of the embeddings and of every layer.
        num_layers: depth.
        num_heads: heads of attention.
        feedforward_dim: width of the feed-forward layers.
        positions: how a position is told: by sinusoids, or by a learned vector.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 100
    num_layers: int = 2
    num_heads: int = 4
    feedforward_dim: int = 200
    positions: Literal["sinusoid", "learned"] = "sinusoid"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        widths = ("embed_dim", "num_layers", "num_heads", "feedforward_dim")
        check_limits(self, "model", dropout=SHARE, **dict.fromkeys(widths, at_least(1)))
        check_divides("model.num_heads", self.num_heads, "model.embed_dim", self.embed_dim)


MatcherSettings = (
    ConvolutionalSettings | AttentiveSettings | CompareAggregateSettings | TransformerSettings
)

MATCHERS: dict[str, type[MatcherSettings]] = {
    "convolutional": ConvolutionalSettings,
    "attentive": AttentiveSettings,
    "compare_aggregate": CompareAggregateSettings,
    "transformer": TransformerSettings,
}
"""The matchers by the names that runs keep."""


@dataclass(frozen=True)
class MatchTrainingSettings(TrainingSettings):
    """How long, how fast and on what to train a matcher.

    Args:
        select: the validation figure that chooses the best epoch: map and mrr of rankings, f1 of
            two classes, pearson and spearman of grades; auto takes map, accuracy or pearson.
        balanced: pairs of rare classes count more, so that all classes count the same.
        loss: learn each pair for itself (pointwise), or also which of a group are the right answers
            (listwise), whole groups a batch; auto does so where pairs are ranked by their groups.
    """

    epochs: int = 10
    max_tokens: int = 10_000
    max_sentences: int = 64
    label_smoothing: float = 0.0
    warmup_steps: int = 50
    select: Literal[
        "auto", "accuracy", "f1", "macro_f1", "map", "mrr", "pearson", "spearman", "loss"
    ] = "auto"
    balanced: bool = False
    loss: Literal["auto", "pointwise", "listwise"] = "auto"


@dataclass(frozen=True)
class MatchSettings:
    """All that a run of `regard train match` depends on."""

    data: DataSettings = field(default_factory=DataSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    model: MatcherSettings = field(default_factory=ConvolutionalSettings)
    training: MatchTrainingSettings = field(default_factory=MatchTrainingSettings)


RECIPES = {
    "abcnn3": MatchSettings(),
    "abcnn2": MatchSettings(model=ConvolutionalSettings(kind="abcnn2")),
    "abcnn1": MatchSettings(model=ConvolutionalSettings(kind="abcnn1")),
    "bcnn": MatchSettings(model=ConvolutionalSettings(kind="bcnn")),
    "compare_aggregate": MatchSettings(model=CompareAggregateSettings()),
    "attentive": MatchSettings(model=AttentiveSettings()),
    "transformer": MatchSettings(model=TransformerSettings()),
}
"""Settings that go well together: the four convolutional matchers, and three others."""
