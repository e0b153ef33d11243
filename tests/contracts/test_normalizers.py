"""What every normalizer promises, and what each declares of itself."""

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from regard import nn as layers
from regard import normalizers
from regard.functional import entmax
from tests.cases import NORMALIZERS, NormalizerCase, over
from tests.drawing import draws
from tests.questions import leaf

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
    if isinstance(normalizer, nn.Module) and case.differentiable:  # else its row is of one mode
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


COMPETING = [case for case in NORMALIZERS if case.sums_to_one and case.differentiable]


@over(NORMALIZERS)
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf, 1e300])
def test_scores_that_are_masked_may_be_anything(case: NormalizerCase, garbage: float) -> None:
    normalizer, mask = case.make(), draws(1)(4, 5) > -0.5
    mask[1] = False
    drawn = draws()(4, 5)
    scores = leaf(drawn.masked_fill(~mask, garbage))
    weights = normalizer(scores, mask)
    torch.testing.assert_close(weights, normalizer(drawn, mask), rtol=0, atol=0)
    if case.differentiable:
        (grad,) = torch.autograd.grad(weights, scores, draws(9)(4, 5))
        assert grad.isfinite().all()
        assert grad[~mask].abs().sum().item() == 0


@over(NORMALIZERS)
def test_score_of_minus_infinity_is_as_good_as_masked(case: NormalizerCase) -> None:
    normalizer, mask = case.make(), torch.tensor([True, False, True, True, False])
    drawn = draws()(3, 5)
    scores = leaf(drawn.masked_fill(~mask, -torch.inf))
    weights = normalizer(scores)
    torch.testing.assert_close(weights, normalizer(drawn, mask), rtol=0, atol=0)
    if case.differentiable:
        (grad,) = torch.autograd.grad(weights, scores, draws(9)(3, 5))
        assert grad.isfinite().all()


@over(COMPETING)
@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_broken_score_breaks_its_row_and_no_other(case: NormalizerCase, broken: float) -> None:
    normalizer, drawn = case.make(), draws()(3, 5)
    scores = drawn.clone()
    scores[1, 2] = broken
    weights = normalizer(scores)
    assert weights[1].isnan().all()
    expected = normalizer(drawn)[[0, 2]]
    torch.testing.assert_close(weights[[0, 2]], expected, rtol=1e-12, atol=1e-12)


@over(COMPETING)
def test_row_that_is_all_minus_infinity_has_no_weights(case: NormalizerCase) -> None:
    assert case.make()(torch.full((1, 3), -torch.inf)).isnan().all()


@over(COMPETING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_may_be_as_large_as_there_are(case: NormalizerCase, dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    for first, second in [(1e30, 0.0), (1e30, -1e30), (largest, -largest)]:
        scores = leaf(torch.tensor([first, second, first], dtype=dtype))
        weights = case.make()(scores)
        assert weights.tolist() == pytest.approx([0.5, 0.0, 0.5], abs=1e-6)
        assert torch.autograd.grad(weights[0], scores)[0].isfinite().all()


@over(NORMALIZERS)
def test_memory_may_be_laid_out_in_any_way(case: NormalizerCase) -> None:
    normalizer, drawn = case.make(), draws()(3, 2, 5)
    mask = draws(1)(3, 1, 5) > 0
    for scores in (
        drawn.transpose(0, 2).contiguous().transpose(0, 2),
        drawn.repeat_interleave(2, dim=-1)[..., ::2],
        drawn[:, :1].expand(3, 2, 5),
    ):
        assert not scores.is_contiguous()
        before = scores.clone()
        weights = normalizer(scores, mask)
        expected = normalizer(before.contiguous(), mask.expand(3, 2, 5).contiguous())
        torch.testing.assert_close(weights, expected, rtol=1e-12, atol=1e-12)
        assert scores.equal(before)


@over(NORMALIZERS)
def test_mask_makes_no_scores(monkeypatch: pytest.MonkeyPatch, case: NormalizerCase) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(RuntimeError, match="expand"):
        case.make()(torch.zeros(3, 5), torch.ones(2, 3, 5, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(4,), (2, 1, 1), (5, 1), (3, 5)], ids=str)
def test_alpha_is_one_number_for_each_row(shape: tuple[int, ...]) -> None:
    said = r"one for each row of the scores, \(3, 1\); got \("
    with pytest.raises(ValueError, match=said):
        normalizers.entmax(torch.zeros(3, 5), alpha=torch.full(shape, 1.5))


def test_learnt_alpha_is_found_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    def bisecting(*_: object) -> object:
        return lambda *_: pytest.fail("alpha is below 2")

    monkeypatch.setattr(entmax, "_bisection", bisecting)
    for normalizer in (layers.Entmax(), layers.Entmax(3, alpha=1.9)):
        assert normalizer(draws()(2, 3, 4, 5)).sum().item() == pytest.approx(24, abs=1e-6)
