"""The fused tanh energy x softmax gives what the reference gives, whatever it is asked."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

import regard
from regard import kernels, scores
from regard.functional.masks import Window
from regard.kernels import tanh_energy_triton
from tests.drawing import draws
from tests.on_triton.asking import (
    DEVICE,
    KERNEL,
    NUMPY_MAY_OVERFLOW,
    TOLERANCE,
    allowed,
    answers,
    asked,
    assert_same_as_reference,
)
from tests.questions import leaf

pytestmark = NUMPY_MAY_OVERFLOW

MASKS: dict[str, Callable[[tuple[int, ...]], Any]] = {
    "none": lambda batch: None,
    "full": lambda batch: allowed(5, *batch, 3, 5),
    "queries and keys": lambda batch: allowed(5, 3, 5),
    "keys": lambda batch: torch.arange(5) < 4,
    "keys of each": lambda batch: allowed(5, *batch, 2, 5)[..., 1:, :],
    "queries of each": lambda batch: allowed(5, *batch, 3, 1),
    "keys of each of the first axis": lambda batch: allowed(5, *batch, 2, 5)[..., :1, 1:, :],
    "nothing": lambda batch: torch.zeros(1, 1, dtype=torch.bool),
    "window": lambda batch: Window(1, 0),
    "causal, and keys of each": lambda batch: Window(None, 0, allowed(5, *batch, 2, 5)[..., 1:, :]),
}


@pytest.mark.parametrize("mask", MASKS)
def test_every_mask_is_the_references(mask: str) -> None:
    assert_same_as_reference(asked((2, 2), mask=MASKS[mask]((2, 2))))


@pytest.mark.parametrize(
    "shape", [(5,), (3, 5), (3, 1), (2, 1, 1, 5), (2, 1, 5), (2, 2, 3, 5)], ids=str
)
def test_every_bias_is_the_references(shape: tuple[int, ...]) -> None:
    bias = leaf(draws(6, torch.float32)(*shape).to(DEVICE))
    assert_same_as_reference(asked((2, 2), bias=bias, mask=allowed(5, 3, 5)))


def test_a_bias_that_is_not_learnt_has_no_gradient() -> None:
    question = asked(bias=draws(6, torch.float32)(3, 5).to(DEVICE))
    with kernels.only(KERNEL):
        context = question.context()
    context.sum().backward()
    assert question.bias is not None
    assert question.bias.grad is None
    assert question.query.grad is not None


@pytest.mark.parametrize("batch", [(), (1,), (2, 1, 2), (2, 1, 1, 2)], ids=str)
def test_there_may_be_any_leading_axes(batch: tuple[int, ...]) -> None:
    bias = leaf(draws(6, torch.float32)(*batch, 3, 5).to(DEVICE))
    assert_same_as_reference(asked(batch, bias=bias, mask=allowed(5, *batch[-1:], 3, 5)))


@pytest.mark.parametrize(
    ("query_len", "key_len", "hidden", "value_dim"),
    [(1, 1, 1, 1), (17, 129, 3, 3), (16, 128, 4, 64), (33, 7, 65, 2), (2, 261, 2, 70)],
)
def test_every_size_is_the_references(
    query_len: int, key_len: int, hidden: int, value_dim: int
) -> None:
    question = asked((1,), query_len, key_len, hidden=hidden, value_dim=value_dim)
    assert_same_as_reference(question)


@pytest.mark.parametrize("descending", [False, True])
def test_scores_may_rise_or_fall_from_tile_to_tile(descending: bool) -> None:
    question = asked((1,), 2, 261, hidden=2, value_dim=1)
    # With such values, the weights of whole tiles are to be raised, and of others lowered.
    key, value = (
        leaf(side.detach().sort(dim=1, descending=descending).values)
        for side in (question.key, question.value)
    )
    score = partial(scores.tanh_energy, energy=leaf(torch.full((2,), 4.0)))
    assert_same_as_reference(question.having(key=key, value=value, score=score))


def test_tiles_without_a_key_to_attend_are_passed_over() -> None:
    keys = torch.arange(261)
    mask = torch.stack([keys >= 200, keys < 100]).unsqueeze(1)
    question = asked((2,), 2, 261, hidden=2, mask=mask)
    # Had they been read, they would show.
    for side in (question.key, question.value):
        side.data[0, :128] = torch.nan
        side.data[1, 128:] = torch.nan
    found = answers(question)
    wanted = answers(
        question.having(
            key=leaf(question.key.nan_to_num()), value=leaf(question.value.nan_to_num())
        ),
        "reference",
    )
    torch.testing.assert_close(found["context"], wanted["context"], rtol=1e-5, atol=1e-5)


def test_hundreds_of_hidden_units() -> None:
    assert_same_as_reference(asked((1,), 4, 5, hidden=513))


@pytest.mark.parametrize("sizes", [(0, 3, 5, 6, 7), (2, 0, 5, 6, 7), (2, 3, 0, 6, 7)], ids=str)
def test_nothing_at_all(sizes: tuple[int, ...]) -> None:
    batch, query_len, key_len, hidden, value_dim = sizes
    question = asked((batch,), query_len, key_len, hidden=hidden, value_dim=value_dim)
    assert_same_as_reference(question)


@pytest.mark.parametrize(("hidden", "value_dim"), [(0, 7), (6, 0)])
def test_nothing_to_compare_or_read(hidden: int, value_dim: int) -> None:
    assert_same_as_reference(asked(hidden=hidden, value_dim=value_dim))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_the_references(dtype: torch.dtype) -> None:
    bias = leaf(draws(6, torch.float32)(3, 5).to(DEVICE, dtype))
    question = asked((2, 2), dtype=dtype, bias=bias, mask=allowed(5, 3, 5))
    found = answers(question)
    assert all(tensor is not None and tensor.dtype == dtype for tensor in found.values())
    assert_same_as_reference(question)


def test_a_float32_energy_weighs_half_precision() -> None:
    question = asked(dtype=torch.bfloat16)
    energy = leaf(question.leaves["energy"].float())
    question = question.having(score=partial(scores.tanh_energy, energy=energy))
    assert answers(question)["energy"].dtype == torch.float32
    assert_same_as_reference(question)


def test_context_under_autocast_is_what_autocast_would_make_it() -> None:
    found = []
    for kernel in (KERNEL, "reference"):
        with kernels.only(kernel), torch.autocast(DEVICE, torch.bfloat16):
            found.append(answers(asked(), kernel)["context"])
    assert found[0].dtype == found[1].dtype == torch.bfloat16
    torch.testing.assert_close(found[0], found[1], rtol=0.02, atol=0.02)


def test_shared_keys_and_values_broadcast() -> None:
    question = asked((2, 1))
    query = leaf(draws(7, torch.float32)(2, 3, 4, 3).to(DEVICE))
    assert_same_as_reference(question.having(query=query, mask=allowed(5, 2, 1, 4, 5)))


def test_what_is_not_contiguous_is_read_as_it_is() -> None:
    query, key, value = (
        leaf(draws(seed, torch.float32)(7, 2, 3).to(DEVICE)).transpose(0, 1) for seed in range(3)
    )
    energy = asked().leaves["energy"]
    mask = allowed(5, 2, 7, 7).mT
    found = []
    for kernel in (KERNEL, "reference"):
        with kernels.only(kernel):
            score = partial(scores.tanh_energy, energy=energy)
            found.append(regard.attention(query, key, value, score=score, mask=mask))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


def test_backward_takes_some_queries_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bias = leaf(draws(6, torch.float32)(70, 3).to(DEVICE))
    question = asked((2,), 70, 3, bias=bias, mask=allowed(5, 2, 70, 3))
    monkeypatch.setattr(tanh_energy_triton, "AT_ONCE", 1)
    assert_same_as_reference(question)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_many_tiles_are_the_references(dtype: torch.dtype) -> None:
    mask = torch.arange(700) < torch.tensor([700, 333]).view(2, 1, 1)
    question = asked((2,), 500, 700, hidden=130, value_dim=200, dtype=dtype, mask=mask)
    tolerance = 10 * TOLERANCE[dtype]  # sums of hundreds
    found, wanted = answers(question), answers(question, "reference")
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
