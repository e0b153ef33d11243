"""Layers that own parameters, each thin over `regard.functional`."""

from regard.nn.attention import Attention
from regard.nn.local import LocalAttention
from regard.nn.multihead import MultiHeadAttention
from regard.nn.normalizers import Entmax
from regard.nn.pooling import AttentionPooling, LastStateAttention
from regard.nn.recurrent import RecurrentEncoder
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

__all__ = [
    "AdditiveScore",
    "Attention",
    "AttentionPooling",
    "BilinearScore",
    "ConcatScore",
    "CosineScore",
    "DistanceScore",
    "DotScore",
    "Entmax",
    "LastStateAttention",
    "LocalAttention",
    "LocationScore",
    "MultiHeadAttention",
    "RecurrentEncoder",
    "ScaledDotScore",
    "ScoreModule",
]
