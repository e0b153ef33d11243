"""The models that match pairs, made from settings."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from regard.data.tokenizers import Tokenizer
from regard.data.vectors import read_vectors
from regard.models.attentive_matcher import AttentiveMatcher
from regard.models.convolutional_matcher import ConvolutionalMatcher
from regard.models.transformer_matcher import TransformerMatcher
from regard.nn.scores import ScoreModule
from regard.recipes.choices import SCORES
from regard.recipes.match.parts import Parts
from regard.recipes.match.settings import (
    AttentiveSettings,
    ConvolutionalSettings,
    MatchSettings,
    VocabularySettings,
)

__all__ = ["make_model", "use_vectors"]


def make_model(settings: MatchSettings, parts: Parts) -> nn.Module:
    """Make the model, with fresh weights.

    Raises:
        ValueError: settings do not go together.
    """
    chosen, max_len = settings.model, settings.data.max_len
    sizes: dict[str, Any] = {
        "vocab": parts.tokenizer.vocab_size,
        "num_outputs": parts.truth.num_outputs,
        "embed_dim": chosen.embed_dim,
        "num_features": 0 if parts.features is None else len(parts.features.names),
        "dropout": chosen.dropout,
    }
    if isinstance(chosen, ConvolutionalSettings):
        return ConvolutionalMatcher.named(
            chosen.kind,
            channels=chosen.channels,
            window=chosen.window,
            num_blocks=chosen.num_blocks,
            max_len=max_len,
            score=_score(chosen.score, max_len),
            compares=chosen.compares,
            **sizes,
        )
    if isinstance(chosen, AttentiveSettings):
        return AttentiveMatcher(
            hidden_dim=chosen.hidden_dim,
            cell=chosen.cell,
            score=_score(chosen.score, max_len)(2 * chosen.hidden_dim),
            **sizes,
        )
    return TransformerMatcher(
        num_layers=chosen.num_layers,
        num_heads=chosen.num_heads,
        feedforward_dim=chosen.feedforward_dim,
        positions=chosen.positions,
        max_len=2 * max_len + 2,  # both texts, what stands before them, and between
        **sizes,
    )


def use_vectors(
    model: nn.Module, settings: VocabularySettings, tokenizer: Tokenizer, *, begins: bool
) -> int:
    """Begin with pretrained word vectors, or keep them; return for how many words there are some.

    Args:
        begins: there is no checkpoint from which the model will get its weights.

    Raises:
        DataError: the file cannot be used.
        ValueError: the vectors are of another width than the embeddings.
    """
    if settings.vectors is None:
        return 0
    embedding = model.get_submodule("embedding")
    if not isinstance(embedding, nn.Embedding):
        raise TypeError(f"{type(model).__name__} has no embedding of words")
    vectors = read_vectors(settings.vectors, tokenizer)
    width = vectors.rows.shape[1]
    if width != embedding.embedding_dim:
        raise ValueError(
            f"{settings.vectors} has vectors of width {width}; set model.embed_dim to {width}, now "
            f"{embedding.embedding_dim}"
        )
    if begins:
        with torch.no_grad():
            embedding.weight[vectors.is_found] = vectors.rows[vectors.is_found]
    embedding.weight.requires_grad_(settings.tuned)
    return int(vectors.is_found.sum())


def _score(name: str, max_len: int) -> Callable[[int], ScoreModule]:
    """Return what makes the score of a name, for vectors of some width."""
    return partial(_make_score, name, max_len)


def _make_score(name: str, max_len: int, width: int) -> ScoreModule:
    return SCORES[name](width, width, width, max_len)
