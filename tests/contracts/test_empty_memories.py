"""The memory of no positions is what projecting them would give, which not every engine can."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from regard import nn as layers
from regard import rotary
from tests.drawing import draws

ATTENTIONS: dict[str, Callable[[], layers.CachedMultiHeadAttention]] = {
    "plain": lambda: layers.CachedMultiHeadAttention(8, 4),
    "shared_keys": lambda: layers.CachedMultiHeadAttention(8, 4, num_kv_heads=1),
    "grouped_keys": lambda: layers.CachedMultiHeadAttention(8, 4, num_kv_heads=2),
    "rotary": lambda: layers.CachedMultiHeadAttention(8, 4, rotate=rotary.rotary),
    "branched": lambda: layers.BranchedAttention(8, 4, feedforward_dim=8),
    "widths": lambda: layers.CachedMultiHeadAttention(8, 4, key_dim=6),
}


@pytest.mark.parametrize("autocast", [False, True], ids=["", "autocast"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ATTENTIONS)
def test_nothing_is_what_projecting_it_gives(name: str, dtype: torch.dtype, autocast: bool) -> None:
    attention: Any = ATTENTIONS[name]().to(dtype)
    empty = draws(dtype=dtype)(3, 0, attention.key.in_features)
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        nothing, wanted = attention.nothing(empty), attention.memory(empty, empty)
    for found, expected in zip(nothing[:2], wanted[:2], strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert nothing.mask is nothing.before is None
