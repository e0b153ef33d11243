"""What a user may choose about a classifier, and the recipes that choose well."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

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
    "READERS",
    "RECIPES",
    "ClassificationTrainingSettings",
    "ClassifySettings",
    "ConvolutionalSettings",
    "DataSettings",
    "HierarchicalSettings",
    "NgramSettings",
    "ReaderSettings",
    "RecurrentSettings",
    "TransformerSettings",
    "VocabularySettings",
]

_SMALLEST_WORDS = 5  # four special tokens, and a word
_SMALLEST_BPE = 262  # four special tokens, one for every byte, and two for what is learnt

WeightsBy = Literal["softmax", "sparsemax", "entmax15", "entmax", "hard"]
"""From scores to weights; entmax learns its alpha, hard draws one position in training."""


@dataclass(frozen=True)
class DataSettings:
    """Which text to learn from.

    Args:
        name: a data set that is known by name (see `regard data`), unless `train` is given.
        folder: where the named set lies; without it, it is loaded from the Hugging Face hub.
        train: your own text: a .tsv, .csv, .jsonl or .parquet file with a text and a label column,
            or a folder with a folder of .txt files for each class.
        validation: text to choose the best epoch by; without it, a part of `train` is held out.
        test: text to judge the result by, read once.
        text: column that holds the text.
        label: column that holds the label.
        separator: what stands between labels, where a text may have several.
        fold: which tenth is the test set, of a named set that has none of its own (mr).
        max_len: tokens read of a text.
        keep: which part of a longer text is read.
    """

    name: str = "movie-reviews"
    folder: Path | None = None
    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    text: str = "text"
    label: str = "label"
    separator: str | None = None
    fold: int = 0
    max_len: int = 400
    keep: Literal["first", "last", "both"] = "first"

    def __post_init__(self) -> None:
        check_limits(self, "data", fold=at_least(0), max_len=at_least(1))


@dataclass(frozen=True)
class VocabularySettings:
    """How text becomes tokens.

    Args:
        kind: words and punctuation marks, subwords (byte-pair encoding), or characters.
        size: number of subwords, or of words at most.
        min_frequency: words seen less often are unknown.
        lowercase: fold upper case away.
        names: know words that are mostly written with a capital; without them, words and n-grams of
            words say nothing about a text by whom and what it names.
        vectors: pretrained word vectors to begin with, in the text format of GloVe or word2vec.
    """

    kind: Literal["words", "bpe", "characters"] = "words"
    size: int = 30_000
    min_frequency: int = 2
    lowercase: bool = True
    names: bool = True
    vectors: Path | None = None

    def __post_init__(self) -> None:
        smallest = _SMALLEST_BPE if self.kind == "bpe" else _SMALLEST_WORDS
        check_limits(self, "vocabulary", size=at_least(smallest), min_frequency=at_least(1))
        check_goes_with(self, "vocabulary", "kind", names=("words",))


@dataclass(frozen=True)
class RecurrentSettings:
    """A recurrent network, pooled; see `regard.models.RecurrentClassifier`.

    Args:
        embed_dim: width of the embeddings.
        hidden_dim: width of the state, in each direction.
        cell: the recurrence.
        num_layers: depth.
        bidirectional: read from both ends.
        pooling: from states to one vector: last, mean, max, attention (a learned query),
            last_state (the last state asks all), multi_head (several learned queries).
        attention_dim: width of the learned query of attention.
        num_heads: learned queries of multi_head.
        normalizer: from attention scores to weights.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 100
    hidden_dim: int = 150
    cell: Literal["gru", "lstm"] = "gru"
    num_layers: int = 1
    bidirectional: bool = True
    pooling: Literal["last", "mean", "max", "attention", "last_state", "multi_head"] = "attention"
    attention_dim: int = 50
    num_heads: int = 4
    normalizer: WeightsBy = "softmax"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        widths = dict.fromkeys(
            ("embed_dim", "hidden_dim", "num_layers", "attention_dim", "num_heads"), at_least(1)
        )
        check_limits(self, "model", dropout=SHARE, **widths)
        check_goes_with(
            self,
            "model",
            "pooling",
            attention_dim=("attention",),
            num_heads=("multi_head",),
            normalizer=("attention", "last_state", "multi_head"),
        )
        if self.pooling == "multi_head":
            width = self.hidden_dim * (2 if self.bidirectional else 1)
            check_divides("model.num_heads", self.num_heads, "the width of the states", width)


@dataclass(frozen=True)
class ConvolutionalSettings:
    """Convolutions over n-grams, pooled; see `regard.models.ConvolutionalClassifier`.

    Args:
        embed_dim: width of the embeddings.
        channels: features for each width of n-gram.
        widths: how many words an n-gram has.
        pooling: max, attention (a learned query), or attention queried by a vector of the whole
            text: the mean of its embeddings, or the last state of an LSTM.
        attention_dim: width of the query.
        normalizer: from attention scores to weights.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 100
    channels: int = 100
    widths: tuple[int, ...] = (3, 4, 5)
    pooling: Literal["max", "attention", "mean_query", "lstm_query"] = "attention"
    attention_dim: int = 50
    normalizer: WeightsBy = "softmax"
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_limits(
            self,
            "model",
            dropout=SHARE,
            widths=WIDTHS,
            **dict.fromkeys(("embed_dim", "channels", "attention_dim"), at_least(1)),
        )


@dataclass(frozen=True)
class HierarchicalSettings:
    """Words, sentences, document; see `regard.models.HierarchicalClassifier`.

    Args:
        embed_dim: width of the embeddings.
        hidden_dim: width of the states, in each direction.
        attention_dim: width of the learned queries.
        cell: the recurrence at both levels.
        score: how well a word or a sentence matches the learned query of its level.
        normalizer: from attention scores to weights, at both levels.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 100
    hidden_dim: int = 100
    attention_dim: int = 100
    cell: Literal["gru", "lstm"] = "gru"
    score: Literal["dot", "scaled_dot", "cosine", "bilinear", "additive", "concat"] = "dot"
    normalizer: WeightsBy = "softmax"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        widths = dict.fromkeys(("embed_dim", "hidden_dim", "attention_dim"), at_least(1))
        check_limits(self, "model", dropout=SHARE, **widths)


@dataclass(frozen=True)
class TransformerSettings:
    """Self-attention, pooled; see `regard.models.TransformerClassifier`.

    Args:
        embed_dim: width of the embeddings and of every layer.
        num_layers: depth.
        num_heads: heads of attention.
        feedforward_dim: width of the feed-forward layers.
        positions: how a position is told: by sinusoids, or by a learned vector.
        pooling: attention (a learned query) or first (a token put in front).
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 128
    num_layers: int = 2
    num_heads: int = 4
    feedforward_dim: int = 256
    positions: Literal["sinusoid", "learned"] = "sinusoid"
    pooling: Literal["attention", "first"] = "attention"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        widths = dict.fromkeys(
            ("embed_dim", "num_layers", "num_heads", "feedforward_dim"), at_least(1)
        )
        check_limits(self, "model", dropout=SHARE, **widths)
        check_divides("model.num_heads", self.num_heads, "model.embed_dim", self.embed_dim)


@dataclass(frozen=True)
class NgramSettings:
    """Attention over all n-grams of a text; see `regard.models.NgramClassifier`.

    Args:
        longest: words in the longest n-gram.
        min_texts: n-grams of fewer training texts are not known.
        num_heads: how many ways there are to heed them.
        normalizer: from attention scores to weights.
        dropout: share of n-grams dropped in training.
    """

    longest: int = 3
    min_texts: int = 2
    num_heads: int = 4
    normalizer: WeightsBy = "softmax"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        check_limits(
            self,
            "model",
            dropout=SHARE,
            **dict.fromkeys(("longest", "min_texts", "num_heads"), at_least(1)),
        )


ReaderSettings = (
    RecurrentSettings
    | ConvolutionalSettings
    | HierarchicalSettings
    | TransformerSettings
    | NgramSettings
)

READERS: dict[str, type[ReaderSettings]] = {
    "recurrent": RecurrentSettings,
    "convolutional": ConvolutionalSettings,
    "hierarchical": HierarchicalSettings,
    "transformer": TransformerSettings,
    "ngram": NgramSettings,
}
"""The readers by the names that runs keep."""


@dataclass(frozen=True)
class ClassificationTrainingSettings(TrainingSettings):
    """How long, how fast and on what to train a classifier.

    Args:
        balanced: texts of rare classes count more, so that all classes count the same.
    """

    epochs: int = 5
    max_tokens: int = 20_000
    max_sentences: int = 64
    learning_rate: float = 2e-3
    label_smoothing: float = 0.0
    warmup_steps: int = 50
    select: Literal["accuracy", "macro_f1", "loss"] = "accuracy"
    balanced: bool = False


@dataclass(frozen=True)
class ClassifySettings:
    """All that a run of `regard train classify` depends on."""

    data: DataSettings = field(default_factory=DataSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    model: ReaderSettings = field(default_factory=NgramSettings)
    training: ClassificationTrainingSettings = field(default_factory=ClassificationTrainingSettings)


RECIPES = {
    "ngram": ClassifySettings(
        data=DataSettings(max_len=5_000),
        vocabulary=VocabularySettings(size=1_000_000, min_frequency=1),
        training=ClassificationTrainingSettings(
            epochs=3, max_tokens=100_000, max_sentences=128, learning_rate=0.02, warmup_steps=0
        ),
    ),
    "recurrent": ClassifySettings(model=RecurrentSettings(dropout=0.5)),
    "article": ClassifySettings(
        data=DataSettings(max_len=250, keep="both"),
        vocabulary=VocabularySettings(size=10_000, min_frequency=1),
        model=RecurrentSettings(dropout=0.5),
        training=ClassificationTrainingSettings(epochs=3),
    ),
    "convolutional": ClassifySettings(model=ConvolutionalSettings()),
    "hierarchical": ClassifySettings(model=HierarchicalSettings()),
    "transformer": ClassifySettings(model=TransformerSettings()),
}
"""Settings that go well together: one for each reader, and the article's sizes."""
