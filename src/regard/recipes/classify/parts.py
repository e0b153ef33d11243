"""The parts of a classifier, made from settings or read from a run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from jaxtyping import Int
from torch import Tensor, nn

from regard.data.encoders import Encoder, SentenceEncoder, TextEncoder
from regard.data.files import DataError
from regard.data.labelled import LabelledText, read_labelled
from regard.data.labelled_splits import LabelledSplits, labelled_splits_from_files
from regard.data.labels import Labels
from regard.data.named_labelled import load_named_labelled
from regard.data.tokenizers import Tokenizer
from regard.files import replacing
from regard.functional import normalizers
from regard.interfaces import Normalizer
from regard.models.convolutional_classifier import ConvolutionalClassifier
from regard.models.hierarchical_classifier import HierarchicalClassifier
from regard.models.ngram_classifier import NgramClassifier
from regard.models.recurrent_classifier import RecurrentClassifier
from regard.models.transformer_classifier import TransformerClassifier
from regard.nn import scores
from regard.nn.attention_pooling import (
    AttentionPooling,
    LastStateAttention,
    MultiHeadAttentionPooling,
)
from regard.nn.ngrams import Ngrams
from regard.nn.normalizers import Entmax, StraightThroughGumbel
from regard.nn.pooling import LastPooling, MaxPooling, MeanPooling, Pooling
from regard.nn.scores import ScoreModule
from regard.recipes.classify.settings import (
    ClassifySettings,
    ConvolutionalSettings,
    DataSettings,
    HierarchicalSettings,
    NgramSettings,
    RecurrentSettings,
    TransformerSettings,
    VocabularySettings,
)
from regard.training.run_directory import RunDirectory, RunError

__all__ = [
    "Parts",
    "learn_tokenizer",
    "load_splits",
    "load_texts",
    "make_encoder",
    "make_model",
    "read_parts",
]

NORMALIZERS: dict[str, Callable[[], Normalizer]] = {
    "softmax": lambda: normalizers.softmax,
    "sparsemax": lambda: normalizers.sparsemax,
    "entmax15": lambda: normalizers.entmax15,
    "entmax": Entmax,
    "hard": StraightThroughGumbel,
}


SCORES: dict[str, Callable[[int], ScoreModule]] = {
    "dot": lambda dim: scores.DotScore(),
    "scaled_dot": lambda dim: scores.ScaledDotScore(),
    "cosine": lambda dim: scores.CosineScore(),
    "bilinear": lambda dim: scores.BilinearScore(dim, dim),
    "additive": lambda dim: scores.AdditiveScore(dim, dim, dim),
    "concat": lambda dim: scores.ConcatScore(dim, dim, dim),
}
"""Between a learned query and what is compared with it, both so wide."""


@dataclass(frozen=True)
class Parts:
    """What a classifier has learnt of the training text before it is trained.

    `ngrams` are the keys of the known n-grams (see `regard.nn.Ngrams`), where the reader has some.
    """

    tokenizer: Tokenizer
    labels: Labels
    ngrams: list[Int[Tensor, " _known"]]

    def save(self, folder: Path) -> None:
        """Write the parts to a run directory."""
        self.tokenizer.save(folder / "tokenizer.json")
        self.labels.save(folder / "labels.json")
        if self.ngrams:
            keys = {f"{level}": known for level, known in enumerate(self.ngrams, start=2)}
            with replacing(folder / "ngrams.safetensors") as draft:
                safetensors.torch.save_file(keys, draft)


def read_parts(run: RunDirectory, settings: ClassifySettings) -> Parts:
    """Read the parts that a run has kept.

    Raises:
        RunError: one is missing or damaged.
    """
    ngrams: list[Tensor] = []
    try:
        tokenizer = Tokenizer.load(run.path / "tokenizer.json")
        labels = Labels.load(run.path / "labels.json")
        if isinstance(settings.model, NgramSettings) and settings.model.longest > 1:
            kept = safetensors.torch.load_file(run.path / "ngrams.safetensors")
            ngrams = [kept[f"{level}"] for level in range(2, settings.model.longest + 1)]
    except (DataError, OSError, KeyError, safetensors.SafetensorError) as error:
        raise RunError(f"{run.path} is not a whole run directory: {error}") from None
    return Parts(tokenizer, labels, ngrams)


def load_splits(settings: DataSettings) -> LabelledSplits:
    """Load the text that the settings name.

    Raises:
        DataError: it cannot be used.
    """
    if settings.fold and (settings.train is not None or settings.name != "mr"):
        raise DataError("data.fold goes with data.name mr, which has no test set of its own")
    if settings.train is None:
        if (settings.text, settings.label, settings.separator) != ("text", "label", None):
            raise DataError(
                "data.text, data.label and data.separator go with data.train; it is not given"
            )
        if settings.validation is not None or settings.test is not None:
            raise DataError("data.validation and data.test go with data.train; it is not given")
        return load_named_labelled(settings.name, settings.folder, fold=settings.fold)
    if settings.folder is not None:
        raise DataError("data.folder is where a named set lies; with data.train, leave it out")
    return labelled_splits_from_files(
        settings.train,
        settings.validation,
        settings.test,
        text=settings.text,
        label=settings.label,
        separator=settings.separator,
    )


def load_texts(path: Path, settings: DataSettings) -> LabelledText:
    """Load other labelled texts, in the columns of the settings.

    Raises:
        DataError: the file cannot be used.
    """
    return read_labelled(
        path, text=settings.text, label=settings.label, separator=settings.separator
    )


def learn_tokenizer(settings: VocabularySettings, texts: Iterable[str]) -> Tokenizer:
    """Learn the vocabulary of the training texts."""
    if settings.kind == "characters":
        return Tokenizer.characters(texts, lowercase=settings.lowercase)
    if settings.kind == "bpe":
        return Tokenizer.bpe(texts, vocab_size=settings.size, lowercase=settings.lowercase)
    return Tokenizer.words(
        texts,
        min_frequency=settings.min_frequency,
        vocab_size=settings.size,
        lowercase=settings.lowercase,
        names=settings.names,
    )


def make_encoder(settings: ClassifySettings, tokenizer: Tokenizer) -> Encoder:
    """Make what divides texts into the tokens that the model reads."""
    chosen = settings.data
    if isinstance(settings.model, HierarchicalSettings):
        return SentenceEncoder(tokenizer, chosen.max_len, chosen.keep)
    return TextEncoder(tokenizer, chosen.max_len, chosen.keep)


def make_model(settings: ClassifySettings, parts: Parts) -> nn.Module:
    """Make the model, with fresh weights.

    Raises:
        ValueError: settings do not go together.
    """
    chosen = settings.model
    vocab, num_outputs = parts.tokenizer.vocab_size, parts.labels.num_outputs
    if isinstance(chosen, NgramSettings):
        return NgramClassifier(
            Ngrams(vocab, parts.ngrams),
            num_outputs=num_outputs,
            num_heads=chosen.num_heads,
            normalizer=NORMALIZERS[chosen.normalizer](),
            dropout=chosen.dropout,
        )
    if isinstance(chosen, RecurrentSettings):
        return _recurrent(chosen, vocab, num_outputs)
    if isinstance(chosen, ConvolutionalSettings):
        return _convolutional(chosen, vocab, num_outputs)
    if isinstance(chosen, HierarchicalSettings):
        return _hierarchical(chosen, vocab, num_outputs)
    return _transformer(chosen, vocab, num_outputs, settings.data.max_len)


def _recurrent(chosen: RecurrentSettings, vocab: int, num_outputs: int) -> nn.Module:
    states_dim = chosen.hidden_dim * (2 if chosen.bidirectional else 1)
    return RecurrentClassifier(
        vocab=vocab,
        num_outputs=num_outputs,
        embed_dim=chosen.embed_dim,
        hidden_dim=chosen.hidden_dim,
        cell=chosen.cell,
        num_layers=chosen.num_layers,
        bidirectional=chosen.bidirectional,
        pooling=_pooling(chosen, states_dim),
        dropout=chosen.dropout,
    )


def _pooling(chosen: RecurrentSettings, states_dim: int) -> Pooling:
    if chosen.pooling == "last":
        return LastPooling(states_dim, bidirectional=chosen.bidirectional)
    if chosen.pooling == "mean":
        return MeanPooling(states_dim)
    if chosen.pooling == "max":
        return MaxPooling(states_dim)
    normalizer = NORMALIZERS[chosen.normalizer]()
    if chosen.pooling == "last_state":
        return LastStateAttention(
            states_dim, states_dim, normalizer=normalizer, bidirectional=chosen.bidirectional
        )
    if chosen.pooling == "multi_head":
        return MultiHeadAttentionPooling(states_dim, chosen.num_heads, normalizer=normalizer)
    return AttentionPooling(states_dim, chosen.attention_dim, normalizer=normalizer)


def _convolutional(chosen: ConvolutionalSettings, vocab: int, num_outputs: int) -> nn.Module:
    return ConvolutionalClassifier(
        vocab=vocab,
        num_outputs=num_outputs,
        embed_dim=chosen.embed_dim,
        widths=chosen.widths,
        channels=chosen.channels,
        pooling=chosen.pooling,
        attention_dim=chosen.attention_dim,
        normalizer=NORMALIZERS[chosen.normalizer](),
        dropout=chosen.dropout,
    )


def _hierarchical(chosen: HierarchicalSettings, vocab: int, num_outputs: int) -> nn.Module:
    def pooling() -> Pooling:
        return AttentionPooling(
            2 * chosen.hidden_dim,
            chosen.attention_dim,
            score=SCORES[chosen.score](chosen.attention_dim),
            normalizer=NORMALIZERS[chosen.normalizer](),
        )

    return HierarchicalClassifier(
        vocab=vocab,
        num_outputs=num_outputs,
        embed_dim=chosen.embed_dim,
        hidden_dim=chosen.hidden_dim,
        cell=chosen.cell,
        word_pooling=pooling(),
        sentence_pooling=pooling(),
        dropout=chosen.dropout,
    )


def _transformer(
    chosen: TransformerSettings, vocab: int, num_outputs: int, max_len: int
) -> nn.Module:
    return TransformerClassifier(
        vocab=vocab,
        num_outputs=num_outputs,
        embed_dim=chosen.embed_dim,
        num_layers=chosen.num_layers,
        num_heads=chosen.num_heads,
        feedforward_dim=chosen.feedforward_dim,
        positions=chosen.positions,
        max_len=max_len,
        pooling="first" if chosen.pooling == "first" else None,
        dropout=chosen.dropout,
    )
