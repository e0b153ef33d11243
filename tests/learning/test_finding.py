"""Attention learns to look up, to find what is marked, to answer its last state, and to add."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard import masks, normalizers
from regard.interfaces import Normalizer
from regard.nn import (
    AdditiveScore,
    AttentionPooling,
    Entmax,
    LastStateAttention,
    MultiHeadAttention,
)

pytestmark = pytest.mark.learning

NUM_SYMBOLS, LONGEST, NUM_TEST, WIDTH = 8, 10, 500, 16


class Examples(NamedTuple):
    """Symbols, those asked for or marked told by `cues`, where they stand, and the answers."""

    symbols: Tensor
    cues: Tensor
    lengths: Tensor
    positions: Tensor
    answers: Tensor


def train(
    model: nn.Module,
    draw: Callable[[int, torch.Generator], Examples],
    loss: Callable[[Tensor, Tensor], Tensor],
    num_steps: int,
) -> Examples:
    """Train a model on new examples in every step; return others to test it with."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, num_steps)
    for _ in range(num_steps):
        batch = draw(64, generator)
        optimizer.zero_grad()
        loss(model(batch), batch.answers).backward()
        optimizer.step()
        schedule.step()
    return draw(NUM_TEST, torch.Generator().manual_seed(2))


def share_of(right: Tensor) -> float:
    return right.float().mean().item()


def dictionary(number: int, generator: torch.Generator) -> Examples:
    """Draw keys (`cues`) with values (`symbols`); the position of the one that is asked for."""
    keys = torch.rand(number, LONGEST, generator=generator).argsort(dim=1)
    values = torch.randint(NUM_SYMBOLS, (number, LONGEST), generator=generator)
    lengths = torch.randint(1, LONGEST + 1, (number,), generator=generator)
    asked = (torch.rand(number, generator=generator) * lengths).long().unsqueeze(1)
    return Examples(values, keys, lengths, asked, values.gather(1, asked).squeeze(1))


class Lookup(nn.Module):
    """Look the value of a key up among pairs of keys and values."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.keys = nn.Embedding(LONGEST, WIDTH)
        self.values = nn.Embedding(NUM_SYMBOLS, WIDTH)
        self.attention = MultiHeadAttention(WIDTH, 2, key_dim=2 * WIDTH, **options)
        self.output = nn.Linear(WIDTH, NUM_SYMBOLS)

    def ask(self, batch: Examples, attend: Callable[..., Tensor]) -> Tensor:
        pairs = torch.cat([self.keys(batch.cues), self.values(batch.symbols)], dim=-1)
        query = self.keys(batch.cues.gather(1, batch.positions))
        return attend(query, pairs, pairs, mask=masks.padding(batch.lengths, LONGEST))

    def forward(self, batch: Examples) -> Tensor:
        return self.output(self.ask(batch, self.attention)).squeeze(1)


HEADS: dict[str, Callable[[], dict[str, Any]]] = {
    "softmax": dict,
    "multi-query-entmax": lambda: {"num_kv_heads": 1, "normalizer": Entmax(2)},
    "additive": lambda: {"score": AdditiveScore(WIDTH // 2, WIDTH // 2, WIDTH)},
}


@pytest.mark.parametrize("heads", HEADS)
def test_heads_learn_to_look_up(heads: str) -> None:
    model = Lookup(**HEADS[heads]())
    test = train(model, dictionary, F.cross_entropy, 200)
    assert share_of(model(test).argmax(dim=-1) == test.answers) >= 0.95
    weights = model.ask(test, model.attention.weights).mean(dim=1)
    assert share_of(weights.argmax(dim=-1) == test.positions) >= 0.9


def marked(count: int) -> Callable[[int, torch.Generator], Examples]:
    """Draw symbols of which `count` are marked; the answer is their sum."""

    def draw(number: int, generator: torch.Generator) -> Examples:
        symbols = torch.randint(NUM_SYMBOLS, (number, LONGEST), generator=generator)
        lengths = torch.randint(count, LONGEST + 1, (number,), generator=generator)
        padding = torch.arange(LONGEST) >= lengths.unsqueeze(1)
        shuffled = (torch.rand(number, LONGEST, generator=generator) + padding).argsort(dim=1)
        positions = shuffled[:, :count].sort(dim=1).values
        marks = torch.zeros_like(symbols).scatter(1, positions, 1)
        marks[padding] = 1  # marks in the padding mean nothing
        return Examples(symbols, marks, lengths, positions, symbols.gather(1, positions).sum(1))

    return draw


class Pool(nn.Module):
    """Pool marked and unmarked symbols with a query that is learnt."""

    def __init__(self, normalizer: Normalizer, num_outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(2 * NUM_SYMBOLS, WIDTH)
        self.pooling = AttentionPooling(WIDTH, WIDTH, normalizer=normalizer)
        self.output = nn.Linear(WIDTH, num_outputs)

    def embed(self, batch: Examples) -> Tensor:
        return self.embedding(batch.symbols + NUM_SYMBOLS * batch.cues)

    def forward(self, batch: Examples) -> Tensor:
        return self.output(self.pooling(self.embed(batch), batch.lengths)).squeeze(-1)

    def looked(self, batch: Examples, count: int) -> Tensor:
        """Return the `count` positions that weigh most, in their order."""
        weights = self.pooling.weights(self.embed(batch), batch.lengths).squeeze(1)
        return weights.topk(count).indices.sort(dim=1).values


@pytest.mark.parametrize(
    "normalizer", [normalizers.softmax, normalizers.sparsemax, normalizers.entmax15]
)
def test_pooling_learns_to_find_what_is_marked(normalizer: Normalizer) -> None:
    model = Pool(normalizer, NUM_SYMBOLS)
    test = train(model, marked(1), F.cross_entropy, 400)
    assert share_of(model(test).argmax(dim=-1) == test.answers) >= 0.95
    assert share_of(model.looked(test, 1) == test.positions) >= 0.75


def test_pooling_learns_to_add_two_numbers() -> None:
    model = Pool(normalizers.softmax, 1)

    def loss(sums: Tensor, answers: Tensor) -> Tensor:
        return F.mse_loss(sums, answers / NUM_SYMBOLS)

    test = train(model, marked(2), loss, 1000)
    error = (NUM_SYMBOLS * model(test) - test.answers).abs()
    assert share_of(error < 0.5) >= 0.95
    assert share_of((model.looked(test, 2) == test.positions).all(dim=1)) >= 0.9


class Recall(nn.Module):
    """Put a key behind its dictionary, for the last state to find the value of."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.keys = nn.Embedding(LONGEST, WIDTH)
        self.values = nn.Embedding(NUM_SYMBOLS, WIDTH)
        self.attention = LastStateAttention(2 * WIDTH, WIDTH, **options)
        self.output = nn.Linear(WIDTH, NUM_SYMBOLS)

    def sequence(self, batch: Examples) -> Tensor:
        pairs = torch.cat([self.keys(batch.cues), self.values(batch.symbols)], dim=-1)
        key = self.keys(batch.cues.gather(1, batch.positions).squeeze(1))
        sequence = torch.cat([pairs, pairs[:, :1]], dim=1)
        rows = torch.arange(len(sequence))
        return sequence.index_put((rows, batch.lengths), torch.cat([key, 0 * key], dim=-1))

    def forward(self, batch: Examples) -> Tensor:
        return self.output(self.attention(self.sequence(batch), batch.lengths + 1))


LAST: dict[str, Callable[[], dict[str, Any]]] = {
    "bilinear-softmax": dict,
    "additive-softmax": lambda: {"score": AdditiveScore(2 * WIDTH, 2 * WIDTH, 2 * WIDTH)},
}


@pytest.mark.parametrize("last", LAST)
def test_last_state_learns_to_ask(last: str) -> None:
    model = Recall(**LAST[last]())
    test = train(model, dictionary, F.cross_entropy, 400)
    assert share_of(model(test).argmax(dim=-1) == test.answers) >= 0.95
    weights = model.attention.weights(model.sequence(test), test.lengths + 1)
    assert share_of(weights.argmax(dim=-1) == test.positions) >= 0.9
