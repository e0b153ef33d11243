"""Measures of attention weights against values worked out by hand."""

import math

import pytest
import torch

from regard.inspection.statistics import coverage, entropy, most_attended


@pytest.mark.parametrize("length", [1, 2, 7, 1000])
def test_entropy_of_even_weights_is_the_log_of_their_number(length: int) -> None:
    measured = entropy(torch.full((length,), 1 / length, dtype=torch.float64))
    assert measured.item() == pytest.approx(math.log(length), abs=1e-12)


def test_entropy_is_zero_for_one_place_and_for_none() -> None:
    assert entropy(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])).tolist() == [0.0, 0.0]


def test_entropy_of_uneven_weights() -> None:
    expected = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert entropy(torch.tensor([0.25, 0.75])).item() == pytest.approx(expected, abs=1e-6)


def test_entropy_of_half_precision_is_rounded_once() -> None:
    weights = torch.randn(64, 50).softmax(-1).to(torch.bfloat16)
    measured = entropy(weights)
    assert measured.dtype == torch.bfloat16
    assert measured.tolist() == entropy(weights.double()).to(torch.bfloat16).tolist()


def test_coverage_adds_up_what_each_source_position_gets() -> None:
    weights = torch.tensor([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]])
    assert coverage(weights).tolist() == [[1.5, 0.5, 0.0]]


def test_most_attended_is_the_first_of_the_largest() -> None:
    weights = torch.tensor([[[0.1, 0.2, 0.7], [0.4, 0.2, 0.4], [0.0, 0.0, 0.0]]])
    assert most_attended(weights).tolist() == [[2, 0, -1]]


def test_an_empty_source_has_no_entropy_and_no_most_attended_position() -> None:
    weights = torch.zeros(2, 0)
    assert entropy(weights).tolist() == [0.0, 0.0]
    assert most_attended(weights).tolist() == [-1, -1]
