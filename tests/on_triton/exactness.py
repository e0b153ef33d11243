"""The fused tanh energy x softmax is as exact as the definition, however large its inputs."""

from functools import partial

import pytest
import torch

from regard import kernels, scores
from regard.kernels import tanh_energy_triton
from tests.on_triton.asking import (
    KERNEL,
    NUMPY_MAY_OVERFLOW,
    answers,
    asked,
    assert_same_as_reference,
)
from tests.questions import Question, leaf

pytestmark = NUMPY_MAY_OVERFLOW


@pytest.mark.parametrize("size", [1e-2, 1.0, 20.0, 1e4])
def test_as_exact_as_the_definition(size: float) -> None:
    question = asked((2,), 17, 23, hidden=33, size=size)
    exact = Question(
        *(leaf(side.double()) for side in (question.query, question.key, question.value)),
        partial(scores.tanh_energy, energy=leaf(question.leaves["energy"].double())),
        question.normalizer,
    )
    truth, plain = answers(exact, "reference"), answers(question, "reference")
    for name, found in answers(question).items():
        assert found is not None
        # Both round at random, so that the larger of two largest errors says little.
        scale = max(1.0, float(truth[name].detach().abs().max()))
        rounding = 8 * torch.finfo(torch.float32).eps * scale
        assert (found - truth[name]).abs().max() <= (
            2 * (plain[name] - truth[name]).abs().max() + rounding
        ), name


def test_energies_of_one_sign_do_not_cost_digits() -> None:
    question = asked((1,), 8, 9, hidden=512)
    energy = leaf(1 + question.leaves["energy"].abs())
    question = question.having(score=partial(scores.tanh_energy, energy=energy))
    exact = torch.tanh(question.query.double().unsqueeze(2) + question.key.double().unsqueeze(1))
    weights = (exact @ energy.double()).softmax(dim=-1)
    with kernels.only(KERNEL):
        context = question.context()
    wanted = weights @ question.value.double()
    torch.testing.assert_close(context.double(), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("outlier", [0.0, 1e3])
def test_gradients_of_saturated_units_keep_their_digits(outlier: float) -> None:
    question = asked((1,), 3, 5, hidden=4)
    query = question.query.detach() - 6  # tanh is all but -1
    query[0, 2] = outlier  # which may forbid to factor all of them
    question = question.having(query=leaf(query))
    energy = leaf(question.leaves["energy"].double())
    exact = question.having(
        query=leaf(query.double()),
        key=leaf(question.key.double()),
        value=leaf(question.value.double()),
        score=partial(scores.tanh_energy, energy=energy),
    )
    found, wanted = answers(question)["query"], answers(exact, "reference")["query"]
    torch.testing.assert_close(found[0, :2].double(), wanted[0, :2], rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("query", "key", "factored"),
    [
        (-20.0, 20.0, True),
        (20.0, 2.0, False),
        (-22.0, 0.0, False),
        (0.0, torch.inf, False),
        (torch.nan, 0.0, False),
    ],
)
def test_scores_are_factored_where_nothing_can_overflow(
    query: float, key: float, factored: bool
) -> None:
    sides = (torch.tensor([[[[query]]]]), torch.tensor([[[[key]]]]))
    assert bool(tanh_energy_triton._prepared(*sides, torch.ones(1)).factored) is factored


@pytest.mark.parametrize("energy", [0.0, 1e-30, 1e4])
def test_energies_of_any_size(energy: float) -> None:
    question = asked()
    scaled = leaf(energy * question.leaves["energy"])
    assert_same_as_reference(question.having(score=partial(scores.tanh_energy, energy=scaled)))


@pytest.mark.parametrize("odd", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("side", ["query", "key", "value"])
def test_what_is_not_finite_spreads_as_in_the_definition(odd: float, side: str) -> None:
    question = asked((2,), 4, 5)
    changed = getattr(question, side).detach().clone()
    changed[0, 2, 1] = odd
    question = question.having(**{side: leaf(changed)})
    found, wanted = answers(question)["context"], answers(question, "reference")["context"]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5, equal_nan=True)
