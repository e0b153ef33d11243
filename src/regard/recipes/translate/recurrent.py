"""The recurrent translator, made from settings."""

from collections.abc import Callable
from typing import Any

from regard.interfaces import DecoderAttention
from regard.models.recurrent_translator import RecurrentTranslator
from regard.nn.attention import Attention
from regard.nn.coverage import CoverageAttention
from regard.nn.decoders import BahdanauDecoder, LuongDecoder, RecurrentDecoder
from regard.nn.hard import HardAttention, MarginalAttention
from regard.nn.local import LocalAttention, LocalMonotonicAttention
from regard.nn.monotonic import MonotonicAttention
from regard.nn.readouts import MaxoutReadout, TanhReadout
from regard.nn.recurrent import RecurrentLayers
from regard.nn.scores import ScoreModule
from regard.recipes.choices import NORMALIZERS, SCORES
from regard.recipes.translate.architectures import RecurrentSettings

__all__ = ["make_attention", "make_recurrent"]

READOUTS: dict[str, type[TanhReadout | MaxoutReadout]] = {
    "tanh": TanhReadout,
    "maxout": MaxoutReadout,
}


def make_recurrent(
    chosen: RecurrentSettings, source_vocab: int, target_vocab: int, max_len: int
) -> RecurrentTranslator:
    """Make the model, with fresh weights.

    Raises:
        ValueError: settings do not go together.
    """
    encoder = RecurrentLayers(
        chosen.embed_dim,
        chosen.encoder_dim or chosen.hidden_dim,
        cell=chosen.cell,
        num_layers=chosen.num_layers,
        two_biases=True,
        residual=chosen.residual,
        dropout=chosen.dropout,
    )
    return RecurrentTranslator(
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        embed_dim=chosen.embed_dim,
        encoder=encoder,
        decoder=_decoder(chosen, encoder.output_dim, max_len),
        tied=chosen.tied,
        dropout=chosen.dropout,
    )


def _decoder(chosen: RecurrentSettings, context_dim: int, max_len: int) -> RecurrentDecoder:
    """Make the decoder, with its attention to the source."""
    options: dict[str, Any] = {
        "embed_dim": chosen.embed_dim,
        "context_dim": context_dim,
        "hidden_dim": chosen.hidden_dim,
        "cell": chosen.cell,
        "num_layers": chosen.decoder_layers,
        "residual": chosen.residual,
        "dropout": chosen.dropout,
    }
    attention = make_attention(chosen, context_dim, max_len)
    if chosen.decoder == "luong":
        return LuongDecoder(attention, readout_dim=chosen.readout_dim, **options)
    readout = None
    if chosen.readout_dim is not None:
        known = chosen.hidden_dim, context_dim, chosen.embed_dim
        readout = READOUTS[chosen.readout](known, chosen.readout_dim, dropout=chosen.dropout)
    return BahdanauDecoder(attention, readout=readout, **options)


def make_attention(chosen: RecurrentSettings, context_dim: int, max_len: int) -> DecoderAttention:
    """Make the decoder's attention to the source.

    Raises:
        ValueError: settings do not go together.
    """
    query_dim, normalizer = chosen.hidden_dim, NORMALIZERS[chosen.normalizer]()
    if chosen.score in ("dot", "scaled_dot", "cosine", "distance") and context_dim != query_dim:
        raise ValueError(
            f"the {chosen.score} score compares vectors of one width, but the decoder's state has "
            f"{query_dim} and the encoder's {context_dim}: set model.encoder_dim to half of "
            "model.hidden_dim, or use the bilinear score"
        )

    def score() -> ScoreModule:
        return SCORES[chosen.score](query_dim, context_dim, chosen.hidden_dim, max_len)

    half_width, hidden_dim = chosen.half_width, chosen.hidden_dim
    makers: dict[str, Callable[[], DecoderAttention]] = {
        "global": lambda: Attention(score(), normalizer),
        "local_m": lambda: LocalMonotonicAttention(
            score(), half_width=half_width, normalizer=normalizer
        ),
        "local_p": lambda: LocalAttention(
            score(), query_dim, hidden_dim, half_width=half_width, normalizer=normalizer
        ),
        "coverage": lambda: CoverageAttention(
            query_dim, context_dim, hidden_dim, normalizer=normalizer
        ),
        "hard": lambda: HardAttention(score(), soft_share=chosen.soft_share),
        "marginal": lambda: MarginalAttention(score(), num_alternatives=chosen.num_alternatives),
        "monotonic": lambda: MonotonicAttention(score()),
        "chunkwise": lambda: MonotonicAttention(
            score(), chunk_score=score(), chunk_len=chosen.chunk_len
        ),
    }
    return makers[chosen.attention]()
