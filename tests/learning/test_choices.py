"""Attention that reads one symbol learns which, though what is read has no gradient of its own.

It is judged as it decodes: there it reads the best symbol, and never softly.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch.nn import functional as F

from regard.interfaces import EOS, PAD, DecoderAttention, Tokens, TranslationBatch
from regard.models import RecurrentTranslator
from regard.nn import (
    Attention,
    BahdanauDecoder,
    BilinearScore,
    HardAttention,
    LuongDecoder,
    RecurrentLayers,
    StraightThroughGumbel,
)
from regard.training.reinforce import Reinforce
from regard.training.settings import TrainingSettings
from regard.training.translation import TranslationTraining
from tests.learning.symbols import LEARNING_RATE, VOCAB, Examples, Task, examples, judged

pytestmark = pytest.mark.learning

NUM_STEPS = 400


class Case(NamedTuple):
    """What is to be learnt with which attention, and how often it must look where it should."""

    task: Task
    make: Callable[[], DecoderAttention]
    decoder: type[BahdanauDecoder] | type[LuongDecoder] = LuongDecoder
    right: float = 0.85


def hard(soft_share: float) -> Callable[[], HardAttention]:
    return lambda: HardAttention(BilinearScore(32, 64), soft_share=soft_share)


def gumbel() -> Attention:
    return Attention(BilinearScore(32, 64), StraightThroughGumbel())


# Bahdanau's decoder looks before it knows the last symbol: it may as well read a neighbour.
ANYWHERE = 0.0
CASES = {
    "hard": Case("copy", hard(soft_share=0.0)),
    "hard-half-softly": Case("reverse", hard(soft_share=0.5)),
    "hard-bahdanau": Case("copy", hard(soft_share=0.5), BahdanauDecoder, ANYWHERE),
    "gumbel": Case("reverse", gumbel),
    "gumbel-bahdanau": Case("copy", gumbel, BahdanauDecoder, ANYWHERE),
}


def made(case: Case) -> RecurrentTranslator:
    return RecurrentTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=16,
        encoder=RecurrentLayers(16, 32, two_biases=True),
        decoder=case.decoder(case.make(), embed_dim=16, context_dim=64, hidden_dim=32),
    )


def batch_of(drawn: Examples) -> TranslationBatch:
    """Return sequences as a training takes them: targets end in `EOS`."""
    ids, lengths = drawn.target
    ended = F.pad(ids, (0, 1), value=PAD).scatter(1, lengths.unsqueeze(1), EOS)
    return TranslationBatch(drawn.source, Tokens(ended, lengths + 1))


def train(model: RecurrentTranslator, task: Task) -> None:
    """Train a model as a run does, where choices are rewarded."""
    training = TranslationTraining(
        model,
        TrainingSettings(label_smoothing=0.0),
        num_batches=NUM_STEPS,
        reinforce=Reinforce(VOCAB),
    )
    training.log = lambda *args, **options: None  # there is no trainer who would listen
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, NUM_STEPS)
    for step in range(NUM_STEPS):
        optimizer.zero_grad()
        training.training_step(batch_of(examples(task, 128, generator)), step).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize("name", CASES)
def test_what_reads_one_symbol_learns_which(name: str) -> None:
    case = CASES[name]
    model = made(case)
    train(model, case.task)
    exact, right = judged(model, case.task, num_steps=0)
    assert exact >= 0.95
    assert right >= case.right


def test_it_reads_one_symbol_alone_when_it_is_judged() -> None:
    for case in CASES.values():
        model = made(case).eval()
        state = model.start(examples(case.task, 5, torch.Generator().manual_seed(3)).source)
        _, state = model.step(state, torch.full((5,), EOS))
        weights, _ = model.alignment(state).sort(dim=-1, descending=True)
        assert torch.equal(weights, F.pad(torch.ones(5, 1), (0, weights.shape[1] - 1)))
