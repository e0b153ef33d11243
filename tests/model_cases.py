"""Every public decoder, language model and classifier, with the properties it declares.

See `tests/cases.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from regard import nn as layers
from regard import rotary
from regard.models import (
    ConvolutionalClassifier,
    HierarchicalClassifier,
    NgramClassifier,
    RecurrentClassifier,
    RecurrentTranslator,
    TransformerClassifier,
    TransformerLanguageModel,
)
from regard.nn.ngrams import Ngrams
from tests.cases import MAX_LEN, NORMALIZERS
from tests.drawing import VOCAB
from tests.transformer_cases import HEAD_SCORES, TRANSFORMERS


@dataclass(frozen=True)
class DecoderCase:
    """A step decoder that is also trained with all target positions at once.

    `aligned_by` is the layer whose weights, the mean over its heads, are the alignment; the only
    one if not given.
    """

    id: str
    make: Callable[[], Any]
    name: str = "RecurrentTranslator"
    aligned_by: str = ""


def translator(
    attention: Any = None,
    *,
    decoder: Any = layers.BahdanauDecoder,
    encoder_dim: int = 6,
    num_layers: int = 1,
    cell: str = "gru",
    tied: bool = False,
    dropout: float = 0.0,
    **options: Any,
) -> RecurrentTranslator:
    """Make a small translator; its decoder has a width of 6, its encoder of 12 in all."""
    encoder = layers.RecurrentLayers(5, encoder_dim, cell=cell, num_layers=num_layers)
    context_dim = encoder.output_dim
    return RecurrentTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=5,
        encoder=encoder,
        decoder=decoder(
            attention or layers.Attention(layers.AdditiveScore(6, context_dim, 6)),
            embed_dim=5,
            context_dim=context_dim,
            hidden_dim=6,
            cell=cell,
            num_layers=num_layers,
            **options,
        ),
        tied=tied,
        dropout=dropout,
    )


def attending(score: layers.ScoreModule, **options: Any) -> RecurrentTranslator:
    """Make a small translator whose attention has this score."""
    return translator(layers.Attention(score), **options)


ATTENTIONS: dict[str, Callable[[], Any]] = {
    "bilinear": lambda: layers.Attention(layers.BilinearScore(6, 12)),
    "concat": lambda: layers.Attention(layers.ConcatScore(6, 12, 7)),
    "location": lambda: layers.Attention(layers.LocationScore(6, MAX_LEN)),
    "local_p": lambda: layers.LocalAttention(layers.BilinearScore(6, 12), 6, 5, half_width=2),
    "local_m": lambda: layers.LocalMonotonicAttention(layers.BilinearScore(6, 12), half_width=1),
    "coverage": lambda: layers.CoverageAttention(6, 12, 5),
    "hard": lambda: layers.HardAttention(layers.BilinearScore(6, 12)),
    "marginal": lambda: layers.MarginalAttention(layers.BilinearScore(6, 12), num_alternatives=3),
    "monotonic": lambda: layers.MonotonicAttention(layers.AdditiveScore(6, 12, 5), offset=0.0),
    "chunkwise": lambda: layers.MonotonicAttention(
        layers.AdditiveScore(6, 12, 5),
        chunk_score=layers.BilinearScore(6, 12),
        chunk_len=3,
        offset=0.0,
    ),
}
"""Attentions of a decoder of width 6 to an encoder of width 12; in training, some draw."""

DECODERS = [
    DecoderCase("gru", translator),  # additive, softmax
    DecoderCase("lstm", lambda: translator(cell="lstm", num_layers=2)),
    DecoderCase(
        "readout",
        lambda: translator(
            readout=layers.TanhReadout((6, 12, 5), 5, dropout=0.3), tied=True, dropout=0.3
        ),
    ),
    DecoderCase("maxout", lambda: translator(readout=layers.MaxoutReadout((6, 12, 5), 4))),
    DecoderCase("deep", lambda: translator(num_layers=3, residual=True)),
    DecoderCase("dot", lambda: attending(layers.DotScore(), encoder_dim=3)),
    DecoderCase("scaled_dot", lambda: attending(layers.ScaledDotScore(), encoder_dim=3)),
    DecoderCase("cosine", lambda: attending(layers.CosineScore(), encoder_dim=3)),
    DecoderCase("distance", lambda: attending(layers.DistanceScore(), encoder_dim=3)),
    *(
        DecoderCase(
            row.id,
            lambda row=row: translator(
                layers.Attention(layers.AdditiveScore(6, 12, 6), row.make())
            ),
        )
        for row in NORMALIZERS
        if row.id != "softmax"
    ),
    *(DecoderCase(name, lambda make=make: translator(make())) for name, make in ATTENTIONS.items()),
    DecoderCase("luong", lambda: translator(decoder=layers.LuongDecoder)),
    DecoderCase(
        "luong_deep",
        lambda: translator(
            decoder=layers.LuongDecoder,
            cell="lstm",
            num_layers=2,
            residual=True,
            readout_dim=5,
            tied=True,
        ),
    ),
    *(
        DecoderCase(
            f"luong_{name}",
            lambda make=make: translator(make(), decoder=layers.LuongDecoder),
        )
        for name, make in ATTENTIONS.items()
    ),
    *(
        DecoderCase(
            f"transformer_{name}",
            make,
            name="TransformerTranslator",
            aligned_by=f"decoder.layers.{0 if name == 'first_layer' else 1}.source_attention",
        )
        for name, make in TRANSFORMERS.items()
    ),
]


@dataclass(frozen=True)
class LanguageModelCase:
    """A language model of `VOCAB` tokens; what a token says reaches so many of those behind it."""

    id: str
    make: Callable[[], Any]
    reaches: int | None = None
    name: str = "TransformerLanguageModel"


def language_model(
    *,
    norm: Any = layers.PreNorm,
    reach: int | None = None,
    dropout: float = 0.0,
    of_itself: dict[str, Any] | None = None,
    **options: Any,
) -> TransformerLanguageModel:
    """Make a small language model of two layers, 8 wide, with two heads."""
    decoder = layers.TransformerDecoder(
        layers.DecoderLayer(
            layers.CachedMultiHeadAttention(
                8, 2, **{name: make() for name, make in (of_itself or {}).items()}
            ),
            None,
            layers.FeedForward(8, 6),
            norm=partial(norm, 8, dropout=dropout),
            reach=reach,
        )
        for _ in range(2)
    )
    return TransformerLanguageModel(
        vocab=VOCAB, embed_dim=8, decoder=decoder, dropout=dropout, **options
    )


LANGUAGE_MODELS = [
    LanguageModelCase("plain", language_model),
    LanguageModelCase("post", lambda: language_model(norm=layers.PostNorm, tied=True, dropout=0.1)),
    LanguageModelCase(
        "learned", lambda: language_model(positions=partial(layers.LearnedPositions, 16, 8))
    ),
    LanguageModelCase(
        "rotary",
        lambda: language_model(
            positions=None, of_itself={"rotate": lambda: partial(rotary.rotary, base=3.0)}
        ),
    ),
    LanguageModelCase("shared_keys", lambda: language_model(of_itself={"num_kv_heads": lambda: 1})),
    LanguageModelCase("window", lambda: language_model(reach=1), reaches=2),
    LanguageModelCase(
        "rotary_window",
        lambda: language_model(
            positions=None, reach=1, of_itself={"rotate": lambda: rotary.rotary}
        ),
        reaches=2,
    ),
    # Of scores and normalizers some; the others are those of the same layers above.
    *(
        LanguageModelCase(
            name, lambda name=name: language_model(of_itself={"score": HEAD_SCORES[name]})
        )
        for name in ("additive", "distance")
    ),
    *(
        LanguageModelCase(
            row.id, lambda row=row: language_model(of_itself={"normalizer": row.make})
        )
        for row in NORMALIZERS
        if row.id in ("sparsemax", "sigmoid")
    ),
]


@dataclass(frozen=True)
class ClassifierCase:
    """A classifier of three outputs that reads `VOCAB` words; it drops nothing."""

    id: str
    make: Callable[[], Any]
    knows_sentences: bool = False
    name: str = ""


SIZES: dict[str, Any] = {"vocab": VOCAB, "num_outputs": 3, "embed_dim": 6, "dropout": 0.0}


def _ngram_classifier() -> NgramClassifier:
    keys = torch.arange(4, VOCAB).repeat_interleave(VOCAB) * VOCAB + torch.arange(VOCAB).repeat(7)
    model = NgramClassifier(Ngrams(VOCAB, [keys]), num_outputs=3, dropout=0.0)
    for embedding in (model.value, model.score):
        nn.init.normal_(embedding.weight)
    return model


CLASSIFIERS = [
    *(
        ClassifierCase(
            f"RecurrentClassifier_{pooling}",
            lambda make=make, options=options: RecurrentClassifier(
                **SIZES, hidden_dim=4, pooling=make(), **options
            ),
            name="RecurrentClassifier",
        )
        for pooling, make, options in (
            ("last", lambda: layers.LastPooling(8, bidirectional=True), {}),
            ("mean", lambda: layers.MeanPooling(8), {"cell": "lstm"}),
            ("max", lambda: layers.MaxPooling(8), {"num_layers": 2}),
            ("attention", lambda: None, {}),
            ("last-state", lambda: layers.LastStateAttention(4, 5), {"bidirectional": False}),
            ("heads", lambda: layers.MultiHeadAttentionPooling(8, 2), {}),
            ("sparse", lambda: layers.AttentionPooling(8, 3, normalizer=layers.Entmax()), {}),
        )
    ),
    *(
        ClassifierCase(
            f"ConvolutionalClassifier_{pooling}",
            lambda pooling=pooling: ConvolutionalClassifier(
                **SIZES, channels=4, pooling=pooling, attention_dim=3
            ),
            name="ConvolutionalClassifier",
        )
        for pooling in ("max", "attention", "mean_query", "lstm_query")
    ),
    ClassifierCase(
        "HierarchicalClassifier",
        lambda: HierarchicalClassifier(**SIZES, hidden_dim=4),
        knows_sentences=True,
    ),
    ClassifierCase(
        "HierarchicalClassifier_lstm",
        lambda: HierarchicalClassifier(
            **SIZES,
            hidden_dim=4,
            cell="lstm",
            word_pooling=layers.MaxPooling(8),
            sentence_pooling=layers.LastStateAttention(8, 5),
        ),
        knows_sentences=True,
        name="HierarchicalClassifier",
    ),
    *(
        ClassifierCase(
            f"TransformerClassifier_{pooling}_{positions}",
            lambda pooling=pooling, positions=positions: TransformerClassifier(
                **SIZES,
                num_heads=2,
                positions=positions,
                max_len=16,
                pooling="first" if pooling == "first" else None,
            ),
            name="TransformerClassifier",
        )
        for pooling, positions in (("query", "sinusoid"), ("first", "learned"))
    ),
    ClassifierCase("NgramClassifier", _ngram_classifier),
]
