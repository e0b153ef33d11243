"""Every public score module, with the function that it must agree with; see `tests/cases.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from regard import nn as layers
from regard import scores
from tests.cases import MAX_LEN, WIDTH


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
