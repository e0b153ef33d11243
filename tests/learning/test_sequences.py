"""A small translator learns to copy and to reverse, and looks where it must."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from regard import normalizers
from regard.interfaces import BOS, EOS, PAD, Tokens
from regard.models import RecurrentTranslator
from regard.nn import (
    AdditiveScore,
    Attention,
    BahdanauDecoder,
    BilinearScore,
    ConcatScore,
    CosineScore,
    CoverageAttention,
    DotScore,
    LocalAttention,
    LocalMonotonicAttention,
    LuongDecoder,
    MarginalAttention,
    MonotonicAttention,
    RecurrentLayers,
)

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


def train(model: RecurrentTranslator, task: Task, num_steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
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
def say(model: RecurrentTranslator, source: Tokens) -> tuple[Tensor, Tensor]:
    """Return what the model says by itself, and where it looked most for each token."""
    state, token = model.start(source), torch.full((NUM_TEST,), BOS)
    said, looked = [], []
    for _ in range(LONGEST + 1):
        log_probs, state = model.step(state, token)
        token = log_probs.argmax(dim=-1)
        said.append(token)
        looked.append(model.alignment(state).argmax(dim=-1))
    return torch.stack(said, dim=1), torch.stack(looked, dim=1)


def made(
    attention: Any = None,
    *,
    decoder: type[BahdanauDecoder] | type[LuongDecoder] = BahdanauDecoder,
    hidden_dim: int = 32,
    encoder_dim: int = 32,
    cell: Literal["gru", "lstm"] = "gru",
) -> RecurrentTranslator:
    """Make a translator; its attention is additive if none is given."""
    return RecurrentTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=16,
        encoder=RecurrentLayers(16, encoder_dim, cell=cell, two_biases=True),
        decoder=decoder(
            attention or Attention(additive()),
            embed_dim=16,
            context_dim=2 * encoder_dim,
            hidden_dim=hidden_dim,
            cell=cell,
        ),
    )


def learnt(task: Task, num_steps: int, **options: Any) -> tuple[float, float]:
    """Train a model; return its exact matches, and how often it looked at the right symbol."""
    model = made(**options)
    train(model, task, num_steps)
    test = examples(task, NUM_TEST, torch.Generator().manual_seed(2))
    said, looked = say(model.eval(), test.source)
    exact = ((said == test.labels) | (test.labels == PAD)).all(dim=1).float().mean().item()
    from_source = test.origins >= 0
    right = (looked == test.origins)[from_source].float().mean().item()
    return exact, right


def additive() -> AdditiveScore:
    return AdditiveScore(32, 64, 32)


# Inner products need encoder and decoder to share one space, and so some more width and time.
SHARED: dict[str, Any] = {"hidden_dim": 48, "encoder_dim": 24}
REVERSING: dict[str, tuple[int, Callable[[], dict[str, Any]]]] = {
    "additive-softmax": (150, dict),
    "additive-sparsemax": (
        150,
        lambda: {"attention": Attention(additive(), normalizers.sparsemax)},
    ),
    "bilinear-softmax": (200, lambda: {"attention": Attention(BilinearScore(32, 64))}),
    "concat-entmax15": (
        150,
        lambda: {"attention": Attention(ConcatScore(32, 64, 32), normalizers.entmax15)},
    ),
    "luong": (
        150,
        lambda: {"attention": Attention(BilinearScore(32, 64)), "decoder": LuongDecoder},
    ),
    "marginal": (
        200,
        lambda: {"attention": MarginalAttention(BilinearScore(32, 64)), "decoder": LuongDecoder},
    ),
    "dot-softmax": (250, lambda: {"attention": Attention(DotScore()), **SHARED}),
    "cosine-softmax": (250, lambda: {"attention": Attention(CosineScore()), **SHARED}),
}


@pytest.mark.parametrize("name", REVERSING)
def test_translator_learns_to_reverse_and_looks_back(name: str) -> None:
    num_steps, options = REVERSING[name]
    exact, right = learnt("reverse", num_steps, **options())
    assert exact >= 0.95
    assert right >= 0.75


COPYING: dict[str, tuple[int, Callable[[], dict[str, Any]]]] = {
    "additive-softmax-lstm": (150, lambda: {"cell": "lstm"}),
    "bilinear-entmax15": (
        150,
        lambda: {"attention": Attention(BilinearScore(32, 64), normalizers.entmax15)},
    ),
    "coverage": (150, lambda: {"attention": CoverageAttention(32, 64, 32)}),
    "local_p": (150, lambda: {"attention": LocalAttention(additive(), 32, 32, half_width=3)}),
    # Trained by what is expected, it has to decide before it can decode.
    "monotonic": (400, lambda: {"attention": MonotonicAttention(additive())}),
    "chunkwise": (
        400,
        lambda: {"attention": MonotonicAttention(additive(), chunk_score=additive(), chunk_len=2)},
    ),
}


@pytest.mark.parametrize("name", COPYING)
def test_translator_learns_to_copy(name: str) -> None:
    num_steps, options = COPYING[name]
    exact, right = learnt("copy", num_steps, **options())
    assert exact >= 0.95
    assert right >= 0.75


def test_translator_learns_to_copy_within_a_window() -> None:
    attention = LocalMonotonicAttention(additive(), half_width=1)
    # Where it looks among three is no matter: the encoder's states know their neighbours.
    exact, _ = learnt("copy", 150, attention=attention)
    assert exact >= 0.95


def test_task_is_not_solved_by_chance() -> None:
    exact, right = learnt("reverse", 0)
    assert exact <= 0.05
    assert right <= 0.4
