"""Small Transformers that translate, of every score, normalizer and kind of layer."""

from collections.abc import Callable
from functools import partial
from typing import Any

from regard import nn as layers
from regard import rotary
from regard.models import TransformerTranslator
from tests.cases import MAX_LEN, NORMALIZERS
from tests.drawing import VOCAB

__all__ = ["HEAD_SCORES", "TRANSFORMERS", "transformer"]

HEAD_SCORES: dict[str, Callable[[], layers.ScoreModule]] = {
    "dot": layers.DotScore,
    "cosine": lambda: layers.CosineScore(temperature=1.0),
    "distance": layers.DistanceScore,
    "bilinear": lambda: layers.BilinearScore(4, 4),
    "additive": lambda: layers.AdditiveScore(4, 4, 3),
    "concat": lambda: layers.ConcatScore(4, 4, 3),
    "location": lambda: layers.LocationScore(4, MAX_LEN),
}
"""Between the vectors of a head, which are 4 wide."""


def transformer(
    *,
    norm: Any = layers.PreNorm,
    reach: int | None = None,
    dropout: float = 0.0,
    of_source: dict[str, Any] | None = None,
    of_itself: dict[str, Any] | None = None,
    weighted: bool = False,
    **options: Any,
) -> TransformerTranslator:
    """Make a small Transformer of two layers, 8 wide, with two heads."""
    plain: Any = layers.CachedMultiHeadAttention
    reading = partial(layers.BranchedAttention, feedforward_dim=6) if weighted else plain

    def made(attention: Any, chosen: dict[str, Any] | None) -> Any:
        return attention(8, 2, **{name: make() for name, make in (chosen or {}).items()})

    def transforming() -> layers.FeedForward | None:
        return None if weighted else layers.FeedForward(8, 6)

    around = partial(norm, 8, dropout=dropout)
    encoder = layers.TransformerEncoder(
        layers.EncoderLayer(made(reading, of_itself), transforming(), norm=around) for _ in range(2)
    )
    decoder = layers.TransformerDecoder(
        layers.DecoderLayer(
            made(plain, of_itself),
            made(reading, of_source),
            transforming(),
            norm=around,
            reach=reach,
        )
        for _ in range(2)
    )
    return TransformerTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=8,
        encoder=encoder,
        decoder=decoder,
        reach=reach,
        dropout=dropout,
        **options,
    )


TRANSFORMERS: dict[str, Callable[[], TransformerTranslator]] = {
    "plain": transformer,
    "post": lambda: transformer(norm=layers.PostNorm, tied=True, dropout=0.1),
    "learned": lambda: transformer(positions=partial(layers.LearnedPositions, 64, 8)),
    "rotary": lambda: transformer(
        positions=None, of_itself={"rotate": lambda: partial(rotary.rotary, base=3.0)}
    ),
    "shared_keys": lambda: transformer(
        of_itself={"num_kv_heads": lambda: 1}, of_source={"num_kv_heads": lambda: 1}
    ),
    "window": lambda: transformer(reach=1, shared=True, tied=True),
    "weighted": lambda: transformer(weighted=True),
    "first_layer": lambda: transformer(aligned_by=0),
    **{
        name: lambda make=make: transformer(of_itself={"score": make}, of_source={"score": make})
        for name, make in HEAD_SCORES.items()
    },
    **{
        row.id: lambda row=row: transformer(
            of_itself={"normalizer": row.make}, of_source={"normalizer": row.make}
        )
        for row in NORMALIZERS
        if row.id != "softmax"
    },
}
