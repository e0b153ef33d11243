"""Rows that read from the same memory read what each would read of a memory of its own."""

from typing import Any

import pytest
import torch
from torch import Tensor

from regard import masks, normalizers
from regard import nn as layers
from regard.interfaces import Memory
from regard.nn.sharing import SharedMemory
from tests.cases import WIDTH
from tests.drawing import draws

ATTENTION = {
    "additive": lambda: layers.Attention(layers.AdditiveScore(WIDTH, WIDTH, 5)),
    "sparse": lambda: layers.Attention(layers.DotScore(), normalizers.sparsemax),
    "location": lambda: layers.Attention(layers.LocationScore(WIDTH, 6)),
    "local_p": lambda: layers.LocalAttention(layers.BilinearScore(WIDTH, WIDTH), WIDTH, 3),
    "local_m": lambda: layers.LocalMonotonicAttention(layers.DotScore(), half_width=1),
    "coverage": lambda: layers.CoverageAttention(WIDTH, WIDTH, 5),
    "hard": lambda: layers.HardAttention(layers.BilinearScore(WIDTH, WIDTH)),
    "marginal": lambda: layers.MarginalAttention(layers.AdditiveScore(WIDTH, WIDTH, 5)),
    "monotonic": lambda: layers.MonotonicAttention(layers.AdditiveScore(WIDTH, WIDTH, 5)),
    "chunkwise": lambda: layers.MonotonicAttention(
        layers.AdditiveScore(WIDTH, WIDTH, 5),
        chunk_score=layers.BilinearScore(WIDTH, WIDTH),
        chunk_len=2,
    ),
}
ORDERS = [[0, 0, 0, 1, 2, 2], [2, 1, 0, 3, 5, 4], [5, 5, 1, 0], [1, 0, 0]]
"""In which rows go on after each step: all sources, in turn, and at last one of the three alone."""


def memory_of(attention: Any) -> Memory:
    text = draws()(3, 6, WIDTH)
    return attention.memory(text, text, masks.padding(torch.tensor([6, 2, 0]), 6))


def queries(number: int, seed: int) -> Tensor:
    return draws(seed)(number, 1, WIDTH)


@pytest.mark.parametrize("name", ATTENTION)
def test_rows_read_as_if_each_had_its_own_memory(name: str) -> None:
    torch.manual_seed(1)
    attention = ATTENTION[name]().double().eval()
    own = memory_of(attention)
    shared = SharedMemory.one_each(own)
    for seed, order in enumerate(ORDERS):
        index = torch.tensor(order)
        own, shared = own.rows(index), shared.reordered(index)
        query = queries(len(index), seed)
        torch.testing.assert_close(shared.weights(attention, query), attention.weights(query, own))
        if isinstance(attention, layers.MarginalAttention):
            torch.testing.assert_close(
                shared.alternatives(attention, query), attention.alternatives(query, own)
            )
        wanted, own = attention.read(query, own)
        found, shared = shared.read(attention, query)
        torch.testing.assert_close(found, wanted)
        if own.before is not None:
            torch.testing.assert_close(shared.memory.before, own.before)


@pytest.mark.parametrize("name", ATTENTION)
def test_keys_stay_where_they_are_while_half_of_the_sources_are_read(name: str) -> None:
    attention = ATTENTION[name]().double().eval()
    shared = SharedMemory.one_each(memory_of(attention))
    key = shared.memory.key
    for order in ORDERS[:-1]:
        index = torch.tensor(order)
        shared = shared.reordered(index)
        _, shared = shared.read(attention, queries(len(index), 0))
        assert shared.memory.key is key
    assert len(shared.reordered(torch.tensor(ORDERS[-1])).memory.key) == 1
