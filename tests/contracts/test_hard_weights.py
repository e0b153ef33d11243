"""Hard weights: drawn in training as softmax has it, with its gradient; the best otherwise."""

import pytest
import torch
from torch import Tensor

from regard import normalizers
from regard.nn import AttentionPooling, StraightThroughGumbel
from tests.drawing import draws
from tests.questions import leaf

SCORES = torch.tensor([1.0, -0.5, 0.3, 2.0, 5.0])
MASK = torch.tensor([True, True, True, True, False])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_draw_is_one_key_that_may_be_attended() -> None:
    weights = StraightThroughGumbel()(SCORES.expand(200, 5), MASK)
    assert set(weights.flatten().tolist()) == {0.0, 1.0}
    assert weights.sum(dim=-1).tolist() == [1.0] * 200
    assert weights[:, 4].sum().item() == 0


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_keys_are_drawn_as_often_as_softmax_weighs_them(temperature: float) -> None:
    drawn = normalizers.gumbel_hardmax(
        SCORES.expand(20_000, 5), MASK, temperature=temperature, generator=seeded()
    )
    wanted = normalizers.softmax(SCORES, MASK)
    torch.testing.assert_close(drawn.mean(dim=0), wanted, rtol=0, atol=0.015)


def test_gradient_is_that_of_the_soft_weights() -> None:
    scores, values = leaf(SCORES.double()), draws()(5)
    hard = normalizers.gumbel_hardmax(scores, MASK, temperature=0.7, generator=seeded(1))
    (of_hard,) = torch.autograd.grad(hard @ values, scores)
    uniform = torch.empty(5, dtype=torch.float64).exponential_(generator=seeded(1))
    soft = normalizers.softmax((scores - uniform.log()) / 0.7, MASK)
    (of_soft,) = torch.autograd.grad(soft @ values, scores)
    torch.testing.assert_close(of_hard, of_soft, rtol=1e-9, atol=1e-12)
    assert of_hard[4].item() == 0
    assert (of_hard[:4] != 0).all()


def test_same_generator_same_draw() -> None:
    first, second = (
        normalizers.gumbel_hardmax(SCORES.expand(50, 5), generator=seeded(3)) for _ in range(2)
    )
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_empty_rows_are_zero_with_finite_gradients() -> None:
    scores = leaf(draws()(2, 5))
    mask = torch.tensor([[True] * 5, [False] * 5])
    weights = StraightThroughGumbel()(scores, mask)
    assert weights.sum(dim=-1).tolist() == [1.0, 0.0]
    (grad,) = torch.autograd.grad((weights * draws(1)(2, 5)).sum(), scores)
    assert grad.isfinite().all()
    assert grad[1].abs().sum().item() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_dtype_is_kept(dtype: torch.dtype) -> None:
    assert StraightThroughGumbel()(SCORES.to(dtype)).dtype == dtype


def test_best_key_is_taken_outside_training() -> None:
    layer = StraightThroughGumbel().eval()
    assert layer(SCORES, MASK).tolist() == [0, 0, 0, 1, 0]


def test_pooling_reads_one_state_and_learns_which() -> None:
    layer = AttentionPooling(4, 3, normalizer=StraightThroughGumbel())
    sequence = draws(dtype=torch.float32)(3, 5, 4)
    pooled: Tensor = layer(sequence, torch.tensor([5, 2, 0]))
    for states, length, result in zip(sequence, [5, 2], pooled, strict=False):
        assert (states[:length] - result).abs().sum(dim=-1).min().item() <= 1e-6
    assert pooled[2].tolist() == [0.0] * 4
    pooled.square().sum().backward()
    assert layer.query.grad is not None
    assert (layer.query.grad != 0).any()
    layer.eval()
    again = [layer(sequence) for _ in range(2)]
    torch.testing.assert_close(again[0], again[1], rtol=0, atol=0)


def test_temperature_must_be_positive() -> None:
    with pytest.raises(ValueError, match="temperature must be above 0"):
        StraightThroughGumbel(0.0)
