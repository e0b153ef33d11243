"""The scores and normalizers of what is trained, by the names that settings give them."""

from collections.abc import Callable
from typing import Literal

from regard.functional import normalizers
from regard.interfaces import Normalizer
from regard.nn import scores
from regard.nn.normalizers import Entmax, StraightThroughGumbel
from regard.nn.scores import ScoreModule

__all__ = ["NORMALIZERS", "SCORES", "NormalizerName", "ScoreName"]

ScoreName = Literal["scaled_dot", "dot", "cosine", "distance", "bilinear", "additive", "concat"]
"""Scores of any queries and keys; `SCORES` has one more, which knows the place of each key."""

NormalizerName = Literal["softmax", "sparsemax", "entmax15", "entmax", "sigmoid", "gumbel"]

SCORES: dict[str, Callable[[int, int, int, int], ScoreModule]] = {
    "additive": lambda query, key, hidden, max_len: scores.AdditiveScore(query, key, hidden),
    "concat": lambda query, key, hidden, max_len: scores.ConcatScore(query, key, hidden),
    "bilinear": lambda query, key, hidden, max_len: scores.BilinearScore(query, key),
    "dot": lambda query, key, hidden, max_len: scores.DotScore(),
    "scaled_dot": lambda query, key, hidden, max_len: scores.ScaledDotScore(),
    "cosine": lambda query, key, hidden, max_len: scores.CosineScore(),
    "distance": lambda query, key, hidden, max_len: scores.DistanceScore(),
    "location": lambda query, key, hidden, max_len: scores.LocationScore(query, max_len),
}
"""Between queries and keys of two widths, with a hidden layer, for sources up to some length."""

NORMALIZERS: dict[str, Callable[[], Normalizer]] = {
    "softmax": lambda: normalizers.softmax,
    "sparsemax": lambda: normalizers.sparsemax,
    "entmax15": lambda: normalizers.entmax15,
    "entmax": Entmax,
    "sigmoid": lambda: normalizers.sigmoid,
    "gumbel": StraightThroughGumbel,
}
