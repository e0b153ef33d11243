"""Local attention, number by number: windows and Luong's local-p in plain Python loops."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

import regard
from regard import kernels
from regard.functional.masks import Window
from regard.kernels import local
from regard.kernels.local import reading
from regard.kernels.local.around import Around, in_blocks, one_by_one
from tests.cases import LOCAL, LocalCase, over
from tests.drawing import draws

QUERIES, KEYS, WIDTH = 9, 11, 3

Matrix = Sequence[Sequence[float]]


def weights_of_row(
    query: Sequence[float],
    key: Matrix,
    near: Callable[[int], bool],
    log_gaussian: Callable[[int], float],
    *,
    damped: bool,
) -> list[float]:
    """Return softmax weights of a scaled dot product among the keys that are near."""
    powers = []
    for position, vector in enumerate(key):
        score = sum(q * k for q, k in zip(query, vector, strict=True)) / math.sqrt(len(query))
        score += 0.0 if damped else log_gaussian(position)
        powers.append(math.exp(score) if near(position) else 0.0)
    total = sum(powers) or 1.0
    return [
        power / total * (math.exp(log_gaussian(position)) if damped else 1.0)
        for position, power in enumerate(powers)
    ]


def read(weights: Matrix, value: Matrix) -> Tensor:
    """Return the weighed sums of the values."""
    rows = [
        [sum(w * v[d] for w, v in zip(row, value, strict=True)) for d in range(len(value[0]))]
        for row in weights
    ]
    return torch.tensor(rows, dtype=torch.float64)


def vectors() -> tuple[Tensor, Tensor, Tensor]:
    return draws(1)(QUERIES, WIDTH), draws(2)(KEYS, WIDTH), draws(3)(KEYS, 2)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 1), (0, 3), (20, 20)])
def test_window_is_its_loop(before: int, after: int) -> None:
    query, key, value = vectors()
    first = KEYS - QUERIES
    rows = [
        weights_of_row(
            one,
            key.tolist(),
            lambda position, own=first + row: own - before <= position <= own + after,  # type: ignore[misc]
            lambda _: 0.0,
            damped=False,
        )
        for row, one in enumerate(query.tolist())
    ]
    expected = read(rows, value.tolist())
    for kernel in ("windowed", "reference"):
        with kernels.only(kernel):
            context = regard.attention(query, key, value, mask=Window(before, after))
        torch.testing.assert_close(context, expected, rtol=1e-12, atol=1e-12)


CENTRES = [-3.5, 0.0, 1.3, 4.5, 5.0, 7.49, 10.0, 12.2, 40.0]
HALF_WIDTH = 2


def rows_around(case: LocalCase, query: Matrix, key: Matrix, allowed: Matrix) -> Matrix:
    """Return the weights of Luong's section 3.2, one query and one key at a time."""
    rows = []
    for one, centre, row in zip(query, CENTRES, allowed, strict=True):
        log_gaussian = [
            -((position - centre) ** 2) / (2 * (HALF_WIDTH / 2) ** 2) if case.weakens else 0.0
            for position in range(KEYS)
        ]
        rows.append(
            weights_of_row(
                one,
                key,
                lambda s, p=centre, row=row: p - HALF_WIDTH <= s <= p + HALF_WIDTH and row[s],  # type: ignore[misc]
                log_gaussian.__getitem__,
                damped=not case.sums_to_one,
            )
        )
    return rows


@pytest.mark.parametrize(
    "way", [None, one_by_one, in_blocks], ids=lambda way: str(way and way.__name__)
)
@over(LOCAL)
def test_attention_around_a_centre_is_its_loop(
    case: LocalCase, way: Callable[[Around], Tensor] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_way", lambda *_: way)
    query, key, value = vectors()
    centre = torch.tensor(CENTRES, dtype=torch.float64)
    mask = draws(4)(QUERIES, KEYS) > -1
    rows = rows_around(case, query.tolist(), key.tolist(), mask.tolist())
    exact = torch.tensor(rows, dtype=torch.float64)
    weights = case.weigh(query, key, centre, half_width=HALF_WIDTH, mask=mask)
    torch.testing.assert_close(weights, exact, rtol=1e-12, atol=1e-12)
    context = case.attend(query, key, value, centre, half_width=HALF_WIDTH, mask=mask)
    torch.testing.assert_close(context, read(rows, value.tolist()), rtol=1e-12, atol=1e-12)
    assert weights[0].abs().sum().item() == weights[-1].abs().sum().item() == 0


def test_predicted_centre_is_its_loop() -> None:
    query, weight, energy = draws(1)(2, 3, WIDTH), draws(2)(5, WIDTH), draws(3)(5)
    lengths = [7, 400]
    expected = []
    for queries, length in zip(query.tolist(), lengths, strict=True):
        row = []
        for one in queries:
            hidden = [
                math.tanh(sum(w * q for w, q in zip(line, one, strict=True)))
                for line in weight.tolist()
            ]
            score = sum(v * h for v, h in zip(energy.tolist(), hidden, strict=True))
            row.append(length / (1 + math.exp(-score)))
        expected.append(row)
    centre = local.predicted_centre(query, torch.tensor(lengths), weight=weight, energy=energy)
    exact = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(centre, exact, rtol=1e-12, atol=1e-12)
