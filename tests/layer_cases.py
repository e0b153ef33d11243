"""Every public layer and decoder, with the properties it declares; see `tests/cases.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regard import masks, normalizers, scores
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
from tests.cases import MAX_LEN, NORMALIZERS, WIDTH
from tests.drawing import VOCAB


@dataclass(frozen=True)
class ScoreModuleCase:
    """A score module, and the function and arguments that must give the same numbers."""

    id: str
    make: Callable[[], layers.ScoreModule]
    function: Callable[..., Tensor]
    arguments: Callable[[Any], dict[str, Any]] = lambda module: {}
    query_dim: int = WIDTH


SCORE_MODULES = [
    ScoreModuleCase("DotScore", layers.DotScore, scores.dot),
    ScoreModuleCase("ScaledDotScore", layers.ScaledDotScore, scores.scaled_dot),
    ScoreModuleCase("DistanceScore", layers.DistanceScore, scores.distance),
    ScoreModuleCase(
        "BilinearScore",
        lambda: layers.BilinearScore(3, WIDTH),
        scores.bilinear,
        lambda module: {"weight": module.weight},
        query_dim=3,
    ),
    ScoreModuleCase(
        "CosineScore",
        lambda: layers.CosineScore(temperature=0.5),
        scores.cosine,
        lambda module: {"temperature": module.log_temperature.exp()},
    ),
    ScoreModuleCase(
        "AdditiveScore",
        lambda: layers.AdditiveScore(3, WIDTH, 5),
        scores.additive,
        lambda module: {
            "query_weight": module.query.weight,
            "key_weight": module.key.weight,
            "energy": module.energy,
            "bias": module.key.bias,
        },
        query_dim=3,
    ),
    ScoreModuleCase(
        "ConcatScore",
        lambda: layers.ConcatScore(3, WIDTH, 5),
        scores.concat,
        lambda module: {"weight": module.weight, "energy": module.energy},
        query_dim=3,
    ),
    ScoreModuleCase(
        "LocationScore",
        lambda: layers.LocationScore(3, MAX_LEN),
        scores.location,
        lambda module: {"weight": module.weight},
        query_dim=3,
    ),
]


@dataclass(frozen=True)
class LayerCase:
    """A layer of `regard.nn`; `read` gives one result per sequence, from its real positions."""

    id: str
    make: Callable[[], nn.Module]
    read: Callable[[Any, Tensor, Tensor], Tensor]
    of_nothing: Callable[[Any], Tensor] = lambda layer: torch.zeros(())  # of an empty sequence
    exportable: bool = True
    attends: bool = True  # has weights, to be looked into
    learns: bool = True  # has parameters
    name: str = ""


def _read_pooled(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layer(sequence, lengths)


def _queries(sequence: Tensor) -> Tensor:
    """Two queries for every sequence that know nothing of it, nor of the others."""
    asked = torch.linspace(-1, 1, 2 * WIDTH, dtype=sequence.dtype).view(1, 2, WIDTH)
    return asked.expand(sequence.shape[0], 2, WIDTH)


def _read_attention(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    mask = masks.padding(lengths, sequence.shape[1])
    return layer(_queries(sequence), layer.memory(sequence, sequence, mask))


def _read_in_turn(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    """Let two queries read, the second knowing what the first has left behind."""
    memory = layer.memory(sequence, sequence, masks.padding(lengths, sequence.shape[1]))
    contexts = []
    for query in _queries(sequence).split(1, dim=1):
        context, memory = layer.read(query, memory)
        contexts.append(context)
    return torch.cat(contexts, dim=1)


def _read_heads(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    mask = masks.padding(lengths, sequence.shape[1])
    return layer(_queries(sequence), sequence, sequence, mask=mask)


def _read_asked(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layer(sequence, _queries(sequence)[:, 0], lengths)


def _read_real(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    mask = masks.padding(lengths, sequence.shape[1])
    return layer(sequence, mask).masked_fill(~mask.transpose(1, 2), 0).sum(dim=1)


def _read_final(layer: nn.Module, sequence: Tensor, lengths: Tensor) -> Tensor:
    return layer(sequence, lengths)[1]


def _recurrence(cell: type[nn.GRU] | type[nn.LSTM], **options: Any) -> layers.RecurrentEncoder:
    return layers.RecurrentEncoder(cell(WIDTH, 3, batch_first=True, **options))


LAYERS = [
    LayerCase(
        "Attention",
        lambda: layers.Attention(layers.AdditiveScore(WIDTH, WIDTH, 5), normalizers.sparsemax),
        _read_attention,
    ),
    LayerCase(
        "MultiHeadAttention",
        lambda: layers.MultiHeadAttention(WIDTH, 2),
        _read_heads,
        of_nothing=lambda layer: layer.output.bias,
    ),
    LayerCase(
        "MultiQueryAttention",
        lambda: layers.MultiHeadAttention(WIDTH, 2, num_kv_heads=1, normalizer=layers.Entmax(2)),
        _read_heads,
        of_nothing=lambda layer: layer.output.bias,
        name="MultiHeadAttention",
    ),
    LayerCase(
        "LocalAttention",
        lambda: layers.LocalAttention(layers.BilinearScore(WIDTH, WIDTH), WIDTH, 3, half_width=2),
        _read_attention,
    ),
    LayerCase(
        "LocalAttention_biased",
        lambda: layers.LocalAttention(
            layers.AdditiveScore(WIDTH, WIDTH, 5),
            WIDTH,
            3,
            half_width=1,
            form="biased",
            normalizer=normalizers.sparsemax,
        ),
        _read_attention,
        name="LocalAttention",
    ),
    LayerCase(
        "LocalMonotonicAttention",
        lambda: layers.LocalMonotonicAttention(layers.BilinearScore(WIDTH, WIDTH), half_width=1),
        _read_in_turn,
    ),
    LayerCase(
        "CoverageAttention", lambda: layers.CoverageAttention(WIDTH, WIDTH, 5), _read_in_turn
    ),
    LayerCase(
        "MonotonicAttention",
        lambda: layers.MonotonicAttention(layers.AdditiveScore(WIDTH, WIDTH, 5), noise=0.0),
        _read_in_turn,
    ),
    LayerCase(
        "MonotonicAttention_chunkwise",
        lambda: layers.MonotonicAttention(
            layers.AdditiveScore(WIDTH, WIDTH, 5),
            chunk_score=layers.BilinearScore(WIDTH, WIDTH),
            chunk_len=2,
            noise=0.0,
        ),
        _read_in_turn,
        name="MonotonicAttention",
    ),
    LayerCase("LastPooling", lambda: layers.LastPooling(WIDTH), _read_pooled, learns=False),
    LayerCase(
        "LastPooling_bidirectional",
        lambda: layers.LastPooling(WIDTH, bidirectional=True),
        _read_pooled,
        learns=False,
        name="LastPooling",
    ),
    LayerCase("MeanPooling", lambda: layers.MeanPooling(WIDTH), _read_pooled, learns=False),
    LayerCase("MaxPooling", lambda: layers.MaxPooling(WIDTH), _read_pooled, learns=False),
    LayerCase("AttentionPooling", lambda: layers.AttentionPooling(WIDTH, 3), _read_pooled),
    LayerCase(
        "AttentionPooling_additive",
        lambda: layers.AttentionPooling(WIDTH, 3, score=layers.AdditiveScore(3, 3, 5)),
        _read_pooled,
        name="AttentionPooling",
    ),
    LayerCase(
        "AttentionPooling_hard",
        lambda: layers.AttentionPooling(
            WIDTH, 3, normalizer=layers.StraightThroughGumbel().eval()
        ).eval(),
        _read_pooled,
        learns=False,  # with one of few positions taken, two layers may agree by chance
        name="AttentionPooling",
    ),
    LayerCase(
        "MultiHeadAttentionPooling",
        lambda: layers.MultiHeadAttentionPooling(WIDTH, 2, normalizer=layers.Entmax(2)),
        _read_pooled,
    ),
    LayerCase("QueryPooling", lambda: layers.QueryPooling(WIDTH, WIDTH), _read_asked),
    LayerCase("LastStateAttention", lambda: layers.LastStateAttention(WIDTH, 3), _read_pooled),
    LayerCase(
        "LastStateAttention_additive",
        lambda: layers.LastStateAttention(
            WIDTH,
            3,
            score=layers.AdditiveScore(WIDTH, WIDTH, 5),
            normalizer=normalizers.entmax15,
        ),
        _read_pooled,
        name="LastStateAttention",
    ),
    LayerCase(
        "RecurrentEncoder",
        lambda: _recurrence(nn.GRU, bidirectional=True),
        _read_final,
        exportable=False,  # it packs its sequences
        attends=False,
    ),
    LayerCase(
        "RecurrentEncoder_lstm",
        lambda: _recurrence(nn.LSTM, bidirectional=True, num_layers=2),
        _read_final,
        name="RecurrentEncoder",
        exportable=False,
        attends=False,
    ),
    LayerCase(
        "RecurrentLayers",
        lambda: layers.RecurrentLayers(WIDTH, 3, num_layers=2),
        _read_final,
        exportable=False,
        attends=False,
    ),
    LayerCase(
        "EncoderLayer",
        lambda: layers.EncoderLayer(WIDTH, 2),
        _read_real,
        attends=False,  # what attends is in it
    ),
]


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
