"""Where a figure stands among those of chance, and what is said of it."""

import random

import pytest

from regard.inspection.measures.standing import MEANING, Standing, pooled

EVEN = tuple(at / 100 for at in range(100))


@pytest.mark.parametrize(
    ("by_weights", "by_effect", "at_random", "finding"),
    [
        (0.99, 0.99, EVEN, "explains"),
        (1.5, 0.99, EVEN, "explains"),
        (0.98, 3.0, EVEN, "partly"),
        (0.5, 0.99, EVEN, "chance"),
        (0.9, 0.99, EVEN, "chance"),
        (0.0, 0.99, EVEN, "misleads"),
        (0.5, 0.9, EVEN, "short"),
        (1.0, 1.0, (1.0,) * 20 + (0.0,) * 80, "short"),
        (1.0, 1.0, (1.0,) * 8 + (0.0,) * 92, "explains"),
        (0.04, 0.04, (0.0,) * 99, "unmoved"),
        (0.06, 0.06, (0.0,) * 99, "explains"),
        (0.3, 0.3, (0.3,) * 99, "unmoved"),
        (0.0, 0.0, (), "unmoved"),
    ],
)
def test_what_is_found(
    by_weights: float, by_effect: float, at_random: tuple[float, ...], finding: str
) -> None:
    found = Standing(by_weights, by_effect, at_random)
    assert found.finding == finding
    assert found.finding in MEANING


def test_the_share_lies_between_chance_and_the_best() -> None:
    assert Standing(0.2, 1.0, (0.2, 0.0, 0.4)).share == pytest.approx(0)
    assert Standing(1.0, 1.0, (0.5,)).share == pytest.approx(1)
    assert Standing(2.0, 1.0, (0.5,)).share == pytest.approx(1)
    assert Standing(0.75, 1.0, (0.5,)).share == pytest.approx(0.5)
    assert Standing(0.0, 1.0, (0.5,)).share == pytest.approx(-1)
    assert Standing(0.5, 0.5, (0.5,)).share == 0


def test_chance_is_found_out_as_seldom_as_it_says() -> None:
    rng = random.Random(0)
    values = [
        Standing(rng.random(), 1.0, tuple(rng.random() for _ in range(99))).p_value
        for _ in range(1000)
    ]
    assert 0.03 < sum(value <= 0.05 for value in values) / 1000 < 0.07
    assert 0.45 < sum(values) / 1000 < 0.55
    assert all(0 < value < 1 for value in values)


def test_what_is_as_good_counts_half() -> None:
    assert Standing(1.0, 1.0, (0.0, 1.0, 1.0, 2.0)).p_value == pytest.approx((1 + 3 / 2) / 5)


def test_texts_are_pooled_by_their_means() -> None:
    one, other = Standing(1.0, 2.0, (0.0, 1.0, 2.0)), Standing(0.0, 4.0, (2.0, 3.0))
    assert pooled([one, other]) == Standing(0.5, 3.0, (1.0, 2.0))
    assert pooled([one]) == one


def test_texts_that_are_too_short_alone_tell_together() -> None:
    rng = random.Random(0)
    texts = [
        Standing(1.0, 1.0, tuple(float(rng.random() < 0.3) for _ in range(99))) for _ in range(8)
    ]
    assert {text.finding for text in texts} == {"short"}
    assert pooled(texts).finding == "explains"
