"""Monotonic attention: the process that it is about, played out, and what holds at its edges."""

from collections.abc import Callable
from itertools import product
from math import exp, prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from regard.functional import masks, monotonic
from tests.drawing import draws
from tests.questions import leaf

HALVES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
EXACT = {"rtol": 1e-12, "atol": 1e-14}

chances = st.sampled_from([0.0, 1.0, 0.5, 0.125, 0.9375, 1e-9])


def probabilities(*shape: int, seed: int = 0, offset: float = 0.0) -> Tensor:
    """Draw probabilities, some of them exactly 0 and 1."""
    drawn = draws(seed)(*shape)
    sure = draws(seed + 1)(*shape)
    between = (2 * drawn + offset).sigmoid()
    return between.masked_fill(sure > 1.2, 1.0).masked_fill(sure < -1.2, 0.0)


def scan(stops: list[list[bool]]) -> list[int | None]:
    """Say where each query stops, None past the last key: the process itself."""
    position, found = 0, list[int | None]()
    for row in stops:
        reached = [key for key in range(position, len(row)) if row[key]]
        found.append(reached[0] if reached else None)
        position = reached[0] if reached else len(row)
    return found


def played_out(chance: list[list[float]]) -> Tensor:
    """Add up every way that the draws can fall: how often each query stops at each key."""
    num_keys = len(chance[0])
    often = torch.zeros(len(chance), num_keys, dtype=torch.float64)
    flat = [one for row in chance for one in row]
    for draw in product([False, True], repeat=len(flat)):
        weight = prod(p if stop else 1 - p for p, stop in zip(flat, draw, strict=True))
        rows = [list(draw[first : first + num_keys]) for first in range(0, len(flat), num_keys)]
        for query, key in enumerate(scan(rows)):
            if key is not None:
                often[query, key] += weight
    return often


def recurrence(stops: Tensor, before: Tensor) -> Tensor:
    """Walk along the keys in double precision, as eq. 13-14 say."""
    reached, passes, alignment = torch.zeros(()).double(), torch.ones(()).double(), []
    for stop, begins in zip(stops.double().unbind(-1), before.double().unbind(-1), strict=True):
        reached = passes * reached + begins
        alignment.append(stop * reached)
        passes = 1 - stop
    return torch.stack(alignment, dim=-1)


def chunk_softmax(scores: list[float], end: int, chunk_len: int) -> dict[int, float]:
    """Weigh the keys of one chunk."""
    keys = range(max(0, end - chunk_len + 1), end + 1)
    largest = max(scores[key] for key in keys)
    powers = {key: exp(scores[key] - largest) for key in keys}
    return {key: power / sum(powers.values()) for key, power in powers.items()}


def all_expected(stops: Tensor, mask: Tensor | None = None) -> Tensor:
    """Align every query, one after the other."""
    alignment, rows = monotonic.start(stops.shape[-1]).to(stops.dtype), []
    for row in stops.unbind(-2):
        alignment = monotonic.expected(row, alignment, mask)
        rows.append(alignment)
    return torch.stack(rows, dim=-2)


# The expected alignment.


@given(chance=st.lists(st.lists(chances, min_size=3, max_size=3), min_size=3, max_size=3))
@settings(max_examples=15)
def test_expected_is_what_all_draws_give_together(chance: list[list[float]]) -> None:
    alignment = all_expected(torch.tensor(chance, dtype=torch.float64))
    torch.testing.assert_close(alignment, played_out(chance), **EXACT)


@pytest.mark.parametrize("num_keys", [1, 2, 3, 4, 7, 8, 9, 33])
def test_expected_is_the_recurrence_at_any_length(num_keys: int) -> None:
    stops, before = probabilities(2, 3, num_keys), draws(5)(2, 3, num_keys).softmax(dim=-1)
    alignment = monotonic.expected(stops, before)
    torch.testing.assert_close(alignment, recurrence(stops, before), **EXACT)


LONG = {
    "often": probabilities(2, 5000),
    "seldom": probabilities(2, 5000, offset=-9.0).masked_fill(draws(2)(2, 5000) < 2.5, 0.01),
    "hardly ever": (draws()(2, 5000) - 8).sigmoid(),
    "saturated": (20 * draws()(2, 5000)).sigmoid(),
    "never or surely": (draws()(2, 5000) > 3.2).double(),
}


@pytest.mark.parametrize("case", LONG)
@pytest.mark.parametrize("spread", [False, True], ids=["from the start", "from everywhere"])
def test_expected_is_exact_over_long_sources_in_single_precision(case: str, spread: bool) -> None:
    stops = LONG[case].float()
    before = draws(4, torch.float32)(2, 5000).softmax(dim=-1) if spread else monotonic.start(5000)
    alignment = monotonic.expected(stops, before)
    # 1 - p is rounded at each key that is passed, in a loop too: 5000 roundings add up to this.
    wanted = recurrence(stops, before.expand(2, 5000))
    torch.testing.assert_close(alignment.double(), wanted, rtol=2e-5, atol=1e-30)
    assert (alignment.double().sum(dim=-1) <= 1 + 1e-5).all()


@pytest.mark.parametrize("case", LONG)
def test_gradients_are_those_of_the_recurrence_over_long_sources(case: str) -> None:
    stops = leaf(LONG[case][:, :2000].float())
    before = leaf(draws(4, torch.float32)(2, 2000).softmax(dim=-1))
    cotangent = draws(6, torch.float32)(2, 2000)
    found = torch.autograd.grad(monotonic.expected(stops, before), [stops, before], cotangent)
    truth = recurrence(stops, before)
    wanted = torch.autograd.grad(truth, [stops, before], cotangent.double())
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_what_is_missing_to_one_has_passed_the_last_key() -> None:
    stops = probabilities(50, 4, 6)
    sums = all_expected(stops).sum(dim=-1)
    assert (sums <= 1 + 1e-12).all()
    assert (sums.diff(dim=-1) <= 1e-12).all()  # who has passed it does not come back
    torch.testing.assert_close(sums[:, 0], 1 - (1 - stops[:, 0]).prod(dim=-1), **EXACT)


@pytest.mark.parametrize("num_keys", [1, 2, 5])
def test_expected_has_first_and_second_derivatives(num_keys: int) -> None:
    stops = leaf(probabilities(2, num_keys, seed=3))
    before = leaf(draws(5)(2, num_keys).softmax(dim=-1))
    mask = torch.tensor([[True] * num_keys, [False] + [True] * (num_keys - 1)])
    assert torch.autograd.gradcheck(monotonic.expected, (stops, before, mask))
    assert torch.autograd.gradgradcheck(monotonic.expected, (stops, before, mask))


def test_expected_can_be_mapped() -> None:
    stops, before = probabilities(3, 2, 5), draws(5)(3, 2, 5).softmax(dim=-1)
    mapped = torch.func.vmap(monotonic.expected)(stops, before)
    torch.testing.assert_close(mapped, monotonic.expected(stops, before), **EXACT)


@pytest.mark.compiled
def test_compiled_expected_is_expected() -> None:
    torch.compiler.reset()
    stops, before = leaf(probabilities(2, 5).float()), leaf(torch.full((2, 5), 0.2))
    compiled = torch.compile(monotonic.expected, fullgraph=True, backend="aot_eager")
    for ours, theirs in zip(
        torch.autograd.grad(compiled(stops, before).square().sum(), [stops, before]),
        torch.autograd.grad(monotonic.expected(stops, before).square().sum(), [stops, before]),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


# Masks and other edges, of what gives weights.


def expected_weights(numbers: Tensor, mask: Tensor | None) -> Tensor:
    """Align the second of two queries that find the same."""
    stops = numbers.sigmoid()
    first = monotonic.expected(stops, monotonic.start(stops.shape[-1]).to(stops.dtype), mask)
    return monotonic.expected(stops, first, mask)


def chunkwise_weights(numbers: Tensor, mask: Tensor | None) -> Tensor:
    return monotonic.chunkwise(numbers.sigmoid(), 3 * numbers, chunk_len=3, mask=mask)


def hard_chunkwise_weights(numbers: Tensor, mask: Tensor | None) -> Tensor:
    position = monotonic.hard(numbers, torch.tensor(0), mask)
    return monotonic.hard_chunkwise(position, numbers, chunk_len=3, mask=mask)


WEIGHTS = pytest.mark.parametrize(
    "weigh",
    [expected_weights, chunkwise_weights, hard_chunkwise_weights],
    ids=lambda weigh: weigh.__name__,
)
Weigh = Callable[[Tensor, Tensor | None], Tensor]


@WEIGHTS
@pytest.mark.parametrize("length", [0, 1, 4, 6])
def test_padding_might_as_well_not_be_there(weigh: Weigh, length: int) -> None:
    numbers = draws(2)(3, 6)
    padded = numbers.clone()
    padded[:, length:] = torch.nan
    mask = masks.padding(torch.tensor(length), 6).squeeze(-2)
    weights = weigh(padded, mask)
    assert weights[..., length:].eq(0).all()
    torch.testing.assert_close(weights[..., :length], weigh(numbers[:, :length], None), **EXACT)


@WEIGHTS
def test_empty_rows_are_zero_with_finite_gradients(weigh: Weigh) -> None:
    numbers = leaf(draws(2)(3, 6))
    mask = draws(3)(3, 6) > -0.5
    mask[1] = False
    weights = weigh(numbers, mask)
    assert weights[1].tolist() == [0.0] * 6
    assert (weights[[0, 2]].sum(dim=-1) > 0.1).all()
    (grad,) = torch.autograd.grad((weights * draws(4)(3, 6)).sum(), numbers)
    assert grad.isfinite().all()
    assert grad[~mask].abs().sum().item() == 0


@WEIGHTS
@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3), (1,), (2, 1)], ids=str)
def test_any_number_of_rows_and_keys(weigh: Weigh, shape: tuple[int, ...]) -> None:
    numbers = draws(2)(*shape).abs()
    for mask in (None, torch.ones(shape, dtype=torch.bool), torch.zeros(1, dtype=torch.bool)):
        weights = weigh(numbers, mask)
        assert weights.shape == shape
        assert weights.isfinite().all()


@WEIGHTS
def test_rows_know_nothing_of_each_other(weigh: Weigh) -> None:
    numbers, mask = draws(2)(3, 4, 6), draws(3)(4, 6) > -1
    together = weigh(numbers, mask)
    for first, second in product(range(3), range(4)):
        alone = weigh(numbers[first, second], mask[second])
        torch.testing.assert_close(together[first, second], alone, **EXACT)


@pytest.mark.parametrize(
    ("function", "options"),
    [(monotonic.expected, {}), (monotonic.chunkwise, {"chunk_len": 3})],
    ids=["expected", "chunkwise"],
)
@HALVES
def test_half_precision_is_rounded_once(
    function: Callable[..., Tensor], options: dict[str, int], dtype: torch.dtype
) -> None:
    # Seldom: 1 - p would be rounded at many keys in a row.
    first = (draws(1)(4, 300) - 6).sigmoid().to(dtype)
    second = draws(3)(4, 300).softmax(dim=-1).to(dtype)
    narrow = function(first, second, **options)
    assert narrow.dtype == dtype
    truth = function(first.double(), second.double(), **options)
    limits = torch.finfo(dtype)
    torch.testing.assert_close(
        narrow.double(),
        truth,
        rtol=limits.eps,
        atol=max(limits.smallest_normal * limits.eps, 1e-12),
    )
    assert function(first, second.float(), **options).dtype == torch.float32
    assert function(first.float(), second, **options).dtype == torch.float32


def test_masked_keys_are_passed() -> None:
    mask = torch.tensor([False, True, False, False, True, True])
    stops = probabilities(4, 3, 6, seed=8)
    alignment = all_expected(stops, mask)
    assert alignment[..., ~mask].eq(0).all()
    torch.testing.assert_close(alignment[..., mask], all_expected(stops[..., mask]), **EXACT)


# Chunks.


@pytest.mark.parametrize("chunk_len", [1, 2, 3, 8, 20])
def test_chunkwise_is_the_sum_of_chunks(chunk_len: int) -> None:
    alignment, scores = probabilities(8), 3 * draws(2)(8)
    wanted = torch.zeros(8).double()
    for end in range(8):
        for key, share in chunk_softmax(scores.tolist(), end, chunk_len).items():
            wanted[key] += alignment[end] * share
    weights = monotonic.chunkwise(alignment, scores, chunk_len=chunk_len)
    torch.testing.assert_close(weights, wanted, **EXACT)
    torch.testing.assert_close(weights.sum(), alignment.sum(), **EXACT)


@pytest.mark.parametrize("chunk_len", [1, 2, 3, 8, 20])
def test_hard_chunkwise_is_one_chunk_and_chunkwise_of_a_sure_alignment(chunk_len: int) -> None:
    scores = 3 * draws(2)(8)
    for end in range(8):
        position = torch.tensor(end)
        wanted = torch.zeros(8).double()
        for key, share in chunk_softmax(scores.tolist(), end, chunk_len).items():
            wanted[key] = share
        hard = monotonic.hard_chunkwise(position, scores, chunk_len=chunk_len)
        torch.testing.assert_close(hard, wanted, **EXACT)
        sure = (torch.arange(8) == position).double()
        soft = monotonic.chunkwise(sure, scores, chunk_len=chunk_len)
        torch.testing.assert_close(soft, wanted, **EXACT)


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
@pytest.mark.parametrize("masked", [False, True], ids=["all keys", "some keys"])
def test_scores_of_any_size_are_weighed(size: float, masked: bool) -> None:
    scores = leaf(size * draws(2, torch.float32)(4, 60))
    alignment = leaf(draws(3, torch.float32)(4, 60).softmax(dim=-1))
    mask = draws(4)(4, 60) > -0.3 if masked else None
    weights = monotonic.chunkwise(alignment, scores, chunk_len=4, mask=mask)
    truth = monotonic.chunkwise(alignment.double(), scores.double(), chunk_len=4, mask=mask)
    torch.testing.assert_close(weights.double(), truth, rtol=1e-5, atol=1e-7)
    grads = torch.autograd.grad(weights, [scores, alignment], draws(5, torch.float32)(4, 60))
    wanted = torch.autograd.grad(truth, [scores, alignment], draws(5)(4, 60))
    for ours, theirs in zip(grads, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_masked_keys_stand_in_chunks_and_weigh_nothing() -> None:
    mask = torch.tensor([False, True, False, False, True, True])
    alignment, scores = mask / mask.sum(), torch.zeros(6)
    weights = monotonic.chunkwise(alignment, scores, chunk_len=2, mask=mask)
    torch.testing.assert_close(weights, torch.tensor([0, 2, 0, 0, 3, 1]) / 6, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("masked", [False, True], ids=["all keys", "some keys"])
def test_chunkwise_has_first_and_second_derivatives(masked: bool) -> None:
    alignment, scores = leaf(probabilities(2, 5)), leaf(draws(3)(2, 5))
    mask = torch.tensor([[True, False, True, True, False], [False] * 5]) if masked else None

    def weigh(alignment: Tensor, scores: Tensor) -> Tensor:
        return monotonic.chunkwise(alignment, scores, chunk_len=3, mask=mask)

    assert torch.autograd.gradcheck(weigh, (alignment, scores))
    assert torch.autograd.gradgradcheck(weigh, (alignment, scores))
