"""The models that match pairs, made from settings."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from regard.models.attentive_matcher import AttentiveMatcher
from regard.models.compare_aggregate_matcher import CompareAggregateMatcher
from regard.models.convolutional_matcher import ConvolutionalMatcher
from regard.models.transformer_matcher import TransformerMatcher
from regard.nn.comparisons import (
    CoverageComparison,
    SimilarityComparison,
    VectorComparison,
)
from regard.nn.scores import ScoreModule
from regard.recipes.choices import SCORES
from regard.recipes.match.parts import Parts
from regard.recipes.match.settings import (
    AttentiveSettings,
    CompareAggregateSettings,
    ConvolutionalSettings,
    MatchSettings,
)

__all__ = ["make_model"]

COMPARISONS = {
    "similarities": SimilarityComparison,
    "vectors": VectorComparison,
    "coverage": CoverageComparison,
}


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
            comparison=COMPARISONS[chosen.compares],
            hidden_dim=chosen.hidden_dim or None,
            **sizes,
        )
    if isinstance(chosen, AttentiveSettings):
        return AttentiveMatcher(
            hidden_dim=chosen.hidden_dim,
            cell=chosen.cell,
            score=_score(chosen.score, max_len)(2 * chosen.hidden_dim),
            **sizes,
        )
    if isinstance(chosen, CompareAggregateSettings):
        return CompareAggregateMatcher(
            hidden_dim=chosen.hidden_dim,
            widths=chosen.widths,
            score=_score(chosen.score, max_len)(chosen.embed_dim),
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


def _score(name: str, max_len: int) -> Callable[[int], ScoreModule]:
    """Return what makes the score of a name, for vectors of some width."""
    return partial(_make_score, name, max_len)


def _make_score(name: str, max_len: int, width: int) -> ScoreModule:
    return SCORES[name](width, width, width, max_len)
