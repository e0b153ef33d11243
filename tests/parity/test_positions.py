"""Positions and distances against the descriptions of their papers, one pair at a time."""

import cmath
import math

import pytest
import torch

from regard import biases, rotary
from regard.nn import SinusoidPositions
from tests.drawing import draws


def test_alibi_slopes_of_the_paper() -> None:
    assert biases.alibi_slopes(8).tolist() == pytest.approx(
        [1 / 2**exponent for exponent in range(1, 9)], rel=1e-6
    )
    # For 16 heads the paper starts at the square root of the first ratio.
    assert biases.alibi_slopes(16).tolist() == pytest.approx(
        [2 ** (-0.5 * head) for head in range(1, 17)], rel=1e-6
    )


@pytest.mark.parametrize(("query_len", "key_len"), [(4, 4), (2, 5), (1, 6), (5, 3)])
def test_alibi_is_a_penalty_for_distance(query_len: int, key_len: int) -> None:
    slopes = [0.5, 0.125]
    bias = biases.alibi(torch.tensor(slopes), query_len, key_len)
    first = key_len - query_len
    assert bias.tolist() == [
        [[-slope * abs(first + i - j) for j in range(key_len)] for i in range(query_len)]
        for slope in slopes
    ]


def bucket(offset: int, num_buckets: int, max_distance: int) -> int:
    """Find the T5 bucket of an offset in whole numbers.

    Half of the buckets are for each direction. Half of those hold one distance each; beyond, they
    grow with the logarithm up to `max_distance`, and the last takes what is farther.
    """
    half, exact = num_buckets // 2, num_buckets // 4
    distance = abs(offset)
    number = distance
    if distance >= exact:
        logarithmic = half - exact
        # The largest b with distance / exact >= (max_distance / exact) ** (b / logarithmic).
        number = exact + max(
            b
            for b in range(half)
            if b == 0 or distance**logarithmic * exact**b >= max_distance**b * exact**logarithmic
        )
    return min(number, half - 1) + (half if offset > 0 else 0)


@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 16), (16, 100), (4, 5)])
def test_relative_buckets_of_the_paper(num_buckets: int, max_distance: int) -> None:
    buckets = biases.relative_buckets(300, 300, num_buckets=num_buckets, max_distance=max_distance)
    assert buckets[0].tolist() == [bucket(j, num_buckets, max_distance) for j in range(300)]
    assert buckets[-1].tolist() == [bucket(j - 299, num_buckets, max_distance) for j in range(300)]
    by_offset = [[int(buckets[i, j]) for i in range(300)] for j in range(300)]
    assert all(
        by_offset[j][i] == by_offset[j + 1][i + 1] for i in range(0, 299, 7) for j in range(299)
    )


def test_relative_buckets_stand_at_the_end_of_the_keys() -> None:
    expected = [[bucket(j - (i + 3), 32, 128) for j in range(5)] for i in range(2)]
    assert biases.relative_buckets(2, 5).tolist() == expected


def test_relative_position_looks_its_bucket_up() -> None:
    table, buckets = draws()(32, 3), biases.relative_buckets(4, 6)
    bias = biases.relative_position(table, buckets)
    assert bias.tolist() == [
        [[table[buckets[i, j], head].item() for j in range(6)] for i in range(4)]
        for head in range(3)
    ]


@pytest.mark.parametrize("width", [1, 2, 7, 8])
@pytest.mark.parametrize("first", [0, 3])
def test_sinusoids_of_the_paper(width: int, first: int) -> None:
    """Vaswani et al. 2017, section 3.5: one position and one channel at a time."""
    embedded = draws(dtype=torch.float32)(2, 5, width)
    placed = SinusoidPositions()(embedded, first)
    half = math.ceil(width / 2)
    for place in range(5):
        for channel in range(width):
            angle = (first + place) / 10_000 ** ((channel % half) / half)
            added = math.sin(angle) if channel < half else math.cos(angle)
            for row in range(2):
                wanted = embedded[row, place, channel].item() + added
                assert placed[row, place, channel].item() == pytest.approx(wanted, abs=1e-5)


def test_gaussian_is_the_logarithm_of_its_bell() -> None:
    centre, deviation = draws()(2, 3), draws(1)(2, 3).exp()
    bias = biases.gaussian(centre, 5, deviation=deviation)
    for row in range(2):
        for query in range(3):
            for key in range(5):
                spread = deviation[row, query].item()
                bell = math.exp(-((key - centre[row, query].item()) ** 2) / (2 * spread**2))
                assert bias[row, query, key].exp().item() == pytest.approx(bell, rel=1e-9)


def test_rotary_turns_pairs_as_complex_numbers() -> None:
    vectors, positions = draws()(5, 6), torch.tensor([0, 1, 7, 100, 2])
    turned = rotary.rotary(vectors, positions)
    for row, position in enumerate(positions.tolist()):
        expected = []
        for pair in range(3):
            even, odd = vectors[row, 2 * pair].item(), vectors[row, 2 * pair + 1].item()
            angle = position * 10_000 ** (-2 * pair / 6)
            number = complex(even, odd) * cmath.exp(1j * angle)
            expected += [number.real, number.imag]
        assert turned[row].tolist() == pytest.approx(expected, abs=1e-9)


def test_rotary_products_see_only_the_distance() -> None:
    query, key = draws()(1, 8), draws(1)(1, 8)

    def product(at_query: int, at_key: int) -> float:
        turned = rotary.rotary(query, torch.tensor([at_query]), base=100.0)
        return (turned @ rotary.rotary(key, torch.tensor([at_key]), base=100.0).T).item()

    for distance in range(5):
        products = [product(start + distance, start) for start in (0, 3, 50)]
        assert products == pytest.approx([products[0]] * 3, abs=1e-9)
    assert product(0, 0) == pytest.approx((query @ key.T).item(), abs=1e-12)
    assert product(2, 0) != pytest.approx(product(0, 2), abs=1e-3)


def test_rotary_keeps_lengths() -> None:
    vectors = draws()(2, 5, 6)
    turned = rotary.rotary(vectors, torch.arange(5))
    torch.testing.assert_close(turned.norm(dim=-1), vectors.norm(dim=-1), rtol=1e-12, atol=1e-12)
