"""The colour scale is ordered by lightness alone, and text on it can be read."""

from itertools import pairwise

import pytest

from regard.inspection.palette import ON_DARK, ON_LIGHT, ink, percent


def luminance(colour: str) -> float:
    """Return the relative luminance of an sRGB colour as WCAG 2 defines it."""
    channels = [channel / 255 for channel in bytes.fromhex(colour[1:])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_more_weight_is_lighter_on_dark_and_darker_on_light() -> None:
    on_dark = [luminance(colour) for colour in ON_DARK]
    on_light = [luminance(colour) for colour in ON_LIGHT]
    assert all(low < high for low, high in pairwise(on_dark))
    assert all(low > high for low, high in pairwise(on_light))


def test_numbers_can_be_read_on_every_colour() -> None:
    assert min(contrast(colour, ink(colour)) for colour in ON_DARK) >= 4.5


@pytest.mark.parametrize(
    ("weight", "expected"), [(0.0, 0), (0.004, 0), (0.37, 37), (0.999, 100), (1.0, 100), (1.1, 100)]
)
def test_weights_are_told_apart_by_whole_percents(weight: float, expected: int) -> None:
    assert percent(weight) == expected
