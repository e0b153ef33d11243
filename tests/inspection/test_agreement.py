"""How much heads look alike, against the definition by two divergences from their mean."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.inspection.measures.agreement import agreement, divergence


def by_definition(left: list[float], right: list[float]) -> float:
    """Return the mean of the two Kullback-Leibler divergences from the mean, in bits."""
    mean = [(one + other) / 2 for one, other in zip(left, right, strict=True)]
    return sum(
        share * math.log2(share / middle) / 2
        for side in (left, right)
        for share, middle in zip(side, mean, strict=True)
        if share
    )


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_divergence_is_that_of_the_definition(scale: float) -> None:
    weights = torch.rand(2, 3, 4, 5).pow(4)
    weights[:, :, :, 0] = 0
    weights = weights / weights.sum(-1, keepdim=True)
    found = divergence(weights * scale)
    for text in range(2):
        for left in range(3):
            for right in range(3):
                of_queries = [
                    by_definition(*(weights[text, head, at].tolist() for head in (left, right)))
                    for at in range(4)
                ]
                expected = sum(of_queries) / 4
                assert found[text, left, right].item() == pytest.approx(expected, abs=1e-5)


@given(st.integers(1, 4), st.integers(0, 3), st.integers(1, 4), st.integers(0, 99))
def test_divergence_is_a_symmetric_share(heads: int, query: int, key: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(heads, query, key, generator=generator).pow(8).softmax(-1)
    found = divergence(weights)
    assert found.shape == (heads, heads)
    assert torch.equal(found, found.T)
    assert found.diagonal().tolist() == [0] * heads
    assert bool(((found >= 0) & (found <= 1)).all())
    assert bool((agreement(weights) >= -1e-6).all())


def test_heads_that_do_the_same_agree_exactly() -> None:
    weights = torch.randn(1, 6, 50).softmax(-1).expand(4, 6, 50)
    assert divergence(weights).max().item() == 0
    assert agreement(weights).tolist() == [1, 1, 1, 1]


def test_queries_by_which_a_head_looks_nowhere_are_left_out() -> None:
    one = [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    other = [[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [1.0, 0.0]]
    assert divergence(torch.tensor([one, other]))[0, 1].item() == pytest.approx(1 / 3, abs=1e-6)
    assert divergence(torch.zeros(2, 3, 4)).max().item() == 0


def test_a_head_agrees_with_the_others_on_average() -> None:
    weights = torch.rand(5, 3, 4).softmax(-1)
    apart = divergence(weights)
    others = [[apart[head, other] for other in range(5) if other != head] for head in range(5)]
    expected = 1 - torch.tensor(others).mean(1)
    torch.testing.assert_close(agreement(weights), expected, rtol=1e-5, atol=1e-6)


def test_a_head_alone_agrees_with_itself() -> None:
    assert agreement(torch.rand(1, 3, 4)).tolist() == [1]
    assert divergence(torch.rand(0, 3, 4)).shape == (0, 0)


def test_half_precision_is_kept() -> None:
    weights = torch.rand(3, 4, 5).softmax(-1)
    found = divergence(weights.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), divergence(weights), rtol=0.1, atol=0.01)
