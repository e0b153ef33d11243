"""The layers that read two texts at once; a part of the table in `tests/layer_cases.py`."""

from typing import Any

import torch
from torch import Tensor

from regard import masks
from regard import nn as layers
from tests.cases import WIDTH, LayerCase


def _with_itself(layer: Any, sequence: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a layer makes of a text and of the same text, beside it."""
    real = masks.padding(lengths, sequence.shape[1])
    return layer(sequence, sequence, real.transpose(1, 2) & real)


def _read_maps(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    return torch.cat(_with_itself(layer, sequence, lengths), dim=-1).sum(dim=1)


def _read_counted(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    left, right = _with_itself(layer, sequence, lengths)
    return ((left + 2 * right).unsqueeze(-1) * sequence).sum(dim=1)


def _read_convolved(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    (left, right), averages = layer((sequence, sequence.flip(-1)), (lengths, lengths))
    return torch.cat([left.sum(dim=1), right.sum(dim=1), *averages], dim=-1)


def _read_compared(layer: Any, sequence: Tensor, lengths: Tensor) -> Tensor:
    """Return what is told of a text and of the same text, its vectors turned round."""
    averages = layers.MeanPooling(WIDTH)(sequence, lengths)
    told: Tensor = layer(
        (averages, averages.flip(-1)), (sequence, sequence.flip(-1)), (lengths, lengths)
    )
    return told


PAIR_LAYERS = [
    *(
        LayerCase(
            make.__name__,
            lambda make=make: make(WIDTH),
            _read_compared,
            attends=False,
            learns=False,  # at first all positions count the same
            of_nothing=lambda layer: torch.tensor([0.0, 1] + [0] * (layer.output_dim - 2)),
        )
        for make in (
            layers.SimilarityComparison,
            layers.VectorComparison,
            layers.CoverageComparison,
        )
    ),
    LayerCase(
        "WideConvolution",
        lambda: layers.WideConvolution(WIDTH, 3, 2),
        lambda layer, sequence, lengths: layer(sequence, lengths).sum(dim=1),
        attends=False,
    ),
    LayerCase("AttentionMaps", lambda: layers.AttentionMaps(WIDTH, 16), _read_maps),
    LayerCase("ColumnWeights", layers.ColumnWeights, _read_counted, learns=False),
    LayerCase(
        "PairConvolution",
        lambda: layers.PairConvolution(WIDTH, 3, 3),
        _read_convolved,
        attends=False,
    ),
    LayerCase(
        "PairConvolution_attending",
        lambda: layers.PairConvolution(
            WIDTH,
            3,
            3,
            maps=layers.AttentionMaps(WIDTH, 16),
            weighs=layers.ColumnWeights(score=layers.BilinearScore(3, 3)),
        ),
        _read_convolved,
        attends=False,  # what attends is in it
        name="PairConvolution",
    ),
]
