"""A beam may be as wide as the text is short."""

import pytest

from regard.web.limits import Limits
from regard.web.sizes import check_beam


@pytest.mark.parametrize(
    ("num_tokens", "beam", "times"), [(0, 10, 1), (1, 10, 1), (80, 5, 1), (400, 5, 5), (200, 10, 5)]
)
def test_what_is_written_in_time_passes(num_tokens: int, beam: int, times: int) -> None:
    assert num_tokens * beam <= times * Limits().tokens
    check_beam(num_tokens, beam, times=times, limits=Limits())


@pytest.mark.parametrize(
    ("num_tokens", "beam", "times", "most"), [(390, 10, 1, 1), (80, 6, 1, 5), (400, 6, 5, 5)]
)
def test_what_would_take_too_long_is_refused_with_what_would_not(
    num_tokens: int, beam: int, times: int, most: int
) -> None:
    with pytest.raises(ValueError, match=rf"a beam of {beam} .*: choose one of up to {most}, or"):
        check_beam(num_tokens, beam, times=times, limits=Limits())
    check_beam(num_tokens, most, times=times, limits=Limits())
