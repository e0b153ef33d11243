"""Numbers in cells: short, true to their value, and 0 only for what is 0."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.inspection.layouts.numerals import numeral, numerals

numbers = st.floats(-1e30, 1e30, allow_nan=False)


@given(number=numbers)
def test_numbers_are_short_and_near(number: float) -> None:
    text = numeral(number)
    assert len(text) <= 6
    assert "-" not in text.lstrip("−").replace("e-", "")
    read = float(text.replace("−", "-"))
    size = abs(number)
    rounded = 0.005 if size < 9.9 else 0.05 if size < 99 else 0.5 if size < 9999 else size / 2
    assert abs(read - number) <= rounded + 1e-9
    assert (text == "0") == (number == 0)


@given(number=st.floats(-9.99, 9.99))
def test_small_numbers_have_two_decimals(number: float) -> None:
    assert number == 0 or len(numeral(number).lstrip("−")) == 4


def test_tenths_have_one_decimal_all_over_a_matrix() -> None:
    assert numerals(torch.tensor([[0.1, -2.0], [0.0, 7.3]])) == [["0.1", "−2.0"], ["0", "7.3"]]
    assert numerals(torch.tensor([[0.1, -2.01]])) == [["0.10", "−2.01"]]
    assert numerals(torch.tensor([[1e-4, 0.5]])) == [["0.00", "0.50"]]


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert numeral(-1e-9) == "0.00"
    assert numeral(-0.0) == "0"
