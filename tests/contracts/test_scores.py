"""What every score promises, whatever it computes."""

from functools import partial

import pytest
import torch
from torch import Tensor

from regard import scores
from regard.functional.splitting import split
from tests.cases import PROJECTIONS, SCORES, WIDTH, ProjectionCase, ScoreCase, over
from tests.drawing import draws
from tests.score_cases import SCORE_MODULES, ScoreModuleCase

LEADING = [(), (2,), (2, 3), (2, 1, 3), (1, 2, 1, 2)]

# How far from the exact scores of the same inputs, in units of the dtype's precision and relative
# to the largest score: the projections are rounded to the dtype once, and so are the scores.
ROUNDINGS = 8


def asked(case: ScoreCase, *batch: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    draw = draws(seed)
    return draw(*batch, 3, case.query_dim), draw(*batch, 5, case.key_dim)


@over(SCORES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_dtype_is_kept_and_half_precision_is_close(case: ScoreCase, dtype: torch.dtype) -> None:
    draw = draws(dtype=dtype)
    query, key = draw(2, 3, case.query_dim), draw(2, 5, case.key_dim)
    parameters = case.parameters(draw)
    exact = {
        name: value.double() if isinstance(value, Tensor) else value
        for name, value in parameters.items()
    }
    bare = case.bind(draw)
    function = bare.func if isinstance(bare, partial) else bare
    scored = function(query, key, **parameters)
    truth = function(query.double(), key.double(), **exact)
    assert scored.dtype == dtype
    atol = ROUNDINGS * torch.finfo(dtype).eps * truth.abs().max().item()
    torch.testing.assert_close(scored.double(), truth, rtol=0, atol=atol)


@over(SCORES)
@pytest.mark.parametrize("batch", LEADING, ids=str)
def test_leading_axes_are_carried_along(case: ScoreCase, batch: tuple[int, ...]) -> None:
    score = case.bind(draws())
    query, key = asked(case, *batch)
    scored = score(query, key)
    assert scored.shape == (*batch, 3, 5)
    for row, query_row, key_row in zip(
        scored.reshape(-1, 3, 5),
        query.reshape(-1, 3, case.query_dim),
        key.reshape(-1, 5, case.key_dim),
        strict=True,
    ):
        torch.testing.assert_close(row, score(query_row, key_row), rtol=1e-12, atol=1e-12)


@over(SCORES)
def test_leading_axes_broadcast(case: ScoreCase) -> None:
    score = case.bind(draws())
    query, key = draws(1)(2, 1, 3, case.query_dim), draws(2)(4, 5, case.key_dim)
    expanded = score(query.expand(2, 4, -1, -1), key.expand(2, 4, -1, -1))
    torch.testing.assert_close(score(query, key), expanded, rtol=1e-12, atol=1e-12)


@over(SCORES)
@pytest.mark.parametrize(("batch", "query_len", "key_len"), [(2, 3, 0), (2, 0, 3), (0, 3, 2)])
def test_nothing_to_score(case: ScoreCase, batch: int, query_len: int, key_len: int) -> None:
    query = draws()(batch, query_len, case.query_dim).requires_grad_()
    key = draws()(batch, key_len, case.key_dim).requires_grad_()
    scored = case.bind(draws())(query, key)
    assert scored.shape == (batch, query_len, key_len)
    scored.sum().backward()
    assert query.grad is not None
    assert query.grad.abs().sum().item() == 0


@over(SCORES)
def test_permuting_the_keys_permutes_the_scores(case: ScoreCase) -> None:
    score = case.bind(draws())
    query, key = asked(case)
    order = torch.tensor([3, 0, 4, 1, 2])
    moved = torch.allclose(score(query, key[order]), score(query, key)[:, order], atol=1e-12)
    assert moved == case.sees_keys


@over(SCORES)
def test_permuting_the_queries_permutes_the_scores(case: ScoreCase) -> None:
    score = case.bind(draws())
    query, key = asked(case)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        score(query[order], key), score(query, key)[order], rtol=1e-12, atol=1e-12
    )


@over(SCORES)
def test_gradients_are_exact(case: ScoreCase) -> None:
    query, key = asked(case, 2)
    parameters = case.parameters(draws())
    names = [name for name, value in parameters.items() if isinstance(value, Tensor)]
    bare = case.bind(draws())
    function = bare.func if isinstance(bare, partial) else bare

    def score(query: Tensor, key: Tensor, *values: Tensor) -> Tensor:
        return function(query, key, **(parameters | dict(zip(names, values, strict=True))))

    inputs = [query, key, *(parameters[name] for name in names)]
    assert torch.autograd.gradcheck(score, [tensor.requires_grad_() for tensor in inputs])


@over(SCORES)
def test_gradients_at_zero_vectors_are_finite(case: ScoreCase) -> None:
    query = torch.zeros(2, case.query_dim, requires_grad=True)
    key = torch.zeros(3, case.key_dim, requires_grad=True)
    case.bind(draws(dtype=torch.float32))(query, key).sum().backward()
    gradients = [tensor.grad for tensor in (query, key) if tensor.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@over(SCORES)
def test_split_recomposes_to_the_score(case: ScoreCase) -> None:
    score = case.bind(draws())
    query, key = asked(case, 2)
    parts = split(score, query, key)
    if case.comparison is None:
        assert parts is None
        return
    assert parts is not None
    compare = parts.compare.func if isinstance(parts.compare, partial) else parts.compare
    assert compare is getattr(scores, case.comparison)
    recomposed = parts.compare(parts.query, parts.key)
    torch.testing.assert_close(recomposed, score(query, key), rtol=1e-12, atol=1e-12)


def test_what_split_does_not_know_stays_whole() -> None:
    query, key = draws()(2, WIDTH), draws()(3, WIDTH)
    assert split(lambda query, key: query @ key.T, query, key) is None
    assert split(partial(scores.dot, query), query, key) is None


@over(SCORE_MODULES)
def test_module_gives_what_its_function_gives(case: ScoreModuleCase) -> None:
    module = case.make().double()
    query = draws()(2, 3, case.query_dim).requires_grad_()
    key = draws()(2, 5, WIDTH).requires_grad_()
    expected = case.function(query, key, **case.arguments(module))
    torch.testing.assert_close(module(query, key), expected, rtol=1e-12, atol=1e-12)

    inputs = [query, key, *module.parameters()]
    cotangent = draws(1)(2, 3, 5)
    of_module = torch.autograd.grad(module(query, key), inputs, cotangent, allow_unused=True)
    of_function = torch.autograd.grad(expected, inputs, cotangent, allow_unused=True)
    for got, wanted in zip(of_module, of_function, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


@over(SCORE_MODULES)
def test_module_is_its_projections_and_its_comparison(case: ScoreModuleCase) -> None:
    module = case.make().double()
    query, key = draws()(2, 3, case.query_dim), draws()(2, 5, WIDTH)
    projected = module.project_query(query), module.project_key(key)
    whole = module(query, key)
    torch.testing.assert_close(module.compare(*projected), whole, rtol=0, atol=0)
    parts = split(module, query, key)
    assert parts is not None
    torch.testing.assert_close(parts.compare(parts.query, parts.key), whole, rtol=0, atol=0)


@over(SCORE_MODULES)
def test_module_survives_saving(case: ScoreModuleCase) -> None:
    saved, fresh = case.make(), case.make()
    query, key = draws(dtype=torch.float32)(3, case.query_dim), draws(dtype=torch.float32)(5, WIDTH)
    fresh.load_state_dict(saved.state_dict())
    torch.testing.assert_close(fresh(query, key), saved(query, key), rtol=0, atol=0)


@over(PROJECTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_projection_keeps_dtype_and_is_close(case: ProjectionCase, dtype: torch.dtype) -> None:
    vectors = draws(dtype=dtype)(2, 3, WIDTH)
    projected = case.project(vectors)
    assert projected.dtype == dtype
    truth = case.project(vectors.double())
    atol = 4 * torch.finfo(dtype).eps * truth.abs().max().item()
    torch.testing.assert_close(projected.double(), truth, rtol=0, atol=atol)


@over(PROJECTIONS)
def test_projection_has_exact_gradients_and_leading_axes(case: ProjectionCase) -> None:
    vectors = draws()(2, 2, 3, WIDTH)
    assert torch.autograd.gradcheck(case.project, [vectors.requires_grad_()])
    alone = torch.stack([torch.stack([case.project(row) for row in rows]) for rows in vectors])
    torch.testing.assert_close(case.project(vectors), alone, rtol=1e-12, atol=1e-12)
    assert case.project(vectors[:0]).shape == (0, 2, 3, WIDTH)
