"""The sparse normalizers against the `entmax` package, published values, and closed forms."""

import math
from collections.abc import Callable

import entmax
import pytest
import torch
from torch import Tensor

from regard import normalizers
from regard.nn import Entmax
from tests.drawing import draws
from tests.questions import leaf

SCALES = [0.1, 1.0, 10.0]
ALPHAS = [1.05, 1.3, 1.5, 1.8, 2.0, 2.5]


def scores(scale: float) -> Tensor:
    drawn = scale * draws()(50, 9)
    drawn[::2] = drawn[::2].round()  # ties, and scores at the threshold
    return leaf(drawn)


def assert_same(
    got: Callable[[Tensor], Tensor], wanted: Callable[[Tensor], Tensor], scores: Tensor
) -> None:
    """Compare weights and gradients."""
    weights, expected = got(scores), wanted(scores)
    torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-9)
    cotangent = draws(9)(*scores.shape)
    torch.testing.assert_close(
        torch.autograd.grad(weights, scores, cotangent),
        torch.autograd.grad(expected, scores, cotangent),
        rtol=1e-7,
        atol=1e-7,
    )


@pytest.mark.parametrize("scale", SCALES)
def test_sparsemax_is_that_of_its_authors(scale: float) -> None:
    assert_same(normalizers.sparsemax, lambda rows: entmax.sparsemax(rows, dim=-1), scores(scale))


@pytest.mark.parametrize("scale", SCALES)
def test_entmax15_is_that_of_its_authors(scale: float) -> None:
    assert_same(normalizers.entmax15, lambda rows: entmax.entmax15(rows, dim=-1), scores(scale))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_entmax_is_that_of_its_authors(scale: float, alpha: float) -> None:
    # Drawn without ties: at the threshold the two gradients are different subgradients.
    drawn = leaf(scale * draws(1)(50, 9))
    assert_same(
        lambda rows: normalizers.entmax(rows, alpha=alpha),
        lambda rows: entmax.entmax_bisect(rows, alpha=alpha, dim=-1, n_iter=60),
        drawn,
    )


@pytest.mark.parametrize("alpha", [1.1, 1.5, 1.9])
def test_gradient_of_alpha_is_that_of_its_authors(alpha: float) -> None:
    rows, cotangent = draws()(50, 9), draws(9)(50, 9)
    ours, theirs = (torch.full((50, 1), alpha, dtype=torch.float64).requires_grad_() for _ in "ab")
    weights = normalizers.entmax(rows, alpha=ours)
    expected = entmax.entmax_bisect(rows, alpha=theirs, dim=-1, n_iter=60)
    torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        torch.autograd.grad(weights, ours, cotangent),
        torch.autograd.grad(expected, theirs, cotangent),
        rtol=1e-6,
        atol=1e-6,
    )


def test_gradient_of_alpha_is_exact_for_one_alpha_per_head() -> None:
    alpha = torch.tensor([1.2, 1.5, 1.8], dtype=torch.float64).view(3, 1, 1).requires_grad_()
    rows = leaf(draws()(2, 3, 4, 5))
    assert torch.autograd.gradcheck(
        lambda rows, alpha: normalizers.entmax(rows, alpha=alpha), [rows, alpha]
    )


def test_learnt_alpha_is_the_alpha_of_its_authors() -> None:
    rows = draws()(2, 3, 4, 5)
    expected = entmax.entmax_bisect(rows, alpha=1.4, dim=-1, n_iter=60)
    torch.testing.assert_close(Entmax(3, alpha=1.4).double()(rows), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(Entmax(alpha=1.4).double()(rows), expected, rtol=1e-6, atol=1e-6)


# The values that the README of the `entmax` package gives for these scores.
PUBLISHED = [
    (normalizers.softmax, [0.0486, 0.3592, 0.5922]),
    (normalizers.sparsemax, [0.0, 0.25, 0.75]),
    (normalizers.entmax15, [0.0, 0.3260, 0.6740]),
    (lambda rows: normalizers.entmax(rows, alpha=1.5), [0.0, 0.3260, 0.6740]),
    (lambda rows: normalizers.entmax(rows, alpha=2.0), [0.0, 0.25, 0.75]),
]


@pytest.mark.parametrize(
    ("normalizer", "published"),
    PUBLISHED,
    ids=["softmax", "sparsemax", "entmax15", "entmax at 1.5", "entmax at 2"],
)
def test_published_values(normalizer: Callable[[Tensor], Tensor], published: list[float]) -> None:
    weights = normalizer(torch.tensor([-2.0, 0.0, 0.5]))
    assert weights.tolist() == pytest.approx(published, abs=1e-4)


@pytest.mark.parametrize("gap", [0.0, 0.3, 0.9, 1.5])
def test_two_keys_have_closed_forms(gap: float) -> None:
    rows = torch.tensor([gap, 0.0], dtype=torch.float64)
    first = {
        normalizers.softmax: 1 / (1 + math.exp(-gap)),
        normalizers.sparsemax: min((1 + gap) / 2, 1.0),
        normalizers.entmax15: (gap / 4 + math.sqrt(0.5 - gap**2 / 16)) ** 2,
    }
    for normalizer, expected in first.items():
        weights = normalizer(rows).tolist()
        assert weights == pytest.approx([expected, 1 - expected], abs=1e-12)


def test_entmax_goes_to_softmax_as_alpha_goes_to_one() -> None:
    rows = draws()(5, 7)
    torch.testing.assert_close(
        normalizers.entmax(rows, alpha=1 + 1e-5), rows.softmax(dim=-1), rtol=1e-3, atol=1e-4
    )


def test_sigmoid_and_hardmax_by_hand() -> None:
    rows = [[0.0, 1.0, -2.0], [3.0, 3.0, 1.0]]
    assert normalizers.sigmoid(torch.tensor(rows)).tolist() == [
        pytest.approx([1 / (1 + math.exp(-score)) for score in row], abs=1e-6) for row in rows
    ]
    assert normalizers.hardmax(torch.tensor(rows)).tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
