"""Every public mechanism, with the properties it declares: the table that the contracts run over.

A new mechanism adds a row, a new layer one in `tests/layer_cases.py`, a new model one in
`tests/model_cases.py`; `tests/contracts/test_table.py` fails until it has one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard import biases, masks, normalizers, rotary, scores
from regard import nn as layers
from regard.interfaces import Normalizer, Tokens
from regard.kernels import Weights, local
from tests.drawing import Draw, draws

WIDTH = 4
MAX_LEN = 16

NOT_MECHANISMS = {
    "Chunk",  # of monotonic attention; so chunk to start: see test_monotonic.py
    "Comparison",  # what the comparisons have in common
    "Dropout",  # weighs nothing; see test_dropout.py
    "Pooling",  # what the poolings have in common
    "ScoreModule",  # what the score modules have in common
    "alibi_slopes",  # a part of alibi
    "attention_weights",  # what local attention reads by; so its other weights
    "biased_attention_weights",
    "biased_weights_on_demand",
    "Window",  # a mask that is not spelt out; `dense` spells it out
    "check_boolean",  # of masks
    "check_window",  # of masks
    "combine",  # of masks
    "damped_attention_weights",
    "damped_weights_on_demand",
    "dense",  # of masks
    "gumbel_hardmax",  # draws; what it promises stands in test_hard_weights.py
    "offsets",  # what masks and biases begin with
    "predicted_centre",  # a part of local attention
    "project",  # a part of bilinear, additive and concat
    "relative_buckets",  # a part of relative_position
    "weights_on_demand",
    *("chunk", "chunkwise", "expected", "hard", "hard_chunkwise", "search", "start"),
}


def public_name(case: Any) -> str:
    """Return the public name that a row stands for."""
    return getattr(case, "name", "") or case.id


def over(cases: Iterable[Any]) -> pytest.MarkDecorator:
    """Run a test once for every row of a table."""
    rows = list(cases)
    return pytest.mark.parametrize("case", rows, ids=[case.id for case in rows])


@dataclass(frozen=True)
class ScoreCase:
    """A score or comparison: `parameters` draws what is bound to the function."""

    id: str
    parameters: Callable[[Draw], dict[str, Any]] = lambda draw: {}
    query_dim: int = WIDTH
    key_dim: int = WIDTH
    comparison: str | None = "inner_product"  # what it splits into; None: it cannot be taken apart
    sees_keys: bool = True  # permuting the keys permutes the scores
    name: str = ""

    def bind(self, draw: Draw) -> Callable[[Tensor, Tensor], Tensor]:
        """Draw the parameters and bind them."""
        function = getattr(scores, public_name(self))
        parameters = self.parameters(draw)
        return partial(function, **parameters) if parameters else function


def _additive_parameters(draw: Draw) -> dict[str, Tensor]:
    return {"query_weight": draw(5, 3), "key_weight": draw(5, WIDTH), "energy": draw(5)}


SCORES = [
    ScoreCase("dot"),
    ScoreCase("scaled_dot", comparison="scaled_dot"),
    ScoreCase("bilinear", lambda draw: {"weight": draw(3, WIDTH)}, query_dim=3),
    ScoreCase("cosine", lambda draw: {"temperature": draw().exp()}),
    ScoreCase("cosine_sharp", lambda draw: {"temperature": 0.25}, name="cosine"),
    ScoreCase("additive", _additive_parameters, query_dim=3, comparison="tanh_energy"),
    ScoreCase(
        "additive_with_bias",
        lambda draw: _additive_parameters(draw) | {"bias": draw(5)},
        query_dim=3,
        comparison="tanh_energy",
        name="additive",
    ),
    ScoreCase(
        "concat",
        lambda draw: {"weight": draw(5, 3 + WIDTH), "energy": draw(5)},
        query_dim=3,
        comparison="tanh_energy",
    ),
    ScoreCase(
        "location",
        lambda draw: {"weight": draw(MAX_LEN, 3)},
        query_dim=3,
        comparison=None,
        sees_keys=False,
    ),
    ScoreCase("distance", comparison="inverse_distance"),
    ScoreCase("inner_product"),
    ScoreCase("tanh_energy", lambda draw: {"energy": draw(WIDTH)}, comparison="tanh_energy"),
    ScoreCase("inverse_distance", comparison="inverse_distance"),
]


@dataclass(frozen=True)
class NormalizerCase:
    """A normalizer; each property is declared whether it holds or not, and tested either way."""

    id: str
    make: Callable[[], Normalizer]
    sums_to_one: bool = True
    sparse: bool = False  # may give 0 where the mask allows
    shift_invariant: bool = True  # a constant added to the scores changes nothing
    differentiable: bool = True  # gradients reach the scores
    name: str = ""


NORMALIZERS = [
    NormalizerCase("softmax", lambda: normalizers.softmax),
    NormalizerCase("sparsemax", lambda: normalizers.sparsemax, sparse=True),
    NormalizerCase("entmax15", lambda: normalizers.entmax15, sparse=True),
    NormalizerCase("entmax", lambda: partial(normalizers.entmax, alpha=1.3), sparse=True),
    NormalizerCase(
        "entmax_beyond_sparsemax",
        lambda: partial(normalizers.entmax, alpha=2.5),
        sparse=True,
        name="entmax",
    ),
    NormalizerCase(
        "entmax_of_tensor",
        lambda: partial(normalizers.entmax, alpha=torch.tensor(1.7)),
        sparse=True,
        name="entmax",
    ),
    NormalizerCase("Entmax", layers.Entmax, sparse=True),
    NormalizerCase(
        "sigmoid", lambda: normalizers.sigmoid, sums_to_one=False, shift_invariant=False
    ),
    NormalizerCase("hardmax", lambda: normalizers.hardmax, sparse=True, differentiable=False),
    NormalizerCase(  # in training it draws: test_hard_weights.py
        "StraightThroughGumbel",
        lambda: layers.StraightThroughGumbel().eval(),
        sparse=True,
        differentiable=False,
    ),
]


@dataclass(frozen=True)
class MaskCase:
    """A mask for any number of queries and keys; `allows` defines it for one of each.

    The query's position is counted in keys: the last query stands at the last key.
    """

    id: str
    make: Callable[[int, int], Tensor]
    allows: Callable[[int, int], bool]


MASKS = [
    MaskCase(
        "padding",
        lambda query_len, key_len: masks.padding(torch.tensor(min(2, key_len)), key_len),
        lambda query, key: key < 2,
    ),
    MaskCase(
        "real",
        lambda _, key_len: masks.real(
            Tokens(torch.zeros(1, key_len, dtype=torch.long), torch.tensor([min(2, key_len)]))
        )[0],
        lambda query, key: key < 2,
    ),
    MaskCase("causal", masks.causal, lambda query, key: key <= query),
    MaskCase(
        "window",
        partial(masks.window, before=2, after=1),
        lambda query, key: query - 2 <= key <= query + 1,
    ),
    MaskCase(
        "document",
        lambda query_len, key_len: masks.document(
            torch.arange(key_len - query_len, key_len) // 3, torch.arange(key_len) // 3
        ),
        lambda query, key: query // 3 == key // 3,
    ),
    MaskCase(
        "prefix",
        lambda query_len, key_len: masks.prefix(torch.tensor(min(2, key_len)), query_len, key_len),
        lambda query, key: key < 2 or key <= query,
    ),
]


@dataclass(frozen=True)
class BiasCase:
    """A bias for any number of queries and keys, with heads first if it has `heads`."""

    id: str
    make: Callable[[int, int], Tensor]
    heads: int | None = None


BIASES = [
    BiasCase("alibi", partial(biases.alibi, biases.alibi_slopes(2).double()), heads=2),
    BiasCase(
        "relative_position",
        lambda query_len, key_len: biases.relative_position(
            draws()(8, 2), biases.relative_buckets(query_len, key_len, num_buckets=8)
        ),
        heads=2,
    ),
    BiasCase(
        "gaussian",
        lambda query_len, key_len: biases.gaussian(
            torch.arange(key_len - query_len, key_len).double(), key_len, deviation=1.5
        ),
    ),
]


@dataclass(frozen=True)
class LocalCase:
    """A kind of attention around a centre, and the weights that it reads by."""

    id: str
    sums_to_one: bool = True  # under a normalizer that does
    weakens: bool = True  # keys further off, by which gradients reach the centre

    @property
    def attend(self) -> Callable[..., Tensor]:
        """Return the context of query, key, value and centre."""
        return getattr(local, self.id)

    @property
    def weigh(self) -> Callable[..., Tensor]:
        """Return the weights of query, key and centre."""
        return getattr(local, f"{self.id}_weights")

    @property
    def on_demand(self) -> Callable[..., Weights]:
        """Return those weights of query, key and centre, to be asked for in part."""
        return getattr(local, f"{self.id.removesuffix('attention')}weights_on_demand")


LOCAL = [
    LocalCase("attention", weakens=False),
    LocalCase("damped_attention", sums_to_one=False),
    LocalCase("biased_attention"),
]


@dataclass(frozen=True)
class ProjectionCase:
    """A map of vectors, position by position, that has no parameters."""

    id: str
    project: Callable[[Tensor], Tensor]


PROJECTIONS = [
    ProjectionCase("unit", scores.unit),
    ProjectionCase(
        "rotary",
        lambda vectors: rotary.rotary(vectors, torch.arange(vectors.shape[-2])),
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
