"""Scores and attention, number by number: the formulas of the papers in plain Python loops."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

import regard
from regard import kernels, scores
from tests.cases import SCORES, ScoreCase, over, public_name
from tests.drawing import draws
from tests.questions import PAIRS, leaf, question, takers

Vector = Sequence[float]
Matrix = Sequence[Vector]


def inner(x: Vector, y: Vector) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True))


def times(matrix: Matrix, x: Vector) -> list[float]:
    return [inner(row, x) for row in matrix]


def length(x: Vector) -> float:
    return math.sqrt(inner(x, x))


def perceptron(hidden: Vector, energy: Vector) -> float:
    return sum(v * math.tanh(h) for v, h in zip(energy, hidden, strict=True))


def closeness(q: Vector, k: Vector) -> float:
    return 1 / (1 + math.dist(q, k))


def bilinear(q: Vector, k: Vector, weight: Matrix) -> float:
    return sum(q[a] * weight[a][b] * k[b] for a in range(len(q)) for b in range(len(k)))


def additive(
    q: Vector,
    k: Vector,
    query_weight: Matrix,
    key_weight: Matrix,
    energy: Vector,
    bias: Vector | None = None,
) -> float:
    bias = [0.0] * len(energy) if bias is None else bias
    parts = zip(times(query_weight, q), times(key_weight, k), bias, strict=True)
    return perceptron([sum(part) for part in parts], energy)


DEFINITIONS: dict[str, Callable[..., float]] = {
    "dot": lambda q, k, position: inner(q, k),
    "inner_product": lambda q, k, position: inner(q, k),
    "scaled_dot": lambda q, k, position: inner(q, k) / math.sqrt(len(q)),
    "bilinear": lambda q, k, position, weight: bilinear(q, k, weight),
    "cosine": lambda q, k, position, temperature: (
        inner(q, k) / (length(q) * length(k)) / temperature
    ),
    "additive": lambda q, k, position, **parameters: additive(q, k, **parameters),
    "concat": lambda q, k, position, weight, energy: perceptron(times(weight, [*q, *k]), energy),
    "tanh_energy": lambda q, k, position, energy: perceptron(
        [a + b for a, b in zip(q, k, strict=True)], energy
    ),
    "location": lambda q, k, position, weight: inner(weight[position], q),
    "distance": lambda q, k, position: closeness(q, k),
    "inverse_distance": lambda q, k, position: closeness(q, k),
}


def listed(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, Tensor) else value
        for name, value in parameters.items()
    }


def test_every_score_is_defined_here() -> None:
    assert set(DEFINITIONS) == {public_name(case) for case in SCORES}


@over(SCORES)
def test_score_is_its_formula(case: ScoreCase) -> None:
    query, key = draws(1)(2, 3, case.query_dim), draws(2)(2, 5, case.key_dim)
    define = partial(DEFINITIONS[public_name(case)], **listed(case.parameters(draws())))
    expected = [
        [[define(q, k, position) for position, k in enumerate(keys)] for q in queries]
        for queries, keys in zip(query.tolist(), key.tolist(), strict=True)
    ]
    scored = case.bind(draws())(query, key)
    exact = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(scored, exact, rtol=1e-12, atol=1e-12)


def attend(
    score: Callable[[Vector, Vector, int], float],
    query: Matrix,
    key: Matrix,
    value: Matrix,
    bias: Matrix,
    mask: Sequence[Sequence[bool]],
) -> tuple[list[list[float]], list[list[float]]]:
    """Weights and context of softmax attention, one query and one key at a time."""
    weights, context = [], []
    for i, q in enumerate(query):
        powers = [
            math.exp(score(q, k, j) + bias[i][j]) if mask[i][j] else 0.0 for j, k in enumerate(key)
        ]
        total = sum(powers) or 1.0  # nothing to attend to
        row = [power / total for power in powers]
        weights.append(row)
        context.append(
            [sum(w * v[d] for w, v in zip(row, value, strict=True)) for d in range(len(value[0]))]
        )
    return weights, context


@over(SCORES)
def test_attention_is_its_definition(case: ScoreCase) -> None:
    pair = next(pair for pair in PAIRS if pair.score is case)
    mask = draws(3)(3, 5) > -0.3
    mask[1] = False
    asked = question(pair, ()).having(mask=mask, bias=draws(4)(3, 5))
    bound = asked.score.keywords if isinstance(asked.score, partial) else {}
    define = partial(DEFINITIONS[public_name(case)], **listed(bound))
    weights, context = attend(
        define,
        asked.query.tolist(),
        asked.key.tolist(),
        asked.value.tolist(),
        asked.bias.tolist(),
        mask.tolist(),
    )
    exact = partial(torch.tensor, dtype=torch.float64)
    torch.testing.assert_close(asked.weights(), exact(weights), rtol=1e-10, atol=1e-12)
    for kernel in takers(asked):
        with kernels.only(kernel):
            found = asked.context()
        torch.testing.assert_close(found, exact(context), rtol=1e-10, atol=1e-12)


def test_batch_and_heads_are_loops_too() -> None:
    query, key, value = leaf(draws(1)(2, 3, 4, 2)), draws(2)(2, 3, 5, 2), draws(3)(2, 3, 5, 3)
    context = regard.attention(query, key, value, score=scores.dot)
    for b in range(2):
        for h in range(3):
            _, expected = attend(
                DEFINITIONS["dot"],
                query[b, h].tolist(),
                key[b, h].tolist(),
                value[b, h].tolist(),
                [[0.0] * 5] * 4,
                [[True] * 5] * 4,
            )
            torch.testing.assert_close(
                context[b, h], torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-12
            )
