"""Every public decoder and classifier, with the properties it declares; see `tests/cases.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from regard import nn as layers
from regard.models import (
    ConvolutionalClassifier,
    HierarchicalClassifier,
    NgramClassifier,
    RecurrentClassifier,
    RecurrentTranslator,
    TransformerClassifier,
)
from regard.nn.ngrams import Ngrams
from tests.cases import MAX_LEN, NORMALIZERS
from tests.drawing import VOCAB


@dataclass(frozen=True)
class DecoderCase:
    """A step decoder that is also trained with all target positions at once."""

    id: str
    make: Callable[[], Any]
    name: str = "RecurrentTranslator"


def translator(**options: Any) -> RecurrentTranslator:
    """Make a small translator."""
    sizes = {"source_vocab": VOCAB, "target_vocab": VOCAB, "embed_dim": 5, "hidden_dim": 6}
    return RecurrentTranslator(**(sizes | options))


def attending(score: layers.ScoreModule, **options: Any) -> RecurrentTranslator:
    """Make a small translator whose attention has this score."""
    return translator(attention=layers.Attention(score), **options)


DECODERS = [
    DecoderCase("gru", translator),  # additive, softmax
    DecoderCase("lstm", lambda: translator(cell="lstm", num_layers=2)),
    DecoderCase("readout", lambda: translator(readout_dim=5, tied=True, dropout=0.3)),
    DecoderCase("bilinear", lambda: attending(layers.BilinearScore(6, 12))),
    DecoderCase("concat", lambda: attending(layers.ConcatScore(6, 12, 7))),
    DecoderCase("location", lambda: attending(layers.LocationScore(6, MAX_LEN))),
    DecoderCase("dot", lambda: attending(layers.DotScore(), encoder_dim=3)),
    DecoderCase("scaled_dot", lambda: attending(layers.ScaledDotScore(), encoder_dim=3)),
    DecoderCase("cosine", lambda: attending(layers.CosineScore(), encoder_dim=3)),
    DecoderCase("distance", lambda: attending(layers.DistanceScore(), encoder_dim=3)),
    *(
        DecoderCase(
            row.id,
            lambda row=row: translator(
                attention=layers.Attention(layers.AdditiveScore(6, 12, 6), row.make())
            ),
        )
        for row in NORMALIZERS
        if row.id != "softmax"
    ),
    DecoderCase(
        "local_p",
        lambda: translator(
            attention=layers.LocalAttention(layers.BilinearScore(6, 12), 6, 5, half_width=2)
        ),
    ),
    DecoderCase(
        "local_m",
        lambda: translator(
            attention=layers.LocalMonotonicAttention(layers.BilinearScore(6, 12), half_width=1)
        ),
    ),
    DecoderCase("coverage", lambda: translator(attention=layers.CoverageAttention(6, 12, 5))),
    DecoderCase(
        "monotonic",
        lambda: translator(
            attention=layers.MonotonicAttention(layers.AdditiveScore(6, 12, 5), offset=0.0)
        ),
    ),
    DecoderCase(
        "chunkwise",
        lambda: translator(
            attention=layers.MonotonicAttention(
                layers.AdditiveScore(6, 12, 5),
                chunk_score=layers.BilinearScore(6, 12),
                chunk_len=3,
                offset=0.0,
            )
        ),
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
