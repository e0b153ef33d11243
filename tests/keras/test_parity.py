"""Each layer gives the numbers and gradients of its counterpart in PyTorch, weights transplanted.

A case says how the parameters of the counterpart are made of the weights of the layer, in the order
in which Keras lists those: so that gradients of both are by the same numbers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from regard import masks as core_masks
from regard import nn, normalizers
from regard.keras import (
    AdditiveAttention,
    Attention,
    AttentionPooling,
    DotAttention,
    LocalAttention,
    MultiHeadAttention,
    score_layers,
)
from tests.keras.differentiating import Array, differentiate_layer

KEYS = 6
LENGTHS = [6, 2, 0]

Parameters = dict[str, Callable[[Sequence[Tensor]], Tensor]]


class Case(NamedTuple):
    """A layer, its counterpart, and the parameters of one by the weights of the other."""

    layer: Callable[[], keras.layers.Layer]
    counterpart: Callable[[], torch.nn.Module]
    parameters: Parameters


def weight(number: int) -> Callable[[Sequence[Tensor]], Tensor]:
    return lambda weights: weights[number]


def transposed(number: int, scale: float = 1.0) -> Callable[[Sequence[Tensor]], Tensor]:
    return lambda weights: weights[number].T * scale


def column(number: int) -> Callable[[Sequence[Tensor]], Tensor]:
    return lambda weights: weights[number][:, 0]


def heads(number: int) -> Callable[[Sequence[Tensor]], Tensor]:
    """Lay out the kernel of a projection into heads, `width heads head_dim`, for `nn.Linear`."""
    return lambda weights: weights[number].flatten(1).T


def flat(number: int) -> Callable[[Sequence[Tensor]], Tensor]:
    return lambda weights: weights[number].flatten()


class Score(NamedTuple):
    """A score of both kinds, and its parameters by the weights from a number on."""

    layer: Callable[[], score_layers.Score] | str
    counterpart: Callable[[], nn.ScoreModule]
    parameters: Callable[[int], Parameters] = lambda _: {}
    weights: int = 0


HIDDEN = 8
SCORES = {
    "dot": Score("dot", nn.DotScore),
    "scaled_dot": Score("scaled_dot", nn.ScaledDotScore),
    "distance": Score("distance", nn.DistanceScore),
    "cosine": Score("cosine", nn.CosineScore, lambda n: {"log_temperature": weight(n)}, 1),
    "bilinear": Score(
        "bilinear", lambda: nn.BilinearScore(5, 5), lambda n: {"learnt": transposed(n)}, 1
    ),
    "luong": Score(
        "luong", lambda: nn.BilinearScore(5, 5), lambda n: {"learnt": transposed(n, 5**0.5)}, 1
    ),
    "bahdanau": Score(
        "bahdanau",
        lambda: nn.AdditiveScore(5, 5, 5, bias=False),
        lambda n: {
            "energy": column(n),
            "query.weight": transposed(n + 1),
            "key.weight": transposed(n + 2),
        },
        3,
    ),
    "additive": Score(
        lambda: score_layers.AdditiveScore(HIDDEN),
        lambda: nn.AdditiveScore(5, 5, HIDDEN),
        lambda n: {
            "energy": column(n),
            "query.weight": transposed(n + 1),
            "key.weight": transposed(n + 2),
            "key.bias": weight(n + 3),
        },
        4,
    ),
    "concat": Score(
        lambda: score_layers.ConcatScore(HIDDEN),
        lambda: nn.ConcatScore(5, 5, HIDDEN),
        lambda n: {"energy": column(n), "weight": transposed(n + 1)},
        2,
    ),
    "location": Score(
        lambda: score_layers.LocationScore(9),
        lambda: nn.LocationScore(5, 9),
        lambda n: {"weight": weight(n)},
        1,
    ),
}
NORMALIZERS = ("softmax", "sparsemax", "entmax15", "sigmoid")


def of_layer(score: Score) -> Any:
    return score.layer if isinstance(score.layer, str) else score.layer()


def within(prefix: str, parameters: Parameters) -> Parameters:
    return {f"{prefix}.{name}": made for name, made in parameters.items()}


def last_state(score: Score, normalizer: str) -> Case:
    return Case(
        lambda: Attention(3, of_layer(score), normalizer),
        lambda: nn.LastStateAttention(
            5, 3, score=score.counterpart(), normalizer=getattr(normalizers, normalizer)
        ),
        within("attention.score", score.parameters(0))
        | {"output.weight": transposed(score.weights)},
    )


def pooling(score: Score, normalizer: str) -> Case:
    after = 1 + score.weights
    return Case(
        lambda: AttentionPooling(5, of_layer(score), normalizer),
        lambda: nn.AttentionPooling(
            5, 5, score=score.counterpart(), normalizer=getattr(normalizers, normalizer)
        ),
        within("attention.score", score.parameters(1))
        | {
            "query": weight(0),
            "projection.weight": transposed(after),
            "projection.bias": weight(after + 1),
        },
    )


def dot(score: Score, normalizer: str) -> Case:
    return Case(
        lambda: DotAttention(of_layer(score), normalizer),
        lambda: nn.Attention(score.counterpart(), getattr(normalizers, normalizer)),
        within("score", score.parameters(0)),
    )


def additive(score: Score, normalizer: str) -> Case:
    return dot(score, normalizer)._replace(
        layer=lambda: AdditiveAttention(HIDDEN, normalizer=normalizer)
    )


def local(score: Score, form: str) -> Case:
    return Case(
        lambda: LocalAttention(6, 2, form, of_layer(score)),
        lambda: nn.LocalAttention(score.counterpart(), 5, 6, half_width=2, form=form),
        within("score", score.parameters(2))
        | {"hidden.weight": transposed(0), "energy": column(1)},
    )


TO_ONE = {
    **{f"Attention, {name}": last_state(score, "softmax") for name, score in SCORES.items()},
    **{f"Attention, {name}": last_state(SCORES["luong"], name) for name in NORMALIZERS[1:]},
    "AttentionPooling, dot": pooling(SCORES["dot"], "softmax"),
    "AttentionPooling, bilinear": pooling(SCORES["bilinear"], "entmax15"),
    "AttentionPooling, additive": pooling(SCORES["additive"], "sparsemax"),
}
TO_MANY = {
    **{
        f"DotAttention, {name}": dot(SCORES[name], "softmax")
        for name in ("dot", "scaled_dot", "cosine", "bilinear", "luong", "concat", "location")
    },
    **{f"DotAttention, {name}": dot(SCORES["scaled_dot"], name) for name in NORMALIZERS[1:]},
    **{f"AdditiveAttention, {name}": additive(SCORES["additive"], name) for name in NORMALIZERS},
    "LocalAttention, damped": local(SCORES["bilinear"], "damped"),
    "LocalAttention, biased": local(SCORES["scaled_dot"], "biased"),
}


def make(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def check_same(
    case: Case,
    layer: keras.layers.Layer,
    inputs: Sequence[Array],
    call: Callable[..., Tensor],
    **keras_call: Any,
) -> None:
    """Compare the layer, which is built, with what `call` makes of its counterpart."""
    weights = [torch.tensor(value, requires_grad=True) for value in layer.get_weights()]
    module = case.counterpart()
    parameters = {name: made(weights) for name, made in case.parameters.items()}
    assert set(parameters) == {name for name, _ in module.named_parameters()}
    tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
    wanted = call(lambda *given: functional_call(module, parameters, given), *tensors)
    upstream = make(*wanted.shape, seed=7)
    gradients = torch.autograd.grad(
        wanted, [*tensors, *weights], torch.tensor(upstream), materialize_grads=True
    )
    found = differentiate_layer(layer, *inputs, upstream=upstream, **keras_call)
    check_near(layer, "output", found.output, wanted.detach().numpy())
    for each, want in zip(found.gradients, gradients, strict=True):
        check_near(layer, "gradients", each, want.numpy())


def check_near(layer: keras.layers.Layer, part: str, found: Array, wanted: Array) -> None:
    """Keep to 1e-5, and tell how near it was."""
    deviation = np.max(np.abs(found - wanted) / (1 + np.abs(wanted)))
    deviations[type(layer).__name__, part].append(float(deviation))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


deviations: defaultdict[tuple[str, str], list[float]] = defaultdict(list)


@pytest.fixture(autouse=True)
def reported(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Let the summary say how far a layer was from its counterpart, see conftest.py."""
    deviations.clear()
    yield
    for (name, part), found in deviations.items():
        record_property(f"{name}, {part}", max(found))


def drawn(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Give a layer weights of which none is 0."""
    shapes = [variable.shape for variable in layer.trainable_variables]
    layer.set_weights([make(*shape, seed=20 + seed) / 2 for seed, shape in enumerate(shapes)])
    return layer


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", TO_ONE.values(), ids=TO_ONE)
def test_many_to_one(case: Case, masked: bool) -> None:
    sequence = make(3, KEYS, 5)
    layer = case.layer()
    layer.build(sequence.shape)
    lengths = torch.tensor(LENGTHS) if masked else None
    mask = core_masks.padding(torch.tensor(LENGTHS), KEYS).squeeze(1).numpy()
    call = {"mask": keras.ops.convert_to_tensor(mask)} if masked else {}
    check_same(
        case, drawn(layer), [sequence], lambda module, inputs: module(inputs, lengths), **call
    )


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", TO_MANY.values(), ids=TO_MANY)
def test_many_to_many(case: Case, masked: bool) -> None:
    inputs = make(3, 4, 5), make(3, 6, 7, seed=1), make(3, 6, 5, seed=2)
    mask = core_masks.padding(torch.tensor(LENGTHS), KEYS) if masked else None
    check_many_to_many(case, inputs, mask)


def test_many_to_many_large_enough_for_the_factored_form() -> None:
    inputs = make(1, 70, 5), make(1, 90, 7, seed=1), make(1, 90, 5, seed=2)
    score = SCORES["additive"]._replace(
        counterpart=lambda: nn.AdditiveScore(5, 5, 48),
    )
    case = dot(score, "softmax")._replace(layer=lambda: AdditiveAttention(48))
    check_many_to_many(case, inputs, core_masks.padding(torch.tensor([80]), 90))


def check_many_to_many(case: Case, inputs: Sequence[Array], mask: Tensor | None) -> None:
    layer = case.layer()
    layer.build([array.shape for array in inputs])

    def call(module: Callable[..., Tensor], query: Tensor, value: Tensor, key: Tensor) -> Tensor:
        return module(query, key, value)

    keras_mask = None
    if mask is not None:
        keras_mask = [None, keras.ops.convert_to_tensor(mask.squeeze(1).numpy())]
    reading = case._replace(
        counterpart=lambda: Reading(case.counterpart(), mask),
        parameters=within("attention", case.parameters),
    )
    check_same(reading, drawn(layer), inputs, call, mask=keras_mask)


class Reading(torch.nn.Module):
    """Make a memory and read from it at once."""

    def __init__(self, attention: torch.nn.Module, mask: Tensor | None) -> None:
        super().__init__()
        self.attention = attention
        self.mask = mask

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.attention(query, self.attention.memory(key, value, self.mask))


def multi_head(score: Score, normalizer: str) -> Case:
    projections = {
        f"{name}.{part}": made(2 * number + offset)
        for number, name in enumerate(("query", "key", "value"))
        for offset, (part, made) in enumerate((("weight", heads), ("bias", flat)))
    }
    return Case(
        lambda: MultiHeadAttention(2, 5, score=of_layer(score), normalizer=normalizer),
        lambda: nn.MultiHeadAttention(
            10,
            2,
            key_dim=7,
            value_dim=6,
            score=score.counterpart(),
            normalizer=getattr(normalizers, normalizer),
        ),
        projections
        | {
            "output.weight": lambda weights: weights[6].flatten(0, 1).T,
            "output.bias": weight(7),
        }
        | within("score", score.parameters(8)),
    )


HEADS = {
    **{f"{name}": multi_head(SCORES[name], "softmax") for name in ("scaled_dot", "additive")},
    **{f"{name}": multi_head(SCORES["bilinear"], name) for name in ("sparsemax", "entmax15")},
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", HEADS.values(), ids=HEADS)
def test_multi_head(case: Case, masked: bool) -> None:
    inputs = make(3, 4, 10), make(3, 6, 6, seed=1), make(3, 6, 7, seed=2)
    layer = case.layer()
    layer.build(*(array.shape for array in inputs))
    mask = np.random.default_rng(5).random((3, 4, 6)) < 0.5
    mask[1, 2] = False
    allowed = torch.tensor(mask) if masked else None

    def call(module: Callable[..., Tensor], query: Tensor, value: Tensor, key: Tensor) -> Tensor:
        return module(query, key, value)

    class Masked(torch.nn.Module):
        """Attend under the mask."""

        def __init__(self) -> None:
            super().__init__()
            self.attention = case.counterpart()

        def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return self.attention(query, key, value, mask=allowed)

    check_same(
        case._replace(counterpart=Masked, parameters=within("attention", case.parameters)),
        drawn(layer),
        inputs,
        call,
        **({"attention_mask": keras.ops.convert_to_tensor(mask)} if masked else {}),
    )
