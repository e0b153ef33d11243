"""How fast the recurrent translator is, against the formulation that tutorials teach.

    scripts/bench recurrent_translator
    scripts/bench recurrent_translator --run runs/words --folder multi30k/

A training step (forward, backward, Adam) of the 20,518,405-parameter model, ours and the
tutorials', on the same batch of 128 sentences with lengths like Multi30k's; with a run, greedy
decoding of the 1,000 test sentences too, in batches and one at a time. The two sides alternate;
medians are compared.
"""

import argparse
import random
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from regard.bench.measuring import medians
from regard.data.encoding import pad
from regard.data.named import load_named
from regard.interfaces import BOS, EOS, PAD, TranslationBatch
from regard.models import RecurrentTranslator
from regard.recipes.run import load_as
from regard.recipes.translate.system import TranslationSystem
from regard.training.translation import predictions

SOURCE_VOCAB, TARGET_VOCAB = 7853, 5893


class TaughtTranslator(nn.Module):
    """The same model as it is taught: keys and vocabulary projected anew at every step."""

    def __init__(self, embed_dim: int = 256, hidden_dim: int = 512, dropout: float = 0.5) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(SOURCE_VOCAB, embed_dim)
        self.target_embedding = nn.Embedding(TARGET_VOCAB, embed_dim)
        self.encoder = nn.GRU(embed_dim, hidden_dim, bidirectional=True)
        self.initial = nn.Linear(2 * hidden_dim, hidden_dim)
        self.attention = nn.Linear(3 * hidden_dim, hidden_dim)
        self.energy = nn.Linear(hidden_dim, 1, bias=False)
        self.decoder = nn.GRU(embed_dim + 2 * hidden_dim, hidden_dim)
        self.output = nn.Linear(embed_dim + 3 * hidden_dim, TARGET_VOCAB)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: TranslationBatch) -> Tensor:
        """Return the training loss."""
        source, target = batch.source.ids.T, batch.target.ids.T
        embedded = self.dropout(self.source_embedding(source))
        packed = pack_padded_sequence(embedded, batch.source.lengths, enforce_sorted=False)
        packed_states, final = self.encoder(packed)
        states = pad_packed_sequence(packed_states)[0].transpose(0, 1)
        state = torch.tanh(self.initial(torch.cat([final[-2], final[-1]], dim=1)))
        real = batch.source.ids != PAD
        logits = []
        for token in target[:-1]:
            embedded = self.dropout(self.target_embedding(token))
            repeated = state.unsqueeze(1).expand(-1, states.shape[1], -1)
            hidden = torch.tanh(self.attention(torch.cat([repeated, states], dim=2)))
            scores = self.energy(hidden).squeeze(2).masked_fill(~real, -1e10)
            context = torch.bmm(scores.softmax(dim=1).unsqueeze(1), states).squeeze(1)
            inputs = torch.cat([embedded, context], dim=1).unsqueeze(0)
            state = self.decoder(inputs, state.unsqueeze(0))[1].squeeze(0)
            logits.append(self.output(torch.cat([state, context, embedded], dim=1)))
        return F.cross_entropy(
            torch.stack(logits).flatten(0, 1).float(), target[1:].flatten(), ignore_index=PAD
        )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="decode with this run, too")
    parser.add_argument("--folder", type=Path, help="Multi30k, whose test sentences are decoded")
    parser.add_argument("--repeats", type=int, default=5, help="timed steps of each side")
    given = parser.parse_args()
    table = Table("what", "as taught (s)", "Regard (s)", "ratio", title="medians, alternating")
    for name, precisions in (
        ("training step, float32 against float32", (None, None)),
        ("training step, bfloat16 against float32", (None, torch.bfloat16)),
        ("training step, bfloat16 against bfloat16", (torch.bfloat16, torch.bfloat16)),
    ):
        _add(table, name, *medians(_training_steps(*precisions), repeats=given.repeats))
    if given.run is not None:
        one_by_one, batched = _decoders(given.run, given.folder)
        name = "greedy, the test sentences one by one | in batches"
        _add(table, name, *medians((one_by_one, batched), repeats=min(given.repeats, 3), warmup=0))
    Console().print(table)


def _training_steps(
    taught_precision: torch.dtype | None, our_precision: torch.dtype | None
) -> tuple[Callable[[], None], Callable[[], None]]:
    batch = _batch(128)
    taught = TaughtTranslator()
    ours = RecurrentTranslator(source_vocab=SOURCE_VOCAB, target_vocab=TARGET_VOCAB, dropout=0.5)
    sizes = [sum(part.numel() for part in model.parameters()) for model in (taught, ours)]
    if len(set(sizes)) > 1:
        raise ValueError(f"the two sides differ in parameters: {sizes}")

    def our_loss() -> Tensor:
        found, following = predictions(ours, batch)
        return F.cross_entropy(found.logits, following)

    return (
        _step(taught, lambda: taught(batch), taught_precision),
        _step(ours, our_loss, our_precision),
    )


def _step(
    model: nn.Module, loss: Callable[[], Tensor], precision: torch.dtype | None
) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        with torch.autocast("cpu", precision) if precision else nullcontext():
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _batch(num_sentences: int) -> TranslationBatch:
    """Make a batch whose lengths are spread like those of a random batch of Multi30k."""
    rng = random.Random(0)

    def tokens(vocab: int) -> list[int]:
        length = max(4, round(rng.lognormvariate(2.5, 0.3)))
        return [rng.randrange(4, vocab) for _ in range(length)]

    return TranslationBatch(
        pad([[*tokens(SOURCE_VOCAB), EOS] for _ in range(num_sentences)]),
        pad([[BOS, *tokens(TARGET_VOCAB), EOS] for _ in range(num_sentences)]),
    )


def _decoders(run: Path, folder: Path | None) -> tuple[Callable[[], None], Callable[[], None]]:
    system = load_as(TranslationSystem, run)
    test = load_named("multi30k", folder).test.pairs
    sentences = [[*system.source_tokenizer.encode(pair.source), EOS] for pair in test]

    def one_by_one() -> None:
        for sentence in sentences:
            system.decode([sentence])

    def batched() -> None:
        system.decode(sentences)

    return one_by_one, batched


def _add(table: Table, name: str, taught: float, ours: float) -> None:
    table.add_row(name, f"{taught:.3f}", f"{ours:.3f}", f"{taught / ours:.2f}x")


if __name__ == "__main__":
    main()
