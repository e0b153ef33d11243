"""What a caller is told: every message of the core, as it is met without runtime type checks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

import regard
from regard import biases, masks, normalizers, rotary, scores
from regard import nn as layers
from regard.kernels import local
from regard.models import ConvolutionalClassifier

zeros = torch.zeros


@pytest.fixture(autouse=True)
def without_type_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def allow(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.bool)


def attention(**options: Any) -> Tensor:
    return regard.attention(zeros(2, 3, 4), zeros(2, 5, 4), zeros(2, 5, 6), **options)


def attention_weights(**options: Any) -> Tensor:
    return regard.attention_weights(zeros(2, 3, 4), zeros(2, 5, 4), **options)


def multi_head(**options: Any) -> Tensor:
    layer = layers.MultiHeadAttention(4, 2)
    return layer(zeros(2, 3, 4), zeros(2, 5, 4), zeros(2, 5, 4), **options)


def multi_head_weights(**options: Any) -> Tensor:
    layer = layers.MultiHeadAttention(4, 2)
    return layer.weights(zeros(2, 3, 4), zeros(2, 5, 4), zeros(2, 5, 4), **options)


def layer_attention(*, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    layer = layers.Attention(layers.AdditiveScore(4, 4, 5))
    return layer(zeros(2, 3, 4), layer.memory(zeros(2, 5, 4), zeros(2, 5, 6), mask), bias)


CALLS = pytest.mark.parametrize(
    "call",
    [attention, attention_weights, multi_head, multi_head_weights, layer_attention],
    ids=lambda call: call.__name__,
)


@CALLS
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8], ids=str)
def test_mask_must_be_boolean(call: Callable[..., Tensor], dtype: torch.dtype) -> None:
    with pytest.raises(
        TypeError, match=f"mask must be boolean, True = may attend; got {dtype}.*passed as bias"
    ):
        call(mask=allow(3, 5).to(dtype))
    with pytest.raises(TypeError, match=f"mask must be boolean, True = may attend; got {dtype}"):
        normalizers.softmax(zeros(3, 5), allow(3, 5).to(dtype))


@CALLS
def test_mask_must_fit(call: Callable[..., Tensor]) -> None:
    said = r"^mask must broadcast to \(batch=2, query=3, key=5\); got \(4, 5\)\.$"
    with pytest.raises(ValueError, match=said):
        call(mask=allow(4, 5))
    with pytest.raises(ValueError, match=r"got \(2, 1, 3, 5\)\.$"):
        call(mask=allow(2, 1, 3, 5))


@CALLS
def test_mask_may_be_swapped(call: Callable[..., Tensor]) -> None:
    with pytest.raises(ValueError, match=r"got \(2, 5, 3\)\. Did you swap query and key\?$"):
        call(mask=allow(2, 5, 3))
    with pytest.raises(ValueError, match=r"got \(5, 3\)\. Did you swap query and key\?$"):
        call(mask=allow(5, 3))


@CALLS
def test_mask_over_keys_alone_needs_an_axis(call: Callable[..., Tensor]) -> None:
    said = r"A mask over keys alone needs an axis for the queries: mask\.unsqueeze\(-2\)\.$"
    with pytest.raises(ValueError, match=said):
        call(mask=allow(2, 5))
    assert call(mask=allow(2, 5).unsqueeze(-2)).isfinite().all()


@pytest.mark.parametrize("call", [attention, attention_weights, layer_attention])
def test_bias_must_fit(call: Callable[..., Tensor]) -> None:
    said = r"^bias must broadcast to \(batch=2, query=3, key=5\); got \(4, 5\)\.$"
    with pytest.raises(ValueError, match=said):
        call(bias=zeros(4, 5))
    with pytest.raises(ValueError, match=r"Did you swap query and key\?$"):
        call(bias=zeros(5, 3))


def test_bias_of_heads_must_fit() -> None:
    for call in (multi_head, multi_head_weights):
        with pytest.raises(ValueError, match=r"^bias must broadcast to .*; got \(3, 3, 5\)\.$"):
            call(bias=zeros(3, 3, 5))


@pytest.mark.parametrize(
    ("query", "key", "value", "said"),
    [
        ((4,), (5, 4), (5, 4), r"^query must have an axis for positions .*; got shape \(4,\)$"),
        ((3, 4), (4,), (5, 4), r"^key must have an axis for positions .*; got shape \(4,\)$"),
        ((3, 4), (5, 4), (5,), r"^value must have an axis for positions .*; got shape \(5,\)$"),
        (
            (2, 3, 4),
            (3, 5, 4),
            (3, 5, 4),
            r"^the axes before the last two must .*; got query \(2, 3, 4\), key \(3, 5, 4\)",
        ),
        ((2, 3, 4), (2, 5, 4), (3, 5, 4), r"key \(2, 5, 4\), value \(3, 5, 4\)$"),
    ],
)
def test_axes_must_fit(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], said: str
) -> None:
    for attend in (regard.attention, regard.functional.attention.attention):
        with pytest.raises(ValueError, match=said):
            attend(zeros(query), zeros(key), zeros(value), score=scores.dot)


@pytest.mark.parametrize("name", ["compare", "split", "forward"])
def test_what_kernels_would_not_see_cannot_be_overridden(name: str) -> None:
    with pytest.raises(TypeError, match=f"^Own overrides {name}, which kernels would not see"):
        type("Own", (layers.DotScore,), {name: lambda self, query, key: query})


@pytest.mark.parametrize("kernel", ["inner_product", "reference"])
def test_there_is_a_value_for_every_key(kernel: str) -> None:
    said = "must be one value per key; got 5 keys and 6 values"
    with regard.kernels.only(kernel), pytest.raises(ValueError, match=said):
        regard.attention(zeros(3, 4), zeros(5, 4), zeros(6, 4))
    with pytest.raises(ValueError, match=said):
        regard.functional.attention.attention(zeros(3, 4), zeros(5, 4), zeros(6, 4))
    with pytest.raises(ValueError, match=said):
        layers.MultiHeadAttention(4, 2)(zeros(3, 4), zeros(5, 4), zeros(6, 4))


@pytest.mark.parametrize(
    "score",
    [
        scores.dot,
        scores.scaled_dot,
        scores.cosine,
        scores.distance,
        scores.inner_product,
        scores.inverse_distance,
        partial(scores.tanh_energy, energy=zeros(5)),
        layers.DotScore(),
        layers.ScaledDotScore(),
        layers.CosineScore(),
        layers.DistanceScore(),
    ],
    ids=lambda score: getattr(score, "__name__", type(score).__name__),
)
def test_query_and_key_must_have_the_same_width(score: Callable[..., Tensor]) -> None:
    said = "same width to be compared; got 4 and 5. A bilinear or additive score compares vectors"
    with pytest.raises(ValueError, match=said):
        score(zeros(3, 4), zeros(2, 5))
    with pytest.raises(ValueError, match=said):
        regard.attention(zeros(3, 4), zeros(2, 5), zeros(2, 6), score=score)
    with pytest.raises(ValueError, match=said):
        regard.attention_weights(zeros(3, 4), zeros(2, 5), score=score)


query, key = zeros(3, 4), zeros(5, 4)

MISTAKES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: scores.tanh_energy(query, key, energy=zeros(3)),
        r"energy must be as wide as the projected key \(4\); got 3",
    ),
    (
        lambda: scores.concat(query, key, weight=zeros(6, 7), energy=zeros(6)),
        r"weight must be as wide as query and key together \(4 \+ 4 = 8\); got 7",
    ),
    (
        lambda: regard.attention(
            query, key, key, score=partial(scores.concat, weight=zeros(6, 9), energy=zeros(6))
        ),
        r"weight must be as wide as query and key together \(4 \+ 4 = 8\); got 9",
    ),
    (
        lambda: scores.location(query, key, weight=zeros(2, 4)),
        "knows 2 positions; got 5 keys. Give it a larger max_len, or shorten the input",
    ),
    (lambda: layers.LocationScore(4, 2)(query, key), "knows 2 positions; got 5 keys"),
    (
        lambda: normalizers.entmax(query, alpha=1.0),
        r"alpha must be above 1 \(softmax is the limit at 1\); got 1.0",
    ),
    (lambda: normalizers.entmax(query, alpha=-2), "alpha must be above 1 .*; got -2"),
    (
        lambda: masks.padding(torch.tensor([2, 6]), 5),
        r"lengths must lie in 0\.\.5, the number of keys; got 2\.\.6",
    ),
    (lambda: masks.padding(torch.tensor([-1, 2]), 5), r"lengths must .*; got -1\.\.2"),
    (lambda: masks.prefix(torch.tensor(4), 3, 3), r"lengths must lie in 0\.\.3, .*; got 4\.\.4"),
    (
        lambda: masks.window(3, 3, before=-1, after=0),
        "before and after count keys, 0 or more; got -1 and 0",
    ),
    (lambda: masks.window(3, 3, before=2, after=-4), "0 or more; got 2 and -4"),
    (lambda: biases.alibi_slopes(0), "num_heads must be positive; got 0"),
    (
        lambda: biases.relative_buckets(3, 3, num_buckets=6),
        "num_buckets must be a positive multiple of 4 .*; got 6 and 128",
    ),
    (lambda: biases.relative_buckets(3, 3, num_buckets=0), "got 0 and 128"),
    (
        lambda: biases.relative_buckets(3, 3, num_buckets=32, max_distance=8),
        "max_distance above a quarter of it; got 32 and 8",
    ),
    (
        lambda: biases.gaussian(zeros(3), 5, deviation=0.0),
        "deviation must be positive; got 0.0",
    ),
    (
        lambda: rotary.rotary(zeros(3, 5), torch.arange(3)),
        "rotary positions turn pairs of channels; head_dim 5 is odd",
    ),
    (lambda: layers.CosineScore(temperature=0.0), "temperature must be positive; got 0.0"),
    (
        lambda: scores.cosine(zeros(3, 4), zeros(5, 4), temperature=-1.0),
        "temperature must be positive; got -1.0",
    ),
    (
        lambda: scores.bilinear(zeros(3, 4), zeros(5, 6), weight=zeros(3, 6)),
        "the weight projects vectors of width 3; got 4",
    ),
    (
        lambda: scores.additive(
            zeros(3, 4),
            zeros(5, 6),
            query_weight=zeros(2, 4),
            key_weight=zeros(2, 5),
            energy=zeros(2),
        ),
        "the weight projects vectors of width 5; got 6",
    ),
    (
        lambda: layers.Entmax(num_heads=4)(zeros(2, 3, 5)),
        r"an alpha for each of 4 heads, which must .*; got scores of shape \(2, 3, 5\)",
    ),
    (
        lambda: layers.Entmax(num_heads=4)(zeros(3, 5)),
        r"an alpha for each of 4 heads, which must .*; got scores of shape \(3, 5\)",
    ),
    (lambda: layers.Entmax(alpha=1.0), "alpha must lie strictly between 1 and 2; got 1.0"),
    (lambda: layers.Entmax(alpha=2.0), "alpha must lie strictly between 1 and 2; got 2.0"),
    (
        lambda: layers.MultiHeadAttention(8, 3),
        "num_heads must divide embed_dim; got 3 and 8",
    ),
    (lambda: layers.MultiHeadAttention(8, 0), "num_heads must divide embed_dim; got 0 and 8"),
    (
        lambda: layers.MultiHeadAttention(8, 4, num_kv_heads=3),
        "num_kv_heads must divide num_heads; got 3 and 4",
    ),
    (
        lambda: layers.MultiHeadAttention(8, 4, num_kv_heads=0),
        "num_kv_heads must divide num_heads; got 0 and 4",
    ),
    (
        lambda: layers.RecurrentEncoder(nn.GRU(4, 3)),
        "must be made with batch_first=True",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "said"), [pytest.param(*mistake, id=mistake[1]) for mistake in MISTAKES]
)
def test_mistake_is_explained(mistake: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mistake()


@pytest.mark.parametrize(
    "layer",
    [
        layers.RecurrentEncoder(nn.GRU(3, 2, batch_first=True)),
        layers.AttentionPooling(3, 2),
        layers.LastStateAttention(3, 2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_lengths_must_fit_the_sequences(layer: nn.Module) -> None:
    sequences = zeros(2, 4, 3)
    with pytest.raises(ValueError, match=r"lengths must lie in 0\.\.4, .*; got 2\.\.5"):
        layer(sequences, torch.tensor([5, 2]))
    with pytest.raises(ValueError, match=r"lengths must lie in 0\.\.4, .*; got -1\.\.4"):
        layer(sequences, torch.tensor([4, -1]))


def around(centre: Tensor, half_width: int = 2, **options: Any) -> Tensor:
    vectors = zeros(2, 3, 4), zeros(2, 5, 4), zeros(2, 5, 6)
    return local.damped_attention(*vectors, centre, half_width=half_width, **options)


def weights_around(centre: Tensor, half_width: int = 2, **options: Any) -> Tensor:
    vectors = zeros(2, 3, 4), zeros(2, 5, 4)
    return local.damped_attention_weights(*vectors, centre, half_width=half_width, **options)


def on_demand_around(centre: Tensor, half_width: int = 2, **options: Any) -> object:
    vectors = zeros(2, 3, 4), zeros(2, 5, 4)
    return local.damped_weights_on_demand(*vectors, centre, half_width=half_width, **options)


@pytest.mark.parametrize(
    "call", [around, weights_around, on_demand_around], ids=lambda call: call.__name__
)
def test_what_is_around_a_centre_must_fit(call: Callable[..., object]) -> None:
    said = r"^centre must broadcast to \(batch=2, query=3\), a position for each query; got \(2,\)$"
    with pytest.raises(ValueError, match=said):
        call(zeros(2))
    with pytest.raises(
        ValueError, match=r"half_width counts keys on either side, 1 or more; got 0"
    ):
        call(zeros(3), half_width=0)
    with pytest.raises(ValueError, match=r"^mask must broadcast to \(batch=2, query=3, key=5\)"):
        call(zeros(3), mask=allow(4, 5))
    with pytest.raises(TypeError, match="mask must be boolean"):
        call(zeros(3), mask=zeros(3, 5))


def test_layer_that_predicts_a_centre_names_its_forms() -> None:
    with pytest.raises(ValueError, match="form must be one of damped, biased; got 'sharp'"):
        layers.LocalAttention(layers.DotScore(), 4, 3, form="sharp")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="half_width counts keys on either side, 1 or more"):
        layers.LocalAttention(layers.DotScore(), 4, 3, half_width=0)


def test_convolutions_name_their_poolings() -> None:
    said = "pooling must be one of max, attention, mean_query, lstm_query; got 'min'"
    with pytest.raises(ValueError, match=said):
        ConvolutionalClassifier(vocab=9, num_outputs=1, pooling="min")  # type: ignore[arg-type]
