"""Alignments that are known to be right or wrong are found out to be so."""

import math

import pytest
import torch
from torch import Tensor

from regard.inspection.measures.source_effects import SourceFaithfulness, source_faithfulness

NUM_TARGET, NUM_SOURCE = 6, 7
NEEDED = torch.tensor([0, 2, 1, 3, 5, 6])


def effects_of(needed: Tensor) -> Tensor:
    """Make each target token need one source token, and others a little."""
    little = torch.rand(NUM_TARGET, NUM_SOURCE, generator=torch.Generator().manual_seed(0)) / 10
    return little.scatter(1, needed.unsqueeze(1), 4.0)


def measured(weights: Tensor, effects: Tensor, seed: int = 0) -> SourceFaithfulness:
    generator = torch.Generator().manual_seed(seed)
    return source_faithfulness(weights, effects, effects > 1, generator=generator)


def one_hot(places: Tensor) -> Tensor:
    return torch.zeros(NUM_TARGET, NUM_SOURCE).scatter(1, places.unsqueeze(1), 1.0)


def test_an_alignment_to_what_is_needed_explains() -> None:
    effects = effects_of(NEEDED)
    found = measured(one_hot(NEEDED), effects)
    assert found.finding == "explains"
    assert (found.num_needing, found.found) == (NUM_TARGET, 1)
    assert found.flipped == pytest.approx((1.0, 1 / NUM_SOURCE))
    assert found.standing.by_weights == pytest.approx(4)
    assert found.of_any == pytest.approx(effects.mean().item())
    assert found.standing.by_chance == pytest.approx(effects.mean().item(), abs=0.1)
    assert found.verdict.endswith(
        "without the source token that it looks at most, a target token loses 4.00 nats of "
        f"log-probability, without a random one {found.of_any:.2f}, without the one it needs most "
        "4.00"
    )


def test_an_alignment_beside_what_is_needed_does_not() -> None:
    found = measured(one_hot((NEEDED + 1) % NUM_SOURCE), effects_of(NEEDED))
    assert found.finding == "chance"
    assert found.found == 0


def test_an_alignment_to_what_hinders_misleads() -> None:
    effects = -effects_of(NEEDED)
    effects[:, 4] = 3
    assert measured(one_hot(NEEDED), effects).finding == "misleads"


def test_the_correlation_is_the_mean_of_the_rows_that_have_one() -> None:
    weights = torch.tensor([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    effects = torch.tensor([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [1.0, 1.0, 1.0]])
    found = measured(weights, effects)
    assert found.correlation == pytest.approx((1 - 1 / 3) / 2)


def test_target_tokens_that_need_nothing_are_not_expected_to_find_it() -> None:
    effects = effects_of(NEEDED)
    effects[:4] = -0.1
    effects[:, 0] = 0.01
    found = measured(one_hot(NEEDED), effects)
    assert (found.num_needing, found.found) == (2, 1)
    beside = measured(one_hot((NEEDED + 1) % NUM_SOURCE), effects)
    assert (beside.num_needing, beside.found) == (2, 0)


def test_target_tokens_that_look_nowhere_are_left_out() -> None:
    weights, effects = one_hot(NEEDED), effects_of(NEEDED)
    weights[2:] = 0
    found = measured(weights, effects)
    assert found.standing.by_weights == pytest.approx(4)
    assert found.of_any == pytest.approx(effects[:2].mean().item())


@pytest.mark.parametrize(
    ("weights", "effects", "finding"),
    [
        (torch.full((3, 5), 0.2), torch.rand(3, 5) * 9, "alike"),
        (torch.rand(3, 5), torch.zeros(3, 5), "unmoved"),
        (torch.rand(3, 1), torch.ones(3, 1), "short"),
        (torch.eye(2), 3 * torch.eye(2), "short"),
        (torch.zeros(0, 5), torch.zeros(0, 5), "short"),
        (torch.zeros(3, 0), torch.zeros(3, 0), "short"),
        (torch.zeros(3, 5), torch.rand(3, 5), "alike"),
    ],
)
def test_what_cannot_be_told_is_not(weights: Tensor, effects: Tensor, finding: str) -> None:
    found = measured(weights, effects)
    assert found.finding == finding
    assert "nan" not in found.verdict
    assert not math.isnan(found.standing.share)


def test_the_same_generator_gives_the_same() -> None:
    weights, effects = torch.rand(5, 6), torch.rand(5, 6)
    assert measured(weights, effects, 1).standing == measured(weights, effects, 1).standing
    assert measured(weights, effects, 1).standing != measured(weights, effects, 2).standing
