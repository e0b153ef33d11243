"""What every normalizer promises, and what each declares of itself."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.cases import NORMALIZERS, NormalizerCase, over
from tests.drawing import draws

# Eighths up to 50: their sums and differences are exact, so ties and shifts are what they seem.
eighths = st.integers(-400, 400).map(lambda number: number / 8)
# A weight, a score and whether the mask allows the key.
allowed_scores = st.lists(st.tuples(eighths, st.booleans()), min_size=1, max_size=9)


def as_tensors(keys: list[tuple[float, bool]]) -> tuple[Tensor, Tensor]:
    scores = torch.tensor([score for score, _ in keys], dtype=torch.float64)
    return scores, torch.tensor([allowed for _, allowed in keys])


@over(NORMALIZERS)
@given(keys=allowed_scores)
@settings(max_examples=60)
def test_weights_are_weights(case: NormalizerCase, keys: list[tuple[float, bool]]) -> None:
    scores, mask = as_tensors(keys)
    weights = case.make()(scores, mask)
    assert ((weights >= 0) & (weights <= 1 + 1e-9)).all()
    assert weights[~mask].abs().sum().item() == 0
    if case.sums_to_one:
        assert weights.sum().item() == pytest.approx(float(mask.any()), abs=1e-9)


@over(NORMALIZERS)
@given(keys=allowed_scores)
@settings(max_examples=60)
def test_masked_keys_might_as_well_not_be_there(
    case: NormalizerCase, keys: list[tuple[float, bool]]
) -> None:
    scores, mask = as_tensors(keys)
    weights = case.make()(scores, mask)[mask]
    torch.testing.assert_close(weights, case.make()(scores[mask]), rtol=1e-9, atol=1e-12)


@over(NORMALIZERS)
@given(keys=allowed_scores)
@settings(max_examples=60)
def test_higher_scores_weigh_no_less(case: NormalizerCase, keys: list[tuple[float, bool]]) -> None:
    scores, mask = as_tensors(keys)
    order = scores[mask].argsort(stable=True)
    ordered = case.make()(scores, mask)[mask][order]
    rises = scores[mask][order].diff() > 0
    assert (ordered.diff()[rises] >= 0).all()


@over([case for case in NORMALIZERS if case.shift_invariant])
@given(keys=allowed_scores, constant=eighths)
@settings(max_examples=60)
def test_constant_changes_nothing(
    case: NormalizerCase, keys: list[tuple[float, bool]], constant: float
) -> None:
    scores, mask = as_tensors(keys)
    weights = case.make()(scores, mask)
    torch.testing.assert_close(
        case.make()(scores + constant, mask), weights, rtol=1e-12, atol=1e-12
    )


@over([case for case in NORMALIZERS if not case.shift_invariant])
def test_constant_changes_the_weights_where_declared(case: NormalizerCase) -> None:
    scores = draws()(5)
    assert (case.make()(scores + 1) - case.make()(scores)).abs().min().item() > 0.01


@over([case for case in NORMALIZERS if not case.sums_to_one])
def test_weights_do_not_sum_to_one_where_declared(case: NormalizerCase) -> None:
    assert abs(case.make()(draws()(5)).sum().item() - 1) > 0.1


@over(NORMALIZERS)
def test_far_behind_is_zero_exactly_if_sparse(case: NormalizerCase) -> None:
    weights = case.make()(torch.tensor([0.0, -30.0, 0.125], dtype=torch.float64))
    assert (weights[1].item() == 0) == case.sparse


@over(NORMALIZERS)
def test_permuting_the_scores_permutes_the_weights(case: NormalizerCase) -> None:
    scores, mask = draws()(2, 5), torch.tensor([True, True, False, True, True])
    order = torch.tensor([3, 0, 4, 1, 2])
    permuted = case.make()(scores[:, order], mask[order])
    torch.testing.assert_close(
        permuted, case.make()(scores, mask)[:, order], rtol=1e-12, atol=1e-12
    )


@over(NORMALIZERS)
def test_rows_know_nothing_of_each_other(case: NormalizerCase) -> None:
    scores = draws()(2, 3, 4, 5)
    mask = draws(1)(3, 4, 5) > 0
    together = case.make()(scores, mask)
    for index in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4)).tolist():
        alone = case.make()(scores[tuple(index)], mask[tuple(index[1:])])
        torch.testing.assert_close(together[tuple(index)], alone, rtol=1e-12, atol=1e-12)


@over(NORMALIZERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept_and_half_precision_is_rounded_once(
    case: NormalizerCase, dtype: torch.dtype
) -> None:
    scores = (3 * draws()(4, 7)).to(dtype)
    mask = draws(1)(4, 7) > -1
    weights = case.make()(scores, mask)
    assert weights.dtype == dtype
    # Computed in at least float32: what is left is the rounding of the result.
    atol = max(torch.finfo(dtype).eps / 2, 1e-6)
    truth = case.make()(scores.double(), mask)
    torch.testing.assert_close(weights.double(), truth, rtol=0, atol=atol)


@over([case for case in NORMALIZERS if case.shift_invariant])
@pytest.mark.parametrize(
    ("dtype", "gaps"),
    [
        (torch.float32, [0.0, -0.25, -0.5, -2e4]),
        (torch.float32, [-8.0, 0.0, -2e4, -2e4]),
        (torch.float16, [0.0, -8.0, -16.0, -2e4]),
    ],
)
def test_large_scores_are_exact(
    case: NormalizerCase, dtype: torch.dtype, gaps: list[float]
) -> None:
    small = torch.tensor(gaps, dtype=dtype)
    large = small + 1e4  # exact: these gaps are multiples of the step at 10,000
    torch.testing.assert_close(case.make()(large), case.make()(small), rtol=0, atol=0)
    truth = case.make()(small.double())
    torch.testing.assert_close(case.make()(large).double(), truth, rtol=0, atol=1e-3)


@over(NORMALIZERS)
def test_masked_key_weighs_nothing_however_low_the_others(case: NormalizerCase) -> None:
    scores = torch.tensor([-3e4, 3e4, -3e4 + 0.25], dtype=torch.float64)
    weights = case.make()(scores, torch.tensor([True, False, True]))
    wanted = case.make()(scores[[0, 2]])
    torch.testing.assert_close(weights[[0, 2]], wanted, rtol=1e-9, atol=1e-12)
    assert weights[1].item() == 0


@over(NORMALIZERS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_empty_row_weighs_nothing_and_has_no_gradient(case: NormalizerCase, training: bool) -> None:
    normalizer = case.make()
    if isinstance(normalizer, nn.Module):
        normalizer.train(training)
    scores = draws()(3, 4).requires_grad_()
    mask = torch.tensor([[True, False, True, True], [False] * 4, [False, True, False, False]])
    weights = normalizer(scores, mask)
    assert weights[1].tolist() == [0.0] * 4
    if not case.differentiable:
        assert not weights.requires_grad
        return
    (weights * draws(1)(3, 4)).sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert scores.grad[1].tolist() == [0.0] * 4
    assert scores.grad[~mask].abs().sum().item() == 0
    if isinstance(normalizer, nn.Module):
        assert all(parameter.grad.isfinite().all() for parameter in normalizer.parameters())


@over([case for case in NORMALIZERS if case.differentiable])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_exact(case: NormalizerCase, masked: bool) -> None:
    normalizer = case.make()
    mask = draws(1)(4, 5) > 0 if masked else None
    scores = draws()(4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda scores: normalizer(scores, mask), [scores])


@over(NORMALIZERS)
@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0)], ids=str)
def test_nothing_to_normalize(case: NormalizerCase, shape: tuple[int, int]) -> None:
    scores = torch.zeros(shape, requires_grad=True)
    assert case.make()(scores).shape == shape
    assert case.make()(scores, torch.ones(shape, dtype=torch.bool)).shape == shape


@over(NORMALIZERS)
def test_single_key_takes_all(case: NormalizerCase) -> None:
    if not case.sums_to_one:
        assert case.make()(torch.tensor([30.0])).item() == pytest.approx(1, abs=1e-6)
        return
    assert case.make()(torch.tensor([-3.0])).item() == pytest.approx(1, abs=1e-6)
