"""Rank correlation against its definition, pair by pair."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.inspection.measures import ranks
from regard.inspection.measures.ranks import kendall, kendall_deviation

FIGURES = st.lists(
    st.tuples(st.integers(-3, 3).map(float), st.integers(-3, 3).map(float)), max_size=12
)


def pair_by_pair(rows: list[tuple[float, float]]) -> float:
    same = opposite = of_left = of_right = 0
    for (left, right), (other_left, other_right) in itertools.combinations(rows, 2):
        product = (left - other_left) * (right - other_right)
        same += product > 0
        opposite += product < 0
        of_left += left != other_left
        of_right += right != other_right
    return (same - opposite) / math.sqrt(of_left * of_right) if of_left * of_right else math.nan


@given(FIGURES)
def test_kendall_compares_all_pairs(rows: list[tuple[float, float]]) -> None:
    left, right = torch.tensor(rows).reshape(-1, 2).T
    found = kendall(left, right)
    assert found == pytest.approx(pair_by_pair(rows), abs=1e-9, nan_ok=True)
    assert kendall(left, -right) == pytest.approx(-found, abs=1e-9, nan_ok=True)
    assert kendall(right, left.exp()) == pytest.approx(found, abs=1e-9, nan_ok=True)


def test_many_are_compared_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = torch.randn(2, 50)
    at_once = kendall(left, right)
    monkeypatch.setattr(ranks, "_ROWS", 7)
    assert kendall(left, right) == at_once


@pytest.mark.parametrize("length", [0, 1, 5])
def test_what_has_no_order_has_no_correlation(length: int) -> None:
    assert math.isnan(kendall(torch.ones(length), torch.arange(float(length))))


@pytest.mark.parametrize("length", [2, 4])
def test_deviation_is_that_over_all_orders(length: int) -> None:
    left = torch.arange(float(length))
    found = [
        kendall(left, torch.tensor(order)) ** 2
        for order in itertools.permutations(map(float, range(length)))
    ]
    assert kendall_deviation(length) == pytest.approx(math.sqrt(sum(found) / len(found)))


@pytest.mark.parametrize("length", [0, 1])
def test_fewer_than_two_do_not_deviate(length: int) -> None:
    assert math.isnan(kendall_deviation(length))
