"""A small translator learns to copy and to reverse, and looks where it must."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from regard import normalizers
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
from tests.learning.symbols import VOCAB, Task, judged

pytestmark = pytest.mark.learning


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
    return judged(made(**options), task, num_steps)


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
        300,
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
