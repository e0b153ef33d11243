"""Weights that are known to be right, wrong or nothing are found out to be so."""

import dataclasses
import json
from collections import Counter

import pytest
import torch
from torch import Tensor

from regard.inspection.measures.erasure import SHARES, Predict
from regard.inspection.measures.faithfulness import Faithfulness, faithfulness
from regard.inspection.measures.gradients import TokenGradients

NUM_TOKENS = 40


def decided_by(at: int) -> Predict:
    """Predict by one token alone."""

    def predict(kept: Tensor) -> Tensor:
        probable = torch.where(kept[:, at], 0.9, 0.2)
        return torch.stack([1 - probable, probable], dim=1)

    return predict


def adding(parts: Tensor) -> Predict:
    """Predict by the sum of what each token says."""

    def predict(kept: Tensor) -> Tensor:
        probable = (kept.float() @ parts).sigmoid()
        return torch.stack([1 - probable, probable], dim=1)

    return predict


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def measured(predict: Predict, weights: Tensor, seed: int = 0) -> Faithfulness:
    return faithfulness(predict, weights, generator=seeded(seed))


def test_weights_at_the_one_token_that_decides_explain() -> None:
    found = measured(decided_by(7), torch.eye(NUM_TOKENS)[7])
    assert found.finding == "explains"
    assert found.standing.share == pytest.approx(1)
    assert found.probability == pytest.approx(0.9)
    assert found.comprehensiveness.by_weights == pytest.approx(0.7)
    assert found.sufficiency.by_weights == pytest.approx(0)
    assert found.without_fifth.by_weights == pytest.approx(0.2)
    assert found.fifth_alone.by_weights == pytest.approx(0.9)
    assert found.without_all == pytest.approx(0.2)
    assert found.first_flip.by_weights == pytest.approx(0.01)
    assert found.top_flips
    assert found.others_flip == pytest.approx(1 / NUM_TOKENS)
    assert found.num_erased == 8
    assert found.verdict == (
        "the weights show what the prediction depends on; without the 8 most attended of 40 "
        f"tokens the probability goes from 0.90 to 0.20 (without random ones "
        f"{found.without_fifth.by_chance:.2f}), from these alone to 0.90 "
        f"({found.fifth_alone.by_chance:.2f})"
    )


def test_random_erasures_have_their_expected_effect() -> None:
    found = measured(decided_by(7), torch.eye(NUM_TOKENS)[7])
    erased = [max(1, -(-NUM_TOKENS * share // 1)) / NUM_TOKENS for share in SHARES]
    assert found.comprehensiveness.by_chance == pytest.approx(0.7 * sum(erased) / 5, abs=0.07)
    assert found.without_fifth.by_chance == pytest.approx(0.8 * 0.9 + 0.2 * 0.2, abs=0.1)


def test_weights_of_noise_explain_no_better_than_chance() -> None:
    findings = Counter(
        measured(decided_by(7), torch.rand(NUM_TOKENS, generator=seeded(seed)), seed).finding
        for seed in range(40)
    )
    assert findings["explains"] + findings["partly"] <= 5
    assert findings["chance"] + findings["short"] >= 30


def test_weights_by_what_each_token_adds_explain() -> None:
    parts = torch.rand(NUM_TOKENS, generator=seeded()).pow(4)
    found = measured(adding(parts), parts)
    assert found.finding == "explains"
    assert found.correlations.erasure == pytest.approx(1, abs=0.02)
    assert measured(adding(parts), -parts).finding == "misleads"
    assert measured(adding(parts), -parts).standing.share < 0


def test_weights_that_are_half_noise_explain_in_part() -> None:
    parts = torch.rand(100, generator=seeded()).pow(4) / 4
    found = measured(adding(parts), parts + torch.rand(100, generator=seeded(1)) / 2)
    assert found.finding == "partly"
    assert 0 < found.standing.share < 0.5


@pytest.mark.parametrize("weight", [0.0, 0.025, 1.0])
def test_weights_that_are_all_alike_point_nowhere(weight: float) -> None:
    found = measured(decided_by(7), torch.full((NUM_TOKENS,), weight))
    assert found.finding == "alike"
    assert found.verdict == "the weights are all alike, and point to no token"
    assert found.correlations.erasure is None


def test_a_prediction_that_hears_nothing_is_not_explained() -> None:
    found = measured(adding(torch.zeros(NUM_TOKENS)), torch.rand(NUM_TOKENS))
    assert found.finding == "unmoved"
    assert found.verdict.startswith("there is little to explain")
    assert found.correlations.erasure is None
    assert (found.top_flips, found.others_flip) == (False, 0)


def test_rounding_errors_are_no_effects() -> None:
    noise = adding(torch.randn(NUM_TOKENS) * 1e-7)
    assert measured(noise, torch.rand(NUM_TOKENS)).correlations.erasure is None


@pytest.mark.parametrize("num_tokens", [1, 2, 3])
def test_few_tokens_are_too_few(num_tokens: int) -> None:
    found = measured(decided_by(0), torch.eye(num_tokens)[0])
    assert found.finding == "short"
    assert "too short to tell" in found.verdict
    assert found.without_fifth.by_weights == pytest.approx(0.2)
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_without_a_token_there_is_nothing_to_erase() -> None:
    with pytest.raises(ValueError, match="there is no token to erase: the text is empty"):
        measured(decided_by(0), torch.zeros(0))


def test_the_same_generator_gives_the_same() -> None:
    parts, weights = torch.randn(NUM_TOKENS), torch.rand(NUM_TOKENS).round(decimals=1)
    assert measured(adding(parts), weights, 3) == measured(adding(parts), weights, 3)
    assert measured(adding(parts), weights, 3) != measured(adding(parts), weights, 4)


def test_gradients_are_compared_with_where_there_are_some() -> None:
    weights = torch.rand(NUM_TOKENS)
    gradients = TokenGradients(weights * 2, -weights)
    given = {"generator": seeded(), "gradients": gradients}
    found = faithfulness(decided_by(7), weights, **given).correlations  # type: ignore[arg-type]
    assert found.gradient_of_input == pytest.approx(1)
    assert found.gradient_norm == pytest.approx(-1)
    without = measured(decided_by(7), weights).correlations
    assert (without.gradient_of_input, without.gradient_norm) == (None, None)


def test_several_classes_and_any_of_them_are_predicted() -> None:
    def predict(kept: Tensor) -> Tensor:
        logits = torch.stack([kept[:, 0] * 2.0, kept[:, 1] * 3.0, kept[:, 2] * 1.0], dim=1)
        return logits.softmax(-1)

    found = measured(predict, torch.arange(NUM_TOKENS).eq(1).float())
    assert found.finding == "explains"
    assert found.probability == pytest.approx(predict(torch.ones(1, 3))[0, 1].item())


def test_a_prediction_may_have_a_gradient() -> None:
    parts = torch.rand(NUM_TOKENS, requires_grad=True)
    expected = measured(adding(parts.detach()), parts.detach())
    assert measured(adding(parts), parts) == expected


class Counting:
    """Predicts by one token, and counts what it is asked."""

    def __init__(self) -> None:
        self.num_calls = self.num_variants = self.num_read = 0

    def __call__(self, kept: Tensor) -> Tensor:
        self.num_calls += 1
        self.num_variants += len(kept)
        self.num_read += int(kept.sum())
        return decided_by(7)(kept)


@pytest.mark.parametrize(
    ("num_tokens", "num_tried", "num_random"), [(20, 20, 200), (400, 400, 50), (3000, 66, 20)]
)
def test_a_long_text_is_read_less_often(num_tokens: int, num_tried: int, num_random: int) -> None:
    asked = Counting()
    found = measured(asked, torch.eye(num_tokens)[7])
    assert found.num_tried == num_tried
    assert len(found.standing.at_random) == num_random
    assert asked.num_calls <= 6
    assert asked.num_variants <= num_tried + 10 * (num_random + 2) + 10
    assert asked.num_read <= 600_000
    assert found.finding == "explains"
