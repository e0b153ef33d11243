"""The text, the vocabulary and the model of a language model, made from settings or a run."""

from collections.abc import Iterable

from regard.data.files import DataError
from regard.data.line_ends import LineTokenizer
from regard.data.named_plain import load_named_plain
from regard.data.plain_splits import PlainSplits, plain_splits_from_files
from regard.data.tokenizers import Tokenizer
from regard.models.transformer_language_model import TransformerLanguageModel
from regard.nn.multihead import CachedMultiHeadAttention
from regard.nn.transformer import DecoderLayer, TransformerDecoder
from regard.recipes.generate.settings import (
    DataSettings,
    GenerateSettings,
    LanguageModelSettings,
    VocabularySettings,
)
from regard.recipes.layers import (
    attention_options,
    make_feedforward,
    norm_maker,
    positions_maker,
)
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["learn_tokenizer", "load_splits", "longest", "make_model", "read_tokenizer"]


def load_splits(settings: DataSettings) -> PlainSplits:
    """Load the text that the settings name.

    Raises:
        DataError: it cannot be used.
    """
    if settings.train is not None:
        return plain_splits_from_files(settings.train, settings.validation, settings.test)
    if settings.validation is not None or settings.test is not None:
        raise DataError("data.validation and data.test go with data.train; it is not given")
    return load_named_plain(settings.name)


def learn_tokenizer(settings: VocabularySettings, pieces: Iterable[str]) -> LineTokenizer:
    """Learn the vocabulary from the text that is learnt from."""
    if settings.kind == "characters":
        return LineTokenizer(Tokenizer.characters(pieces, lowercase=settings.lowercase))
    learnt = Tokenizer.bpe(pieces, vocab_size=settings.size, lowercase=settings.lowercase)
    return LineTokenizer(learnt)


def read_tokenizer(run: RunDirectory) -> LineTokenizer:
    """Read the tokenizer of a run.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        return LineTokenizer.load(run.path / "tokenizer.json")
    except DataError as error:
        raise RunError(f"{run.path} is not a whole run directory: {error}") from None


def longest(settings: GenerateSettings) -> int | None:
    """Return how many tokens a text may have, beside its `BOS`; None if there is no limit."""
    return settings.data.block_len - 1 if settings.model.positions == "learned" else None


def make_model(settings: GenerateSettings, vocab: int) -> TransformerLanguageModel:
    """Make the model, with fresh weights."""
    chosen = settings.model
    return TransformerLanguageModel(
        vocab=vocab,
        embed_dim=chosen.embed_dim,
        decoder=TransformerDecoder(_layer(chosen) for _ in range(chosen.num_layers)),
        positions=positions_maker(chosen, settings.data.block_len),
        tied=chosen.tied,
        dropout=chosen.dropout,
    )


def _layer(chosen: LanguageModelSettings) -> DecoderLayer:
    options = attention_options(chosen, chosen.score, chosen.normalizer)
    return DecoderLayer(
        CachedMultiHeadAttention(**options),
        None,
        make_feedforward(chosen),
        norm=norm_maker(chosen),
        reach=chosen.reach,
    )
