"""A small language model learns what its text repeats, and looks back to where it stood."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard import record
from regard.decoding import greedy
from regard.decoding.constraints import Constrained
from regard.interfaces import BOS, EOS, Tokens
from regard.models import TransformerLanguageModel
from regard.nn import PreNorm, TransformerDecoder
from tests.drawing import sentences

pytestmark = pytest.mark.learning

NUM_SPECIAL, NUM_SYMBOLS, KEY_LEN = 4, 8, 5
MARK = NUM_SPECIAL + NUM_SYMBOLS  # between a key and its copy
VOCAB = MARK + 1
NUM_TEST = 200


def made() -> TransformerLanguageModel:
    width = 32
    decoder = TransformerDecoder.plain(
        width, num_layers=2, num_heads=2, feedforward_dim=64, has_source=False, norm=PreNorm
    )
    return TransformerLanguageModel(vocab=VOCAB, embed_dim=width, decoder=decoder, dropout=0.0)


def texts(ids: Tensor) -> Tokens:
    """Make texts of the rows, from `BOS` to `EOS`."""
    ended = F.pad(F.pad(ids, (1, 0), value=BOS), (0, 1), value=EOS)
    return Tokens(ended, torch.full((len(ids),), ended.shape[1]))


def periodic(number: int, generator: torch.Generator) -> Tensor:
    """Draw texts that go round three symbols, from any of them on."""
    first = torch.randint(3, (number, 1), generator=generator)
    return NUM_SPECIAL + (first + torch.arange(12)) % 3


def copied(number: int, generator: torch.Generator) -> Tensor:
    """Draw texts of a key, a mark, and the key again."""
    key = torch.randint(NUM_SPECIAL, MARK, (number, KEY_LEN), generator=generator)
    return torch.cat([key, torch.full((number, 1), MARK), key], dim=1)


def train(model: nn.Module, draw: Callable[[int, torch.Generator], Tensor], num_steps: int) -> None:
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, num_steps)
    for _ in range(num_steps):
        ids, lengths = texts(draw(64, generator))
        logits = model(Tokens(ids[:, :-1], lengths - 1))
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def continued(model: TransformerLanguageModel, ids: Tensor, num_given: int) -> Tensor:
    """Return what the model writes after the first tokens of each text, as long as the text is."""
    number, length = ids.shape
    prefix = Tokens(ids[:, :num_given], torch.full((number,), num_given))
    writer = Constrained(model.eval(), prefix=prefix, min_len=length)
    found = greedy(writer, sentences([0] * number), max_len=length)
    return torch.tensor([hypothesis.tokens for hypothesis in found])


def exact(model: TransformerLanguageModel, ids: Tensor, num_given: int) -> float:
    return (continued(model, ids, num_given) == ids).all(dim=1).float().mean().item()


def test_a_model_learns_to_go_round() -> None:
    model = made()
    train(model, periodic, 60)
    test = periodic(NUM_TEST, torch.Generator().manual_seed(2))
    assert exact(model, test, num_given=1) == 1.0


def test_a_model_learns_to_copy_a_key_and_looks_where_it_stood() -> None:
    model = made()
    test = copied(NUM_TEST, torch.Generator().manual_seed(2))
    assert exact(model, test, num_given=KEY_LEN + 1) <= 0.05
    train(model, copied, 200)
    assert exact(model, test, num_given=KEY_LEN + 1) >= 0.95
    with record(model) as seen, torch.no_grad():
        model(texts(test))
    # What stands at the mark, and behind it, tells the symbols of the key that is behind `BOS`.
    tells = torch.arange(KEY_LEN + 1, 2 * KEY_LEN + 1)
    told = torch.arange(1, KEY_LEN + 1)
    looks = [
        seen[layer].weights()[:, head, tells, told].mean().item()
        for layer in seen.layers
        for head in range(2)
    ]
    assert max(looks) >= 0.5
