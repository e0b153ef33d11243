"""Sequences of symbols to be copied or reversed, by which translators are taught and judged."""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.interfaces import BOS, EOS, PAD, Tokens

Task = Literal["copy", "reverse"]

NUM_SPECIAL, NUM_SYMBOLS = 4, 8
VOCAB = NUM_SPECIAL + NUM_SYMBOLS
SHORTEST, LONGEST = 3, 8
NUM_TEST = 400
LEARNING_RATE = 1e-2


class Examples(NamedTuple):
    """Sequences of symbols, what is fed to the decoder, and what it has to say."""

    source: Tokens
    target: Tokens
    labels: Tensor
    origins: Tensor
    """The source position that each label, `EOS` excepted, comes from; -1 elsewhere."""


def examples(task: Task, number: int, generator: torch.Generator) -> Examples:
    lengths = torch.randint(SHORTEST, LONGEST + 1, (number,), generator=generator)
    symbols = torch.randint(NUM_SPECIAL, VOCAB, (number, LONGEST), generator=generator)
    positions = torch.arange(LONGEST).expand(number, LONGEST)
    real = positions < lengths.unsqueeze(1)
    origins = positions if task == "copy" else lengths.unsqueeze(1) - 1 - positions
    said = symbols.gather(1, origins.clamp(min=0)).masked_fill(~real, PAD)
    target = F.pad(said, (1, 0), value=BOS)
    labels = F.pad(said, (0, 1), value=PAD).scatter(1, lengths.unsqueeze(1), EOS)
    return Examples(
        Tokens(symbols.masked_fill(~real, PAD), lengths),
        Tokens(target, lengths + 1),
        labels,
        F.pad(origins.masked_fill(~real, -1), (0, 1), value=-1),
    )


def train(model: Any, task: Task, num_steps: int, learning_rate: float) -> None:
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, num_steps)
    for _ in range(num_steps):
        batch = examples(task, 128, generator)
        logits = model(batch.source, batch.target)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@torch.no_grad()
def say(model: Any, source: Tokens) -> tuple[Tensor, Tensor]:
    """Return what the model says by itself, and where it looked most for each token."""
    state, token = model.start(source), torch.full((NUM_TEST,), BOS)
    said, looked = [], []
    for _ in range(LONGEST + 1):
        log_probs, state = model.step(state, token)
        token = log_probs.argmax(dim=-1)
        said.append(token)
        looked.append(model.alignment(state).argmax(dim=-1))
    return torch.stack(said, dim=1), torch.stack(looked, dim=1)


def judged(
    model: Any, task: Task, num_steps: int, learning_rate: float = LEARNING_RATE
) -> tuple[float, float]:
    """Train a model; return its exact matches, and how often it looked at the right symbol."""
    train(model, task, num_steps, learning_rate)
    test = examples(task, NUM_TEST, torch.Generator().manual_seed(2))
    said, looked = say(model.eval(), test.source)
    exact = ((said == test.labels) | (test.labels == PAD)).all(dim=1).float().mean().item()
    from_source = test.origins >= 0
    right = (looked == test.origins)[from_source].float().mean().item()
    return exact, right
