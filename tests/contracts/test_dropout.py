"""Dropout drops as often as it says, scales up the rest, and is drawn from torch's generator."""

import pytest
import torch
from torch import Tensor

from regard.nn import Dropout
from regard.nn.dropout import dropout

SHARES = pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.9])
NUMBER = 400_003  # no multiple of the four that are drawn at a time


@SHARES
def test_it_drops_as_often_as_it_says_and_keeps_the_mean(p: float) -> None:
    found = dropout(torch.ones(NUMBER), p)
    error = (p * (1 - p) / NUMBER) ** 0.5
    assert (found == 0).double().mean().item() == pytest.approx(p, abs=5 * error + 2**-17)
    kept = found[found != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p)), rtol=2**-12, atol=0.0)


def test_what_is_dropped_is_dropped_independently() -> None:
    found = dropout(torch.ones(4, NUMBER // 4), 0.5).gt(0).double() - 0.5
    for one, other in ((found[:, 1:], found[:, :-1]), (found[1:], found[:-1])):
        assert abs((one * other).mean().item()) < 5 * 0.25 / one.numel() ** 0.5


def test_gradients_go_where_numbers_went() -> None:
    given = torch.randn(3, 5, 7, requires_grad=True)
    found = dropout(given, 0.4)
    (gradient,) = torch.autograd.grad(found.sum(), given)
    torch.testing.assert_close(gradient * given, found, rtol=1e-6, atol=0.0)
    assert 0 < (gradient == 0).sum().item() < gradient.numel()


def test_the_same_seed_drops_the_same_and_another_does_not() -> None:
    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return dropout(torch.ones(100), 0.5)

    assert drawn(1).tolist() == drawn(1).tolist()
    assert drawn(1).tolist() != drawn(2).tolist()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_it_keeps_type_and_shape(dtype: torch.dtype) -> None:
    for shape in ((0,), (), (3,), (2, 0, 3), (2, 3, 5)):
        found = dropout(torch.ones(shape, dtype=dtype), 0.5)
        assert found.dtype == dtype
        assert found.shape == shape
        assert set(found.flatten().tolist()) <= {0.0, 2.0}


def test_nothing_and_everything_can_be_dropped() -> None:
    given = torch.randn(50)
    assert dropout(given, 0.0).tolist() == given.tolist()
    assert dropout(given, 1.0).tolist() == [0.0] * 50


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_another_share_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        dropout(torch.ones(3), p)


def test_the_layer_drops_in_training_only() -> None:
    layer, given = Dropout(0.5), torch.randn(1000)
    assert (layer(given) == 0).any()
    assert layer.eval()(given).tolist() == given.tolist()
