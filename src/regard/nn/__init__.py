"""Layers that own parameters, each thin over `regard.functional`."""

from regard.nn.attention import Attention
from regard.nn.attention_pooling import (
    AttentionPooling,
    LastStateAttention,
    MultiHeadAttentionPooling,
    QueryPooling,
)
from regard.nn.coverage import CoverageAttention
from regard.nn.decoders import BahdanauDecoder, LuongDecoder
from regard.nn.hard import HardAttention, MarginalAttention
from regard.nn.local import LocalAttention, LocalMonotonicAttention
from regard.nn.monotonic import MonotonicAttention
from regard.nn.multihead import MultiHeadAttention
from regard.nn.normalizers import Entmax, StraightThroughGumbel
from regard.nn.pooling import LastPooling, MaxPooling, MeanPooling, Pooling
from regard.nn.readouts import MaxoutReadout, TanhReadout
from regard.nn.recurrent import RecurrentEncoder, RecurrentLayers
from regard.nn.scores import (
    AdditiveScore,
    BilinearScore,
    ConcatScore,
    CosineScore,
    DistanceScore,
    DotScore,
    LocationScore,
    ScaledDotScore,
    ScoreModule,
)
from regard.nn.transformer import EncoderLayer

__all__ = [
    "AdditiveScore",
    "Attention",
    "AttentionPooling",
    "BahdanauDecoder",
    "BilinearScore",
    "ConcatScore",
    "CosineScore",
    "CoverageAttention",
    "DistanceScore",
    "DotScore",
    "EncoderLayer",
    "Entmax",
    "HardAttention",
    "LastPooling",
    "LastStateAttention",
    "LocalAttention",
    "LocalMonotonicAttention",
    "LocationScore",
    "LuongDecoder",
    "MarginalAttention",
    "MaxPooling",
    "MaxoutReadout",
    "MeanPooling",
    "MonotonicAttention",
    "MultiHeadAttention",
    "MultiHeadAttentionPooling",
    "Pooling",
    "QueryPooling",
    "RecurrentEncoder",
    "RecurrentLayers",
    "ScaledDotScore",
    "ScoreModule",
    "StraightThroughGumbel",
    "TanhReadout",
]
