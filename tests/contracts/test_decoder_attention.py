"""Attention that remembers what earlier queries have read: its definition, step by step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from regard import masks, monotonic, scores
from regard import nn as layers
from regard.functional.scores import inner_product
from regard.interfaces import DecoderAttention, Memory
from regard.kernels import local
from regard.kernels.dispatch import attend
from regard.kernels.local import around, reading
from tests.drawing import draws

LENGTHS = torch.tensor([9, 4, 0])
KEYS, QUERIES = 9, 5


def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return queries, keys, values and which keys are there."""
    mask = masks.padding(LENGTHS, KEYS)
    return draws(1)(3, QUERIES, 4), draws(2)(3, KEYS, 6), draws(3)(3, KEYS, 5), mask


def read_in_turn(layer: Any, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Memory]:
    """Return contexts and weights of one query after the other, and what they leave behind."""
    contexts, weights = [], []
    for each in query.split(1, dim=1):
        weights.append(layer.weights(each, memory))
        context, memory = layer.read(each, memory)
        contexts.append(context)
    return torch.cat(contexts, dim=1), torch.cat(weights, dim=1), memory


def assert_equal(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-7)


MAKERS: dict[str, Callable[[], Any]] = {
    "global": lambda: layers.Attention(layers.AdditiveScore(4, 6, 5)),
    "local_p": lambda: layers.LocalAttention(layers.BilinearScore(4, 6), 4, 3, half_width=2),
    "local_m": lambda: layers.LocalMonotonicAttention(layers.BilinearScore(4, 6), half_width=1),
    "coverage": lambda: layers.CoverageAttention(4, 6, 5),
    "monotonic": lambda: layers.MonotonicAttention(layers.AdditiveScore(4, 6, 5), offset=0.0),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_weights_are_those_of_the_context(name: str, training: bool) -> None:
    layer = MAKERS[name]().double().train(training)
    layer.noise = 0.0  # what has none does not look
    assert isinstance(layer, DecoderAttention)
    query, key, value, mask = inputs()
    contexts, weights, _ = read_in_turn(layer, query, layer.memory(key, value, mask))
    assert_equal(contexts.double(), weights.double() @ value)
    assert weights.masked_select(~mask.expand_as(weights)).abs().sum().item() == 0


def test_what_needs_no_memory_of_queries_hands_on_the_same() -> None:
    layer = MAKERS["global"]().double()
    query, key, value, mask = inputs()
    memory = layer.memory(key, value, mask)
    context, after = layer.read(query, memory)
    assert after is memory
    assert_equal(context, layer(query, memory))


def test_coverage_adds_up_what_was_looked_at() -> None:
    layer = layers.CoverageAttention(4, 6, 5).double()
    query, key, value, mask = inputs()
    _, weights, memory = read_in_turn(layer, query, layer.memory(key, value, mask))
    covered = torch.zeros(3, KEYS, dtype=torch.float64)
    projected = layer.score.project_key(key)
    for step, each in enumerate(query.unbind(1)):
        hidden = layer.score.project_query(each).unsqueeze(1) + projected
        energy = torch.tanh(hidden + covered.unsqueeze(-1) * layer.of_coverage) @ layer.score.energy
        wanted = energy.masked_fill(~mask[:, 0], -torch.inf).softmax(-1).nan_to_num(0)
        assert_equal(weights[:, step], wanted)
        covered = covered + wanted
    assert_equal(memory.before.double(), covered)


def test_local_m_reads_around_one_key_after_the_other() -> None:
    layer = layers.LocalMonotonicAttention(layers.BilinearScore(4, 6), half_width=1).double()
    query, key, value, mask = inputs()
    memory = layer.memory(key, value, mask)
    contexts, _, after = read_in_turn(layer, query, memory)
    score = partial(scores.bilinear, weight=layer.score.weight)
    centre = torch.arange(QUERIES)
    wanted = local.attention(query, key, value, centre, half_width=1, score=score, mask=mask)
    assert_equal(contexts, wanted)
    assert after.before.tolist() == [QUERIES] * 3
    at_once, then = layer.read(query, memory)
    assert_equal(at_once, wanted)
    assert then.before.tolist() == [QUERIES] * 3


def chunks_of(chunk_len: int) -> layers.MonotonicAttention:
    torch.manual_seed(2)
    return layers.MonotonicAttention(
        layers.BilinearScore(4, 6),
        chunk_score=layers.BilinearScore(4, 6) if chunk_len > 1 else None,
        chunk_len=chunk_len,
        offset=0.0,
        noise=0.0,
    ).double()


def energies_of(layer: layers.MonotonicAttention, query: Tensor, key: Tensor) -> Tensor:
    return layer.score(query, key).float() + layer.offset


@pytest.mark.parametrize("chunk_len", [1, 3])
def test_scan_is_trained_by_what_is_expected_of_it(chunk_len: int) -> None:
    layer = chunks_of(chunk_len)
    query, key, value, mask = inputs()
    _, weights, memory = read_in_turn(layer, query, layer.memory(key, value, mask))
    alignment = monotonic.start(KEYS)
    for step, energies in enumerate(energies_of(layer, query, key).unbind(1)):
        alignment = monotonic.expected(energies.sigmoid(), alignment, mask[:, 0])
        wanted = alignment
        if layer.chunk_score is not None:
            within = layer.chunk_score(query, key)[:, step]
            wanted = monotonic.chunkwise(alignment, within, chunk_len=chunk_len, mask=mask[:, 0])
        assert_equal(weights[:, step].float(), wanted.float())
    assert_equal(memory.before.float(), alignment.float())


@pytest.mark.parametrize("chunk_len", [1, 3])
def test_scan_stops_where_it_is_defined_to(chunk_len: int) -> None:
    layer = chunks_of(chunk_len).eval()
    query, key, value, mask = inputs()
    _, weights, memory = read_in_turn(layer, query, layer.memory(key, value, mask))
    position = torch.zeros(3, dtype=torch.long)
    stopped = 0
    for step, energies in enumerate(energies_of(layer, query, key).unbind(1)):
        position = monotonic.hard(energies, position, mask[:, 0])
        within = torch.zeros(3, KEYS)
        if layer.chunk_score is not None:
            within = layer.chunk_score(query, key)[:, step]
        wanted = monotonic.hard_chunkwise(position, within, chunk_len=chunk_len, mask=mask[:, 0])
        assert_equal(weights[:, step].float(), wanted.float())
        stopped += int((wanted.sum(-1) > 0).sum())
    assert stopped > 4  # of ten readings that could
    assert memory.before.tolist() == position.tolist()


def test_noise_is_of_training_alone() -> None:
    layer = layers.MonotonicAttention(layers.AdditiveScore(4, 6, 5)).double()
    query, key, value, mask = inputs()
    memory = layer.memory(key, value, mask)
    first, second = (layer.read(query[:, :1], memory)[0] for _ in range(2))
    assert not torch.allclose(first, second, atol=1e-4)
    assert_equal(layer.weights(query[:, :1], memory), layer.weights(query[:, :1], memory))
    memory = layer.eval().memory(key, value, mask)
    first, second = (layer.read(query[:, :1], memory)[0] for _ in range(2))
    assert_equal(first, second)


class Counting(layers.DotScore):
    """Count the keys that are looked at."""

    looked_at = 0

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        def compare(query: Tensor, key: Tensor) -> Tensor:
            self.looked_at += key.shape[:-1].numel()
            return inner_product(query, key)

        return compare


@pytest.mark.parametrize("key_len", [50, 5000])
def test_a_step_looks_at_no_more_keys_however_long_the_source(key_len: int) -> None:
    score, chunk_score = Counting(), Counting()
    layer = layers.MonotonicAttention(score, chunk_score=chunk_score, chunk_len=4).eval()
    key = torch.ones(2, key_len, 3)
    memory = layer.memory(key, key)
    for _ in range(3):
        _, memory = layer.read(torch.ones(2, 1, 3), memory)
    assert score.looked_at <= 3 * 2 * 16
    assert chunk_score.looked_at == 3 * 2 * 4


@pytest.mark.parametrize("name", ["local_m", "local_p"])
def test_where_a_step_looks_is_told_from_the_keys_within_reach(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def noted(call: Any) -> Tensor:
        seen.append(call.key.shape[-2])
        return attend(call)

    for module in (around, reading):
        monkeypatch.setattr(module, "attend", noted)
    monkeypatch.setattr(reading, "weigh", noted)
    layer = MAKERS[name]().double()
    key, query = draws()(2, 5000, 6), draws(1)(2, 1, 4)
    memory = layer.memory(key, key)
    context, _ = layer.read(query, memory)
    weights = layer.weights(query, memory)
    assert seen == [2 * layer.half_width + 1] * 2
    assert_equal(weights @ key, context)


def test_what_depends_on_earlier_queries_takes_one_at_a_time() -> None:
    query, key, value, mask = inputs()
    for name in ("coverage", "monotonic"):
        layer = MAKERS[name]().double()
        with pytest.raises(ValueError, match="queries read one after the other here; got 5 at onc"):
            layer.read(query, layer.memory(key, value, mask))
    for name in ("local_m", "coverage", "monotonic"):
        layer = MAKERS[name]().double()
        other = layers.Attention(layers.DotScore()).memory(key, value, mask)
        with pytest.raises(ValueError, match="from a memory that its own method memory has made"):
            layer.read(query[:, :1], other)


def test_a_memory_is_read_in_the_mode_it_was_made_in() -> None:
    query, key, value, mask = inputs()
    layer = MAKERS["monotonic"]().double()
    for training in (True, False):
        memory = layer.train(training).memory(key, value, mask)
        layer.train(not training)
        with pytest.raises(ValueError, match="made in training cannot be read otherwise"):
            layer.read(query[:, :1], memory)


def test_chunks_have_a_score() -> None:
    score = layers.DotScore()
    with pytest.raises(ValueError, match="chunk_len counts keys, 1 or more; got 0"):
        layers.MonotonicAttention(score, chunk_len=0)
    with pytest.raises(ValueError, match="chunk_score is of a chunk_len above 1, and needed there"):
        layers.MonotonicAttention(score, chunk_len=2)
    with pytest.raises(ValueError, match="chunk_score is of a chunk_len above 1"):
        layers.MonotonicAttention(score, chunk_score=score)
    with pytest.raises(ValueError, match="a scan looks at some keys alone; a location score"):
        layers.MonotonicAttention(layers.LocationScore(3, 4))
    with pytest.raises(ValueError, match="half_width counts keys on either side"):
        layers.LocalMonotonicAttention(score, half_width=0)
