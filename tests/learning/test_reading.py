"""A recurrent reader learns where to look: at two numbers, at the largest, at what is asked for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard import normalizers
from regard.interfaces import Normalizer, Tokens
from regard.models import ConvolutionalClassifier
from regard.nn import AdditiveScore, Attention, RecurrentLayers

pytestmark = pytest.mark.learning


class Numbers(NamedTuple):
    """Numbers, of which some are told by a mark just before them; where they stand, the answers."""

    inputs: Tensor
    looked_for: Tensor
    answers: Tensor


def two_to_add(number: int, generator: torch.Generator) -> Numbers:
    """Draw 20 places, of which two are delimiters; the answer is the mean of what follows them."""
    values = torch.rand(number, 20, generator=generator)
    # One in either half, so that no delimiter follows another.
    first = torch.randint(0, 9, (number, 1), generator=generator)
    delimiters = torch.cat([first, torch.randint(10, 19, (number, 1), generator=generator)], dim=1)
    values = values.scatter(1, delimiters, 0.0)
    marks = torch.zeros_like(values).scatter(1, delimiters, 1.0)
    looked_for = torch.zeros_like(values).scatter(1, delimiters + 1, 1.0)
    answers = values.gather(1, delimiters + 1).mean(dim=1)
    return Numbers(torch.stack([values, marks], dim=-1), looked_for, answers)


def largest_to_find(number: int, generator: torch.Generator) -> Numbers:
    """Draw 10 numbers whose maximum, the answer, is uniform between 0 and 1."""
    values = torch.rand(number, 10, generator=generator) ** 10
    answers, positions = values.max(dim=1, keepdim=True)
    looked_for = torch.zeros_like(values).scatter(1, positions, 1.0)
    return Numbers(torch.stack([values, 0 * values], dim=-1), looked_for, answers.squeeze(1))


class Reader(nn.Module):
    """Read numbers in both directions, and let what has been read ask for some of them."""

    def __init__(self, normalizer: Normalizer) -> None:
        super().__init__()
        self.encoder = RecurrentLayers(2, 16)
        self.attention = Attention(AdditiveScore(32, 32, 32), normalizer)

    def ask(self, inputs: Tensor, attend: Callable[..., Tensor]) -> Tensor:
        lengths = torch.full((len(inputs),), inputs.shape[1])
        states, final = self.encoder(inputs, lengths)
        memory = self.attention.memory(states, inputs[..., :1])
        return attend(final.unsqueeze(1), memory).flatten(1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.ask(inputs, self.attention).squeeze(1)


class Task(NamedTuple):
    """What is drawn, how it is weighed, and how much of the weight must be right after learning."""

    draw: Callable[[int, torch.Generator], Numbers]
    normalizer: Normalizer
    mass: float
    rate: float


def learn(
    model: nn.Module, loss: Callable[[torch.Generator], Tensor], num_steps: int, rate: float
) -> None:
    """Minimise a loss of new examples in every step."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, num_steps)
    for _ in range(num_steps):
        optimizer.zero_grad()
        loss(generator).backward()
        optimizer.step()
        schedule.step()


# The largest of numbers near 0 cannot be told from the others, nor need it be.
TASKS = {
    "add two numbers": Task(two_to_add, normalizers.softmax, mass=0.9, rate=1e-2),
    "add two numbers sparsely": Task(two_to_add, normalizers.entmax15, mass=0.9, rate=1e-2),
    "find the maximum": Task(largest_to_find, normalizers.softmax, mass=0.8, rate=2e-2),
    "find the maximum sparsely": Task(largest_to_find, normalizers.sparsemax, mass=0.8, rate=2e-2),
}


@pytest.mark.parametrize("name", TASKS)
def test_reader_learns_which_numbers_matter(name: str) -> None:
    task = TASKS[name]
    model = Reader(task.normalizer)

    def loss(generator: torch.Generator) -> Tensor:
        batch = task.draw(64, generator)
        return F.mse_loss(model(batch.inputs), batch.answers)

    learn(model, loss, 300, task.rate)
    test = task.draw(1000, torch.Generator().manual_seed(2))
    with torch.no_grad():
        error = (model(test.inputs) - test.answers).abs().mean().item()
        weights = model.ask(test.inputs, model.attention.weights)
    assert error <= 0.03
    assert (weights * test.looked_for).sum(dim=1).mean().item() >= task.mass


NUM_KEYS, NUM_VALUES = 5, 4
FIRST_KEY, FIRST_VALUE = 4, 4 + NUM_KEYS


class Asked(NamedTuple):
    """A key, then pairs of keys and values; where the key's pair stands, and its value."""

    text: Tokens
    positions: Tensor
    values: Tensor


def pairs(number: int, generator: torch.Generator) -> Asked:
    keys = torch.rand(number, NUM_KEYS, generator=generator).argsort(dim=1)
    values = torch.randint(NUM_VALUES, (number, NUM_KEYS), generator=generator)
    asked = torch.randint(NUM_KEYS, (number, 1), generator=generator)
    body = torch.stack([FIRST_KEY + keys, FIRST_VALUE + values], dim=-1).flatten(1)
    ids = torch.cat([FIRST_KEY + keys.gather(1, asked), body], dim=1)
    lengths = torch.full((number,), ids.shape[1])
    return Asked(Tokens(ids, lengths), 1 + 2 * asked.squeeze(1), values.gather(1, asked).squeeze(1))


def classifier(pooling: Any) -> ConvolutionalClassifier:
    return ConvolutionalClassifier(
        vocab=FIRST_VALUE + NUM_VALUES,
        num_outputs=NUM_VALUES,
        embed_dim=16,
        widths=[2],
        channels=64,
        pooling=pooling,
        attention_dim=16,
        dropout=0.0,
    )


def test_sentence_vector_asks_convolutions() -> None:
    model = classifier("lstm_query")

    def loss(generator: torch.Generator) -> Tensor:
        batch = pairs(64, generator)
        return F.cross_entropy(model(batch.text), batch.values)

    learn(model, loss, 600, 2e-2)
    test = pairs(500, torch.Generator().manual_seed(2))
    with torch.no_grad():
        right = (model(test.text).argmax(dim=1) == test.values).float().mean().item()
        weights = model.weights(test.text)
    assert right >= 0.95
    assert (weights.argmax(dim=1) == test.positions).float().mean().item() >= 0.9
