"""What every bias promises: its shape, the dtype it is asked for, and its place at the end."""

import pytest
import torch

from regard import biases
from tests.cases import BIASES, BiasCase, over
from tests.drawing import draws


@over(BIASES)
@pytest.mark.parametrize(("query_len", "key_len"), [(3, 5), (5, 3), (1, 4), (4, 4), (0, 3), (3, 0)])
def test_bias_fits_the_scores_and_is_finite(case: BiasCase, query_len: int, key_len: int) -> None:
    bias = case.make(query_len, key_len)
    heads = () if case.heads is None else (case.heads,)
    assert bias.shape == (*heads, query_len, key_len)
    assert bias.isfinite().all()
    assert bias.dtype == torch.float64


@over(BIASES)
@pytest.mark.parametrize(("query_len", "key_len"), [(3, 5), (5, 3), (4, 4)])
def test_one_step_is_the_last_row_of_the_full_pass(
    case: BiasCase, query_len: int, key_len: int
) -> None:
    full = case.make(query_len, key_len)
    torch.testing.assert_close(case.make(1, key_len), full[..., -1:, :], rtol=1e-12, atol=1e-12)


@over([case for case in BIASES if case.id != "relative_position"])
def test_farther_keys_are_favoured_less(case: BiasCase) -> None:
    last_row = case.make(1, 6)[..., 0, :]
    assert (last_row.diff(dim=-1) > 0).all()
    assert last_row[..., -1].abs().max().item() == 0


def test_gradients_reach_what_may_be_learnt() -> None:
    slopes = biases.alibi_slopes(3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda slopes: biases.alibi(slopes, 2, 4), [slopes])

    buckets = biases.relative_buckets(2, 4, num_buckets=8)
    table = draws()(8, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda table: biases.relative_position(table, buckets), [table])

    centre, deviation = draws()(2, 3).requires_grad_(), draws(1)(2, 3).exp().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda centre, deviation: biases.gaussian(centre, 5, deviation=deviation),
        [centre, deviation],
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_gaussian_tells_far_positions_apart_in_half_precision(dtype: torch.dtype) -> None:
    bias = biases.gaussian(torch.tensor([500.0], dtype=dtype), 504, deviation=1.0)
    assert bias.dtype == dtype
    assert bias[0, 498:].tolist() == [-2.0, -0.5, 0.0, -0.5, -2.0, -4.5]


def test_gaussian_has_a_deviation_for_all_or_for_each_query() -> None:
    centre = draws()(2, 3)
    for_all = biases.gaussian(centre, 5, deviation=2.0)
    for_each = biases.gaussian(centre, 5, deviation=torch.full((2, 3), 2.0, dtype=torch.float64))
    torch.testing.assert_close(for_each, for_all, rtol=1e-12, atol=1e-12)


def test_alibi_keeps_the_dtype_of_its_slopes() -> None:
    assert biases.alibi(biases.alibi_slopes(2).bfloat16(), 2, 3).dtype == torch.bfloat16


def test_relative_buckets_are_made_where_they_are_wanted() -> None:
    device = torch.device("meta")
    assert biases.relative_buckets(2, 3, device=device).device == device
