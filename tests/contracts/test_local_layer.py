"""The layer that predicts where to look: what its functions say, and it learns."""

from functools import partial

import pytest
import torch

import regard
from regard import masks, scores
from regard import nn as layers
from regard.interfaces import Memory
from tests.cases import LOCAL
from tests.drawing import draws


def layer_and_memory() -> tuple[layers.LocalAttention, Memory]:
    layer = layers.LocalAttention(layers.BilinearScore(4, 5), 4, 6, half_width=2).double()
    vectors = draws()(2, 300, 5)
    return layer, layer.memory(vectors, vectors, masks.padding(torch.tensor([300, 40]), 300))


def test_layer_predicts_a_centre_within_each_sequence() -> None:
    layer, memory = layer_and_memory()
    query = 100 * draws(1)(2, 50, 4)
    centre = layer.centre(query, memory)
    assert centre.shape == (2, 50)
    assert (centre > 0).all()
    assert 200 < centre[0].max().item() < 300
    assert 30 < centre[1].max().item() < 40
    without_mask = layer.centre(query, memory._replace(mask=None))
    torch.testing.assert_close(without_mask[1], centre[1] * 300 / 40, rtol=1e-9, atol=0)
    for_each_query = memory._replace(mask=memory.mask.expand(2, 50, 300))
    torch.testing.assert_close(layer.centre(query, for_each_query), centre, rtol=0, atol=0)
    apart = torch.stack([torch.arange(300) < 10, torch.arange(300) < 40]).repeat(25, 1)
    of_some = layer.centre(query, memory._replace(mask=apart))  # what any query may attend
    torch.testing.assert_close(of_some[1], centre[1], rtol=0, atol=0)
    of_any = layer.centre(query, memory._replace(mask=torch.ones(1, 1, dtype=torch.bool)))
    torch.testing.assert_close(of_any[0], centre[0], rtol=0, atol=0)
    for_all = memory._replace(mask=torch.arange(300) < 40)
    torch.testing.assert_close(layer.centre(query, for_all)[1], centre[1], rtol=0, atol=0)


def test_sequence_is_as_long_as_the_mask_within_a_window_says() -> None:
    layer, memory = layer_and_memory()
    query = draws(1)(2, 50, 4)
    for bounds in [(None, None), (300, 300)]:
        windowed = memory._replace(mask=masks.Window(*bounds, memory.mask))
        torch.testing.assert_close(
            layer(query, windowed), layer(query, memory), rtol=1e-9, atol=1e-9
        )
    near = memory._replace(mask=masks.Window(20, 0))
    of_all = layer.centre(query, memory._replace(mask=None))
    torch.testing.assert_close(layer.centre(query, near), of_all, rtol=0, atol=0)


@pytest.mark.parametrize("form", ["damped", "biased"])
def test_layer_is_its_function(form: str) -> None:
    layer, memory = layer_and_memory()
    layer.form = form
    query = draws(1)(2, 50, 4)
    given = {
        "half_width": 2,
        "mask": memory.mask,
        "score": partial(scores.bilinear, weight=layer.score.weight),
    }
    centre = layer.centre(query, memory)
    case = next(case for case in LOCAL if case.id.startswith(form))
    torch.testing.assert_close(
        layer(query, memory),
        case.attend(query, memory.key, memory.value, centre, **given),
        rtol=1e-9,
        atol=1e-9,
    )
    weights = case.weigh(query, memory.key, centre, **given)
    torch.testing.assert_close(layer.weights(query, memory), weights, rtol=1e-9, atol=1e-9)
    with regard.record(layer) as seen:
        layer(query, memory)
    torch.testing.assert_close(seen.only().weights(), weights, rtol=1e-9, atol=1e-9)


def test_layer_learns_where_to_look() -> None:
    torch.manual_seed(0)
    layer = layers.LocalAttention(layers.DotScore(), 3, 8, half_width=3, form="biased")
    value = torch.arange(40.0).view(1, 40, 1)
    memory = layer.memory(torch.zeros(1, 40, 3), value)
    query, wanted = torch.eye(3).unsqueeze(0), torch.tensor([[[6.0], [20.0], [33.0]]])
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (layer(query, memory) - wanted).square().mean().backward()
        optimizer.step()
    torch.testing.assert_close(layer(query, memory), wanted, rtol=0, atol=0.5)
    torch.testing.assert_close(layer.centre(query, memory), wanted.squeeze(-1), rtol=0, atol=0.75)


def test_dropout_keeps_the_expected_context() -> None:
    layer = layers.LocalAttention(layers.DotScore(), 4, 3, half_width=5, form="biased", dropout=0.5)
    key = draws(dtype=torch.float32)(1, 400, 4)
    memory = layer.memory(key, torch.ones(1, 400, 1))
    query = draws(1, torch.float32)(1, 2000, 4)
    dropped = layer(query, memory)
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert dropped.std().item() > 0.1
    torch.testing.assert_close(
        layer.eval()(query, memory), torch.ones(1, 2000, 1), rtol=1e-5, atol=0
    )
