"""Layers that own parameters, each thin over `regard.functional`."""

from regard.nn.abcnn import AttentionMaps, ColumnWeights, PairConvolution, WideConvolution
from regard.nn.attention import Attention
from regard.nn.attention_pooling import (
    AttentionPooling,
    LastStateAttention,
    MultiHeadAttentionPooling,
    QueryPooling,
)
from regard.nn.branched import BranchedAttention
from regard.nn.comparisons import (
    Comparison,
    CoverageComparison,
    SimilarityComparison,
    VectorComparison,
)
from regard.nn.convolution import NgramConvolution, NgramConvolutions
from regard.nn.coverage import CoverageAttention
from regard.nn.decoders import BahdanauDecoder, LuongDecoder
from regard.nn.dropout import Dropout
from regard.nn.hard import HardAttention, MarginalAttention
from regard.nn.local import LocalAttention, LocalMonotonicAttention
from regard.nn.monotonic import MonotonicAttention
from regard.nn.multihead import CachedMultiHeadAttention, MultiHeadAttention
from regard.nn.normalizers import Entmax, StraightThroughGumbel
from regard.nn.norms import PostNorm, PreNorm
from regard.nn.pooling import LastPooling, MaxPooling, MeanPooling, Pooling
from regard.nn.positions import LearnedPositions, SinusoidPositions
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
from regard.nn.transformer import (
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    TransformerDecoder,
    TransformerEncoder,
)

__all__ = [
    "AdditiveScore",
    "Attention",
    "AttentionMaps",
    "AttentionPooling",
    "BahdanauDecoder",
    "BilinearScore",
    "BranchedAttention",
    "CachedMultiHeadAttention",
    "ColumnWeights",
    "Comparison",
    "ConcatScore",
    "CosineScore",
    "CoverageAttention",
    "CoverageComparison",
    "DecoderLayer",
    "DistanceScore",
    "DotScore",
    "Dropout",
    "EncoderLayer",
    "Entmax",
    "FeedForward",
    "HardAttention",
    "LastPooling",
    "LastStateAttention",
    "LearnedPositions",
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
    "NgramConvolution",
    "NgramConvolutions",
    "PairConvolution",
    "Pooling",
    "PostNorm",
    "PreNorm",
    "QueryPooling",
    "RecurrentEncoder",
    "RecurrentLayers",
    "ScaledDotScore",
    "ScoreModule",
    "SimilarityComparison",
    "SinusoidPositions",
    "StraightThroughGumbel",
    "TanhReadout",
    "TransformerDecoder",
    "TransformerEncoder",
    "VectorComparison",
    "WideConvolution",
]
