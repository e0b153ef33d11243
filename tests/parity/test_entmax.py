"""The root finder of the sparse normalizers on rows that are hard for it, against sorting."""

import math
from collections.abc import Callable

import entmax as package
import pytest
import torch
from torch import Tensor

from regard import normalizers
from regard.functional import entmax
from tests.drawing import draws
from tests.questions import leaf

NUM_KEYS = 8192
ALPHAS = [1.001, 1.1, 1.3, 1.5, 1.7, 2.0, 2.5, 4.0]

index = torch.arange(NUM_KEYS, dtype=torch.float64)
ROWS = {
    "geometric": -(2.0**-index),
    "slowly geometric": -(0.999**index),
    "harmonic": -1 / (index + 1),
    "staircase": -index / NUM_KEYS,
    "steps of the staircase": -(index.sqrt().floor() / math.sqrt(NUM_KEYS)),
    "square root": -(index / NUM_KEYS).sqrt(),
    "logarithm": -index.log1p() / 10,
    "half of the keys at each level": 2.0 ** -(index + 1).log2().floor(),
    "all equal": 0 * index,
    "ties": -(index % 4) / 4,
    "ties at the threshold": -(index > 0).double(),
    "one ahead": 10 * (index == 0).double(),
    "one huge": 1e30 * (index == 0).double(),
    "huge": 1e30 * (index - index.max()),
    "drawn": draws()(NUM_KEYS),
    "drawn wide": 5 * draws(1)(NUM_KEYS),
}
"""Rows of scores by what is special about them."""

over_rows = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


def sorted_sparsemax(scores: Tensor) -> Tensor:
    """Weigh by Martins & Astudillo 2016, algorithm 1."""
    scores = scores - scores.max()
    descending = scores.sort(descending=True).values
    candidates = (descending.cumsum(0) - 1) / torch.arange(1, len(scores) + 1)
    return (scores - candidates[descending > candidates][-1]).clamp(min=0)


def sorted_entmax15(scores: Tensor) -> Tensor:
    """Weigh by Peters et al. 2019, algorithm 2."""
    halves = (scores - scores.max()) / 2
    descending = halves.sort(descending=True).values
    size = torch.arange(1, len(scores) + 1)
    mean = descending.cumsum(0) / size
    spread = descending.square().cumsum(0) - size * mean.square()
    candidates = mean - ((1 - spread) / size).clamp(min=0).sqrt()
    return (halves - candidates[descending > candidates][-1]).clamp(min=0).square()


def bisected(scores: Tensor, alpha: float) -> Tensor:
    """Weigh by the package, as exactly as it can."""
    shifted = scores - scores.amax(dim=-1, keepdim=True)
    return package.entmax_bisect(shifted, alpha, dim=-1, n_iter=100)


@over_rows
@pytest.mark.parametrize("num_keys", [1, 2, 33, NUM_KEYS])
@pytest.mark.parametrize(
    ("normalizer", "oracle"),
    [(normalizers.sparsemax, sorted_sparsemax), (normalizers.entmax15, sorted_entmax15)],
    ids=["sparsemax", "entmax15"],
)
def test_nothing_sorted_is_as_if_it_were_sorted(
    normalizer: Callable[[Tensor], Tensor],
    oracle: Callable[[Tensor], Tensor],
    num_keys: int,
    row: Tensor,
) -> None:
    weights = normalizer(row[:num_keys])
    torch.testing.assert_close(weights, oracle(row[:num_keys]), rtol=1e-9, atol=1e-12)
    assert weights.sum().item() == pytest.approx(1, abs=1e-12)


@over_rows
@pytest.mark.parametrize("alpha", ALPHAS)
def test_hard_rows_are_weighed_exactly(alpha: float, row: Tensor) -> None:
    weights = normalizers.entmax(row, alpha=alpha)
    atol = 1e-12 if alpha <= 2 else 1e-11  # weights change faster than their scores
    torch.testing.assert_close(weights, bisected(row, alpha), rtol=1e-9, atol=atol)
    assert weights.sum().item() == pytest.approx(1, abs=1e-12)
    assert (weights >= 0).all()


@over_rows
@pytest.mark.parametrize("alpha", [1.1, 1.3, 1.5, 1.7, 2.0])
def test_hard_rows_are_weighed_exactly_in_float32(alpha: float, row: Tensor) -> None:
    rounded = row.float()
    weights = normalizers.entmax(rounded, alpha=alpha)
    truth = bisected(rounded.double(), alpha)
    torch.testing.assert_close(weights.double(), truth, rtol=0, atol=5e-6)
    assert weights.sum().item() == pytest.approx(1, abs=1e-6)


@pytest.fixture
def thresholds(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Return a list of the thresholds that Newton's method steps from."""
    visited: list[Tensor] = []
    newton = entmax._newton

    def recording(scaled: Tensor, alpha: float | Tensor) -> Callable[..., tuple[Tensor, ...]]:
        step = newton(scaled, alpha)

        def recorded(tau: Tensor, moving: Tensor) -> tuple[Tensor, ...]:
            visited.append(tau)
            return step(tau, moving)

        return recorded

    monkeypatch.setattr(entmax, "_newton", recording)
    return visited


@over_rows
@pytest.mark.parametrize("alpha", [1.001, 1.1, 1.5, 1.7, 2.0])
@pytest.mark.parametrize("kind", [float, torch.tensor], ids=["number", "tensor"])
@pytest.mark.parametrize("num_keys", [33, NUM_KEYS])
def test_steps_are_few_and_never_back(
    thresholds: list[Tensor],
    alpha: float,
    kind: Callable[[float], float | Tensor],
    num_keys: int,
    row: Tensor,
) -> None:
    normalizers.entmax(row[:num_keys], alpha=kind(alpha))
    visited = torch.cat(thresholds)
    assert 1 <= len(visited) <= math.log2(num_keys) + 3
    assert (visited.diff() >= 0).all()


@pytest.mark.parametrize("alpha", [1.1, 1.5, 2.0])
def test_equal_scores_take_one_step(thresholds: list[Tensor], alpha: float) -> None:
    weights = normalizers.entmax(torch.zeros(7, dtype=torch.float64), alpha=alpha)
    assert weights.tolist() == pytest.approx([1 / 7] * 7, abs=1e-15)
    assert len(thresholds) == 2  # the second is the root


def test_rows_that_are_done_stay_where_they_are() -> None:
    rows = torch.stack(list(ROWS.values()))
    for alpha in ALPHAS:
        together = normalizers.entmax(rows, alpha=alpha)
        alone = torch.stack([normalizers.entmax(row, alpha=alpha) for row in rows])
        torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-15)


def test_every_row_may_have_an_alpha_of_its_own() -> None:
    alphas = torch.tensor(ALPHAS, dtype=torch.float64)
    rows = leaf(3 * draws()(50, len(ALPHAS), 33))
    weights = normalizers.entmax(rows, alpha=alphas.unsqueeze(-1))
    expected = torch.stack(
        [normalizers.entmax(rows[:, head], alpha=alpha) for head, alpha in enumerate(ALPHAS)], dim=1
    )
    torch.testing.assert_close(weights, expected, rtol=1e-10, atol=1e-13)
    cotangent = draws(9)(*rows.shape)
    torch.testing.assert_close(
        torch.autograd.grad(weights, rows, cotangent),
        torch.autograd.grad(expected, rows, cotangent),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("alpha", [1.02, 1.3, 1.9, 2.0, 2.6])
def test_alpha_has_the_derivative_that_differences_show(alpha: float) -> None:
    rows, step = draws()(50, 9), 1e-6
    learnt = torch.full((50, 1), alpha, dtype=torch.float64).requires_grad_()
    cotangent = draws(9)(50, 9)
    (grad,) = torch.autograd.grad(normalizers.entmax(rows, alpha=learnt), learnt, cotangent)
    higher, lower = (bisected(rows, alpha + side) for side in (step, -step))
    slope = ((higher - lower) / (2 * step) * cotangent).sum(dim=-1, keepdim=True)
    torch.testing.assert_close(grad, slope, rtol=1e-5, atol=1e-6)


def test_derivative_by_alpha_cancels_nothing_near_one() -> None:
    rows, cotangent = 3 * draws()(50, 9), draws(9)(50, 9)
    grads = []
    for dtype in (torch.float32, torch.float64):
        alpha = torch.full((50, 1), 1.01, dtype=dtype).requires_grad_()
        weights = normalizers.entmax(rows.to(dtype), alpha=alpha)
        grads += torch.autograd.grad(weights, alpha, cotangent.to(dtype))
    torch.testing.assert_close(grads[0].double(), grads[1], rtol=0, atol=2e-4)
