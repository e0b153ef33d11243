"""Measures of attention weights against values worked out by hand, and by loops."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from regard.inspection.measures.statistics import (
    coverage,
    entropy,
    gini,
    mean_distance,
    most_attended,
    normalised_entropy,
    sparsity,
    weight_on_masked,
)

SHARES = st.lists(st.sampled_from([0.0, 0.0, 0.125, 0.25, 0.5, 1.0]), min_size=1, max_size=9)
OF_ROWS = [entropy, normalised_entropy, gini, sparsity]


@pytest.mark.parametrize("length", [1, 2, 7, 1000])
def test_entropy_of_even_weights_is_the_log_of_their_number(length: int) -> None:
    measured = entropy(torch.full((length,), 1 / length, dtype=torch.float64))
    assert measured.item() == pytest.approx(math.log(length), abs=1e-12)


def test_entropy_is_zero_for_one_place_and_for_none() -> None:
    assert entropy(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])).tolist() == [0.0, 0.0]


def test_entropy_of_uneven_weights() -> None:
    expected = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert entropy(torch.tensor([0.25, 0.75])).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("measure", OF_ROWS)
def test_a_measure_of_half_precision_is_rounded_once(measure: Callable[[Tensor], Tensor]) -> None:
    weights = torch.randn(64, 50).softmax(-1).to(torch.bfloat16)
    measured = measure(weights)
    assert measured.dtype == torch.bfloat16
    torch.testing.assert_close(
        measured, measure(weights.double()).to(torch.bfloat16), rtol=0.01, atol=0
    )


def test_entropy_of_half_precision_is_rounded_once() -> None:
    weights = torch.randn(64, 50).softmax(-1).to(torch.bfloat16)
    measured = entropy(weights)
    assert measured.dtype == torch.bfloat16
    assert measured.tolist() == entropy(weights.double()).to(torch.bfloat16).tolist()


@pytest.mark.parametrize("length", [2, 3, 50])
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_even_weights_look_as_widely_as_they_could(length: int, scale: float) -> None:
    weights = torch.full((length,), scale / length)
    assert normalised_entropy(weights).item() == pytest.approx(1, abs=1e-6)
    assert gini(weights).item() == pytest.approx(0, abs=1e-6)
    assert sparsity(weights).item() == 0


@given(SHARES, st.integers(0, 4))
def test_normalised_entropy_leaves_out_what_may_not_be_attended(
    found: list[float], num_masked: int
) -> None:
    weights = torch.tensor(found + [0.0] * num_masked)
    mask = torch.arange(len(weights)) < len(found)
    total = sum(found) or 1
    nats = -sum(each / total * math.log(each / total) for each in found if each)
    expected = nats / math.log(len(found)) if len(found) > 1 else 0
    assert normalised_entropy(weights, mask).item() == pytest.approx(expected, abs=1e-6)


@given(SHARES, st.integers(0, 4))
def test_gini_is_the_mean_difference_over_twice_the_mean(
    found: list[float], num_masked: int
) -> None:
    weights = torch.tensor([0.0] * num_masked + found)
    mask = torch.arange(len(weights)) >= num_masked
    apart = sum(abs(one - other) for one in found for other in found)
    expected = apart / (2 * len(found) * sum(found)) if sum(found) else 0
    assert gini(weights, mask).item() == pytest.approx(expected, abs=1e-6)


@given(SHARES, st.permutations(range(9)))
def test_order_scale_and_company_do_not_matter(found: list[float], order: list[int]) -> None:
    weights = torch.tensor(found)
    shuffled = weights[[at for at in order if at < len(found)]] * 0.3
    for measure in (normalised_entropy, gini, sparsity):
        together = measure(torch.stack([shuffled, torch.ones_like(shuffled)]))
        assert together[0].item() == pytest.approx(measure(weights).item(), abs=1e-6)


@given(SHARES)
def test_sparsity_counts_exact_zeros(found: list[float]) -> None:
    weights = torch.tensor([*found, 0.0, 0.0])
    mask = torch.arange(len(weights)) < len(found)
    expected = found.count(0.0) / len(found)
    assert sparsity(weights, mask).item() == pytest.approx(expected, abs=1e-6)
    unmasked = (found.count(0.0) + 2) / (len(found) + 2)
    assert sparsity(weights).item() == pytest.approx(unmasked, abs=1e-6)


def test_what_is_next_to_nothing_is_no_zero() -> None:
    assert sparsity(torch.tensor([1e-30, 1.0])).item() == 0


@pytest.mark.parametrize("measure", [normalised_entropy, gini, sparsity])
def test_a_row_that_may_attend_nothing_has_measure_zero(
    measure: Callable[[Tensor, Tensor], Tensor],
) -> None:
    weights, mask = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    assert measure(weights, mask).tolist() == [0, 0]


@pytest.mark.parametrize(("query_len", "key_len"), [(1, 1), (4, 4), (2, 5), (0, 3)])
def test_distance_is_counted_from_the_last_query_at_the_last_key(
    query_len: int, key_len: int
) -> None:
    weights = torch.rand(3, query_len, key_len)
    far = torch.zeros(3)
    for query in range(query_len):
        for key in range(key_len):
            apart = abs(query + key_len - query_len - key)
            far += weights[:, query, key] * apart
    expected = far / weights.sum((1, 2)).clamp(min=1e-9)
    torch.testing.assert_close(mean_distance(weights), expected, rtol=1e-5, atol=1e-6)


def test_who_looks_nowhere_looks_at_no_distance() -> None:
    weights = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert mean_distance(weights).item() == 1
    assert mean_distance(torch.zeros(2, 3, 3)).tolist() == [0, 0]


def test_distance_of_half_precision_keeps_its_sums() -> None:
    weights = torch.full((1, 600, 600), 1 / 600, dtype=torch.float16)
    exact = mean_distance(weights.double())
    assert mean_distance(weights).item() == pytest.approx(exact.item(), rel=1e-3)


def test_weight_on_masked_is_zero_unless_padding_is_attended() -> None:
    mask = torch.tensor([[True, True, False], [False, False, False]]).unsqueeze(1)
    attended = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]).unsqueeze(1)
    assert weight_on_masked(attended, mask).tolist() == [[0.0], [0.0]]
    attended[1, 0, 0], attended[0, 0, 2] = 0.25, -0.5
    assert weight_on_masked(attended, mask).tolist() == [[0.5], [0.25]]


def test_coverage_adds_up_what_each_source_position_gets() -> None:
    weights = torch.tensor([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]])
    assert coverage(weights).tolist() == [[1.5, 0.5, 0.0]]


def test_most_attended_is_the_first_of_the_largest() -> None:
    weights = torch.tensor([[[0.1, 0.2, 0.7], [0.4, 0.2, 0.4], [0.0, 0.0, 0.0]]])
    assert most_attended(weights).tolist() == [[2, 0, -1]]


def test_an_empty_source_has_no_measure_and_no_most_attended_position() -> None:
    weights = torch.zeros(2, 0)
    for measure in OF_ROWS:
        assert measure(weights).tolist() == [0.0, 0.0]
    assert most_attended(weights).tolist() == [-1, -1]
