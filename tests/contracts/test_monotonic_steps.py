"""Monotonic attention at decoding: where the scan stops, and how little is looked at for it."""

from collections.abc import Callable

import jaxtyping
import pytest
import torch
from torch import Tensor

from regard.functional import masks, monotonic
from regard.functional.normalizers import softmax
from regard.functional.scores import tanh_energy
from tests.drawing import draws

EXACT = {"rtol": 1e-12, "atol": 1e-14}


def walk(stops: list[list[bool]]) -> int:
    """Say where the last query stops if each goes on from the one before."""
    position = 0
    for row in stops:
        while position < len(row) and not row[position]:
            position += 1
    return position


@pytest.mark.parametrize("seed", range(5))
def test_hard_is_the_process(seed: int) -> None:
    energies = draws(seed)(4, 6, 5) - 0.5
    position = torch.zeros(4, dtype=torch.long)
    for query in range(6):
        position = monotonic.hard(energies[:, query], position)
        for row in range(4):
            assert position[row].item() == walk((energies[row, : query + 1] >= 0).tolist())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("masked", [False, True], ids=["all keys", "some keys"])
def test_hard_is_expected_where_nothing_is_left_to_chance(seed: int, masked: bool) -> None:
    energies = draws(seed)(4, 6, 5) - 0.5
    mask = draws(seed + 9)(4, 5) > -0.5 if masked else None
    position, before = torch.zeros(4, dtype=torch.long), monotonic.start(5).double()
    for query in energies.unbind(-2):
        position = monotonic.hard(query, position, mask)
        before = monotonic.expected((query >= 0).double(), before, mask)
        weights = monotonic.hard_chunkwise(position, query, chunk_len=1, mask=mask)
        torch.testing.assert_close(weights, before, rtol=0, atol=0)


def test_probability_of_a_half_stops() -> None:
    energies = torch.tensor([-torch.inf, torch.nan, -1e-30, 0.0])
    assert monotonic.hard(energies, torch.tensor(0)).item() == 3


def test_nothing_found_is_beyond_the_last_key_from_then_on() -> None:
    energies, mask = torch.full((3, 4), -1.0), masks.padding(torch.tensor([4, 2, 0]), 4)[:, 0]
    position = monotonic.hard(energies, torch.zeros(3, dtype=torch.long), mask)
    assert position.tolist() == [4, 2, 0]
    weights = monotonic.hard_chunkwise(position, energies, chunk_len=2, mask=mask)
    assert weights.abs().sum().item() == 0
    assert monotonic.hard(-energies, position, mask).tolist() == [4, 2, 0]


def test_scan_never_goes_back() -> None:
    position = torch.tensor([3, 4])
    nothing = torch.zeros(4, dtype=torch.bool)
    assert monotonic.hard(torch.ones(4), position, nothing).tolist() == [3, 4]


class Asked:
    """Energies that count for which keys of which rows they are asked."""

    def __init__(self, energies: Tensor) -> None:
        self.energies = energies
        self.counts = torch.zeros(energies.shape, dtype=torch.long)
        self.num_calls = 0

    def __call__(self, rows: Tensor, keys: Tensor) -> Tensor:
        number = (rows.unsqueeze(-1).expand_as(keys), keys)
        self.counts.index_put_(number, torch.ones_like(keys), accumulate=True)
        self.num_calls += 1
        return self.energies[number]


@pytest.mark.parametrize("block_len", [1, 2, 3, 16])
@pytest.mark.parametrize("offset", [0.0, 1.0, 9.0], ids=["near", "far", "nowhere"])
def test_search_finds_what_hard_finds(block_len: int, offset: float) -> None:
    lengths = torch.tensor([9, 4, 0, 1, 9, 7])
    mask = masks.padding(lengths, 9).squeeze(-2)
    position = torch.zeros(6, dtype=torch.long)
    for query in range(5):
        energies = draws(query)(6, 9) - offset
        wanted = monotonic.hard(energies, position, mask)
        asked = Asked(energies.masked_fill(~mask, torch.nan))
        found = monotonic.search(asked, position, lengths, block_len=block_len)
        assert found.tolist() == wanted.tolist()
        assert asked.counts[~mask].sum().item() == 0
        for row in range(6):
            looked_at = asked.counts[row].nonzero().flatten().tolist()
            first, last = int(position[row]), int(wanted[row])
            blocks = 0 if first >= lengths[row] else (last - first) // block_len + 1
            stop = min(first + blocks * block_len, int(lengths[row]))
            assert looked_at == list(range(first, max(first, stop)))
        position = found


@pytest.mark.parametrize("length", [50, 500, 5000])
def test_a_step_looks_at_as_many_keys_however_many_there_are(length: int) -> None:
    energies = torch.full((3, length), -1.0)
    energies[:, ::7] = 1.0
    asked = Asked(energies)
    position = torch.tensor([0, 1, length - 20])
    found = monotonic.search(asked, position, torch.full((3,), length), block_len=8)
    assert found[:2].tolist() == [0, 7]
    assert asked.num_calls == 1
    assert asked.counts.sum(dim=-1).tolist() == [8, 8, 8]


def test_rows_are_asked_about_until_they_stop() -> None:
    energies = torch.full((3, 100), -1.0)
    energies[0, 2] = energies[1, 39] = 1.0
    asked = Asked(energies)
    start = torch.zeros(3, dtype=torch.long)
    found = monotonic.search(asked, start, torch.tensor([100, 100, 25]), block_len=10)
    assert found.tolist() == [2, 39, 25]
    assert [(row > 0).sum().item() for row in asked.counts] == [10, 40, 25]
    assert asked.num_calls == 4
    nothing = Asked(energies)
    monotonic.search(nothing, torch.tensor([100, 100, 25]), torch.tensor([100, 100, 25]))
    assert nothing.num_calls == 0


def test_no_rows_are_searched() -> None:
    none = torch.zeros(0, dtype=torch.long)
    assert monotonic.search(Asked(torch.zeros(0, 5)), none, none).shape == (0,)


def test_energies_are_computed_of_the_keys_that_are_looked_at() -> None:
    query, key, energy = draws(1)(3, 1, 4), draws(2)(3, 200, 4), draws(3)(4)

    def some(rows: Tensor, keys: Tensor) -> Tensor:
        looked_at = key[rows.unsqueeze(-1), keys]
        return tanh_energy(query[rows], looked_at, energy=energy).squeeze(-2) - 2

    everywhere = tanh_energy(query, key, energy=energy).squeeze(-2) - 2
    position = torch.tensor([0, 50, 199])
    found = monotonic.search(some, position, torch.full((3,), 200))
    assert found.tolist() == monotonic.hard(everywhere, position).tolist()
    assert (found[:2] > position[:2]).all()


@pytest.mark.parametrize("chunk_len", [1, 2, 9])
def test_a_chunk_alone_is_read_as_within_all_keys(chunk_len: int) -> None:
    lengths, position = torch.tensor([6, 6, 6, 3, 3]), torch.tensor([0, 5, 6, 2, 3])
    scores, value = draws(2)(5, 6), draws(3)(5, 6, 2)
    mask = masks.padding(lengths, 6).squeeze(-2)
    everywhere = monotonic.hard_chunkwise(position, scores, chunk_len=chunk_len, mask=mask)
    keys, is_there = monotonic.chunk(position, lengths, chunk_len=chunk_len)
    assert keys.shape == (5, chunk_len)
    weights = softmax(scores.gather(-1, keys), is_there)
    context = weights.unsqueeze(-2) @ value[torch.arange(5).unsqueeze(-1), keys]
    torch.testing.assert_close(context, everywhere.unsqueeze(-2) @ value, **EXACT)
    assert weights.sum(dim=-1).round(decimals=9).tolist() == [1, 1, 0, 1, 0]


# What a caller is told.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: monotonic.expected(torch.zeros(2, 5), torch.zeros(2, 4)),
            "before and probabilities must have a number for each key; got 4 and 5",
        ),
        (
            lambda: monotonic.chunkwise(torch.zeros(5), torch.zeros(1), chunk_len=2),
            "alignment and scores must have a number for each key; got 5 and 1",
        ),
        (
            lambda: monotonic.chunkwise(torch.zeros(5), torch.zeros(5), chunk_len=0),
            "chunk_len counts keys, 1 or more; got 0",
        ),
        (
            lambda: monotonic.hard_chunkwise(torch.tensor(0), torch.zeros(5), chunk_len=-1),
            "chunk_len counts keys, 1 or more; got -1",
        ),
        (
            lambda: monotonic.chunk(torch.tensor(0), torch.tensor(5), chunk_len=0),
            "chunk_len counts keys, 1 or more; got 0",
        ),
        (
            lambda: monotonic.search(Asked(torch.zeros(1, 5)), zero(), zero() + 5, block_len=0),
            "block_len counts keys, 1 or more; got 0",
        ),
        (
            lambda: monotonic.search(lambda rows, keys: keys[0].double(), zero(), zero() + 5),
            r"energy must give a number for each of the keys .* \(1, 5\); got shape \(5,\)",
        ),
    ],
    ids=["before", "scores", "chunkwise", "hard_chunkwise", "chunk", "block_len", "energy"],
)
def test_mistakes_are_told(
    call: Callable[[], Tensor], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=message):
        call()


def zero() -> Tensor:
    return torch.zeros(1, dtype=torch.long)


@pytest.mark.parametrize("name", ["expected", "hard", "chunkwise", "hard_chunkwise"])
def test_mask_must_be_boolean(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    mask, numbers = torch.ones(5), torch.zeros(5)
    calls: dict[str, Callable[[], Tensor]] = {
        "expected": lambda: monotonic.expected(numbers, numbers, mask),
        "hard": lambda: monotonic.hard(numbers, torch.tensor(0), mask),
        "chunkwise": lambda: monotonic.chunkwise(numbers, numbers, chunk_len=2, mask=mask),
        "hard_chunkwise": lambda: monotonic.hard_chunkwise(
            torch.tensor(0), numbers, chunk_len=2, mask=mask
        ),
    }
    with pytest.raises(TypeError, match="mask must be boolean, True = may attend; got"):
        calls[name]()


def test_search_stops_at_a_probability_of_a_half_as_hard_does() -> None:
    energies = torch.tensor([[-1.0, 0.0, 3.0]])
    at = torch.zeros(1, dtype=torch.long)
    found = monotonic.search(lambda rows, keys: energies[rows.unsqueeze(-1), keys], at, at + 3)
    assert found.tolist() == monotonic.hard(energies, at).tolist() == [1]


def test_a_chunk_longer_than_the_source_is_the_source() -> None:
    alignment, scores = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([1.0, -2.0, 0.5])
    whole = monotonic.chunkwise(alignment, scores, chunk_len=3)
    longer = monotonic.chunkwise(alignment, scores, chunk_len=10**9)
    torch.testing.assert_close(longer, whole, rtol=0, atol=0)
