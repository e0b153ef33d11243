import pytest

from regard.training.schedules import Schedule, schedule

NAMES: list[Schedule] = ["constant", "linear", "inverse_sqrt"]


@pytest.mark.parametrize("name", NAMES)
def test_the_rate_rises_to_its_peak_while_it_warms_up(name: Schedule) -> None:
    factor = schedule(name, warmup_steps=4, num_steps=10)
    assert [factor(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("name", NAMES)
def test_without_warm_up_the_first_step_has_the_peak(name: Schedule) -> None:
    assert schedule(name, warmup_steps=0, num_steps=10)(0) == 1.0


def test_a_constant_rate_stays() -> None:
    factor = schedule("constant", warmup_steps=2, num_steps=5)
    assert {factor(step) for step in range(2, 100)} == {1.0}


def test_a_linear_rate_falls_evenly_to_zero() -> None:
    factor = schedule("linear", warmup_steps=2, num_steps=6)
    assert [factor(step) for step in range(2, 9)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]


def test_training_may_end_while_it_still_warms_up() -> None:
    factor = schedule("linear", warmup_steps=8, num_steps=4)
    assert [factor(step) for step in range(4)] == [0.125, 0.25, 0.375, 0.5]


def test_an_inverse_square_root_is_that_of_vaswani_and_others() -> None:
    """Their eq. 3, whose peak is that of the step where the warm-up ends."""
    width, warmup = 64, 10
    factor = schedule("inverse_sqrt", warmup_steps=warmup, num_steps=1)
    for step in range(1, 100):
        wanted = width**-0.5 * min(step**-0.5, step * warmup**-1.5)
        assert factor(step - 1) * (width * warmup) ** -0.5 == pytest.approx(wanted, rel=1e-12)
