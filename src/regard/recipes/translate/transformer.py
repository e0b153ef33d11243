"""The Transformer that translates, made from settings."""

from typing import Any

from regard.decoding.lengths import longest_hypothesis
from regard.models.transformer_translator import TransformerTranslator
from regard.nn.branched import BranchedAttention
from regard.nn.multihead import CachedMultiHeadAttention
from regard.nn.transformer import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    TransformerDecoder,
    TransformerEncoder,
)
from regard.recipes.layers import (
    attention_options,
    make_feedforward,
    norm_maker,
    positions_maker,
)
from regard.recipes.translate.architectures import (
    TransformerSettings,
    WeightedTransformerSettings,
)

__all__ = ["make_transformer"]


def make_transformer(
    chosen: TransformerSettings, source_vocab: int, target_vocab: int, max_len: int
) -> TransformerTranslator:
    """Make the model, with fresh weights.

    Args:
        max_len: tokens of the longest source, with what ends it.

    Raises:
        ValueError: settings do not go together.
    """
    return TransformerTranslator(
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        embed_dim=chosen.embed_dim,
        encoder=TransformerEncoder(_encoder_layer(chosen) for _ in range(chosen.num_layers)),
        decoder=TransformerDecoder(_decoder_layer(chosen) for _ in range(chosen.num_layers)),
        # As many on either side: a translation may become longer than any source.
        positions=positions_maker(chosen, longest_hypothesis(max_len)),
        reach=chosen.reach,
        tied=chosen.tied,
        shared=chosen.shared,
        aligned_by=chosen.aligned_by,
        dropout=chosen.dropout,
    )


def _encoder_layer(chosen: TransformerSettings) -> EncoderLayer:
    options = attention_options(chosen, chosen.encoder_score, chosen.encoder_normalizer)
    attention, feedforward = _reading(chosen, options)
    return EncoderLayer(attention, feedforward, norm=norm_maker(chosen))


def _decoder_layer(chosen: TransformerSettings) -> DecoderLayer:
    own = attention_options(chosen, chosen.decoder_score, chosen.decoder_normalizer)
    attention = CachedMultiHeadAttention(**own)
    of_source = attention_options(
        chosen, chosen.source_score, chosen.source_normalizer, of_itself=False
    )
    source_attention, feedforward = _reading(chosen, of_source)
    return DecoderLayer(
        attention,
        source_attention,
        feedforward,
        norm=norm_maker(chosen),
        reach=chosen.reach,
    )


def _reading(
    chosen: TransformerSettings, options: dict[str, Any]
) -> tuple[CachedMultiHeadAttention, FeedForward | None]:
    """Make what reads, and what transforms that: of a weighted Transformer they are one."""
    if isinstance(chosen, WeightedTransformerSettings):
        attention = BranchedAttention(
            feedforward_dim=chosen.feedforward_dim, feedforward_dropout=chosen.dropout, **options
        )
        return attention, None
    return CachedMultiHeadAttention(**options), make_feedforward(chosen)
