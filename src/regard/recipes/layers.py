"""What a user may choose about the layers of a Transformer, and the parts that come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import nn

from regard.functional.rotary import rotary
from regard.nn.norms import Norm, PostNorm, PreNorm
from regard.nn.positions import LearnedPositions, SinusoidPositions
from regard.nn.transformer import FeedForward
from regard.recipes.choices import NORMALIZERS, SCORES, NormalizerName, ScoreName
from regard.training.limits import SHARE, at_least, check_divides, check_limits

__all__ = [
    "LayerSettings",
    "attention_options",
    "make_feedforward",
    "norm_maker",
    "positions_maker",
]

NORMS: dict[str, type[PreNorm | PostNorm]] = {"post": PostNorm, "pre": PreNorm}


@dataclass(frozen=True)
class LayerSettings:
    """What the Transformers of all recipes have in common.

    Args:
        embed_dim: width of the embeddings and of every layer.
        num_layers: depth.
        num_heads: heads of each attention.
        num_kv_heads: heads of keys and values that they share: 1 is multi-query, a divisor of
            num_heads is grouped-query; null gives each its own.
        feedforward_dim: width of the feed-forward layers.
        norm: normalise after each branch (post, as published) or before it (pre).
        positions: how a position is told: by sinusoids, by a learned vector, or by turning queries
            and keys of self-attention (rotary).
        reach: how many positions on either side self-attention sees; null for all.
        tied: predict with the embeddings.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 256
    num_layers: int = 3
    num_heads: int = 8
    num_kv_heads: int | None = None
    feedforward_dim: int = 1024
    norm: Literal["post", "pre"] = "post"
    positions: Literal["sinusoid", "learned", "rotary"] = "sinusoid"
    reach: int | None = None
    tied: bool = True
    dropout: float = 0.1

    def __post_init__(self) -> None:
        counts = ("embed_dim", "num_layers", "num_heads", "num_kv_heads", "feedforward_dim")
        check_limits(
            self,
            "model",
            dropout=SHARE,
            reach=at_least(0),
            **dict.fromkeys(counts, at_least(1)),
        )
        check_divides("model.num_heads", self.num_heads, "model.embed_dim", self.embed_dim)
        if self.num_kv_heads is not None:
            check_divides(
                "model.num_kv_heads", self.num_kv_heads, "model.num_heads", self.num_heads
            )
        if self.positions == "rotary" and self.embed_dim // self.num_heads % 2:
            raise ValueError(
                "rotary positions turn pairs of channels; of a model.embed_dim of "
                f"{self.embed_dim} each of {self.num_heads} heads has an odd number"
            )


def attention_options(
    chosen: LayerSettings,
    score: ScoreName,
    normalizer: NormalizerName,
    *,
    of_itself: bool = True,
) -> dict[str, Any]:
    """Return what a `CachedMultiHeadAttention` is to be made with.

    Args:
        of_itself: whether positions attend to each other, and may be told by turning.
    """
    width = chosen.embed_dim // chosen.num_heads
    return {
        "embed_dim": chosen.embed_dim,
        "num_heads": chosen.num_heads,
        "num_kv_heads": chosen.num_kv_heads,
        "score": SCORES[score](width, width, width, 0),
        "normalizer": NORMALIZERS[normalizer](),
        "rotate": rotary if of_itself and chosen.positions == "rotary" else None,
    }


def make_feedforward(chosen: LayerSettings) -> FeedForward:
    """Make the transformation of a layer."""
    return FeedForward(chosen.embed_dim, chosen.feedforward_dim, dropout=chosen.dropout)


def norm_maker(chosen: LayerSettings) -> Norm:
    """Return what makes what leads around a branch."""
    return partial(NORMS[chosen.norm], chosen.embed_dim, dropout=chosen.dropout)


def positions_maker(chosen: LayerSettings, longest: int) -> Callable[[], nn.Module] | None:
    """Return what makes what tells positions, of texts up to some length; None if attention does.

    Args:
        longest: how many positions are learnt, if they are.
    """
    makers: dict[str, Callable[[], nn.Module] | None] = {
        "sinusoid": SinusoidPositions,
        "learned": partial(LearnedPositions, longest, chosen.embed_dim),
        "rotary": None,
    }
    return makers[chosen.positions]
