"""How fast the Transformer is: trained, against PyTorch's own; decoded, against the usual loop.

    scripts/bench transformer_translator
    scripts/bench transformer_translator --run runs/transformer --folder multi30k/

Training: target tokens a second over batches with lengths like Multi30k's, ours in batches of
similar length, and torch.nn.Transformer of the same sizes in the usual loop: random batches of 128
sentences, padded, in float32, logits for padding too. Decoding: sentences with a beam of 4, ours;
the same search over a decoder without caches, which reads all that it has written at every step;
and CTranslate2 with the same weights, all in float32; fresh weights, which know no end, write 16
tokens each. The sides alternate; medians are compared.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, cast

import torch
from ctranslate2 import Translator as Engine
from jaxtyping import Float, Int
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from regard.bench.measuring import medians
from regard.data.batching import BatchSampler, by_tokens
from regard.data.encoding import collate
from regard.data.named import load_named
from regard.data.tokenizers import Tokenizer
from regard.decoding import Beam
from regard.decoding.lengths import longest_hypothesis
from regard.exporting import Vocabularies, write_ctranslate2
from regard.interfaces import BOS, EOS, PAD, Tokens, TranslationBatch
from regard.models import TransformerTranslator
from regard.nn.transformer import TransformerDecoder, TransformerEncoder
from regard.recipes.run import load_as
from regard.recipes.translate.system import TranslationSystem
from regard.training.translation import predictions

VOCAB, WIDTH, HEADS, HIDDEN, LAYERS = 5_000, 256, 8, 1_024, 3
UNTAUGHT_LEN = 16
"""Tokens that fresh weights write, which know no end."""

AT_ONCE = 64
"""Sentences that the engine decodes together; more were no faster on two cores."""

Pair = tuple[list[int], list[int]]


class UsualTransformer(nn.Module):
    """PyTorch's Transformer as it is taught."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.source_embedding = nn.Embedding(VOCAB, WIDTH)
        self.target_embedding = nn.Embedding(VOCAB, WIDTH)
        self.positions = nn.Embedding(200, WIDTH)
        sizes = {"num_encoder_layers": LAYERS, "num_decoder_layers": LAYERS}
        self.transformer = nn.Transformer(
            WIDTH, HEADS, dim_feedforward=HIDDEN, dropout=dropout, batch_first=True, **sizes
        )
        self.output = nn.Linear(WIDTH, VOCAB)
        self.output.weight = self.target_embedding.weight
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: TranslationBatch) -> Tensor:
        """Return the training loss."""
        source, target, following = (
            batch.source.ids,
            batch.target.ids[:, :-1],
            batch.target.ids[:, 1:],
        )
        embedded = [
            self.dropout(embedding(ids) * WIDTH**0.5 + self.positions.weight[: ids.shape[1]])
            for embedding, ids in (
                (self.source_embedding, source),
                (self.target_embedding, target),
            )
        ]
        length = target.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).triu(1)  # what may not be seen
        decoded = self.transformer(
            *embedded,
            tgt_mask=causal,
            src_key_padding_mask=source == PAD,
            tgt_key_padding_mask=target == PAD,
            memory_key_padding_mask=source == PAD,
            tgt_is_causal=True,
        )
        logits = self.output(decoded)
        return F.cross_entropy(
            logits.flatten(0, 1), following.flatten(), ignore_index=PAD, label_smoothing=0.1
        )


class _Written(NamedTuple):
    source: Tokens
    tokens: Int[Tensor, "rows written"]
    looked: Float[Tensor, "rows source"]


class Cacheless(nn.Module):
    """A decoder that reads source and all that it has written anew at every step."""

    def __init__(self, model: TransformerTranslator) -> None:
        super().__init__()
        self.model = model

    def start(self, source: Tokens) -> _Written:
        nothing = source.ids[:, :0]
        return _Written(source, nothing, torch.zeros(source.ids.shape))

    def step(self, state: _Written, token: Tensor) -> tuple[Tensor, _Written]:
        tokens = torch.cat([state.tokens, token.unsqueeze(1)], dim=1)
        lengths = torch.full((len(tokens),), tokens.shape[1])
        logits = self.model(state.source, Tokens(tokens, lengths))[:, -1]
        return logits.log_softmax(dim=-1), state._replace(tokens=tokens)

    def reorder(self, state: _Written, index: Tensor) -> _Written:
        source = Tokens(state.source.ids[index], state.source.lengths[index])
        return _Written(source, state.tokens[index], state.looked[index])

    def alignment(self, state: _Written) -> Tensor:
        return state.looked


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="decode with this run instead of fresh weights")
    parser.add_argument("--folder", type=Path, help="Multi30k, whose test sentences are decoded")
    parser.add_argument("--repeats", type=int, default=3, help="timed rounds of each side")
    given = parser.parse_args()
    console = Console()
    console.print(_training(given.repeats))
    system, sentences = _decoding(given.run, given.folder)
    max_len = longest_hypothesis(max(map(len, sentences))) if given.run else UNTAUGHT_LEN
    search = Beam(beam_size=4, max_len=max_len)
    console.print(_decoded(system, sentences, search, given.repeats))


def _training(repeats: int) -> Table:
    pairs = _pairs(2_000)
    num_tokens = sum(len(target) - 1 for _, target in pairs)
    usual, ours = UsualTransformer(0.1), _fresh()
    shuffled = random.Random(1).sample(pairs, len(pairs))
    fixed = [collate(shuffled[first : first + 128]) for first in range(0, len(pairs), 128)]
    longest = [max(map(len, pair)) for pair in pairs]
    sampler = BatchSampler(len(pairs), by_tokens(longest, max_tokens=4_000), seed=1)
    similar = [collate([pairs[index] for index in batch]) for batch in sampler.batches()]

    def our_loss(batch: TranslationBatch) -> Tensor:
        found, following = predictions(ours, batch)
        return F.cross_entropy(found.logits, following, label_smoothing=0.1)

    sides = {
        "torch.nn.Transformer, float32": _epoch(usual, usual, fixed, None),
        "Regard, float32": _epoch(ours, our_loss, similar, None),
        "Regard, bfloat16": _epoch(ours, our_loss, similar, torch.bfloat16),
    }
    seconds = medians(list(sides.values()), repeats=repeats)
    table = Table("training", "target tokens a second", "ratio", title="medians, alternating")
    for name, took in zip(sides, seconds, strict=True):
        table.add_row(name, f"{num_tokens / took:,.0f}", f"{seconds[0] / took:.2f}x")
    return table


def _epoch(
    model: nn.Module,
    loss: Callable[[TranslationBatch], Tensor],
    batches: Sequence[TranslationBatch],
    precision: torch.dtype | None,
) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def epoch() -> None:
        for batch in batches:
            with torch.autocast("cpu", precision) if precision else nullcontext():
                value = loss(batch)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    return epoch


def _fresh() -> TransformerTranslator:
    sizes = {"num_layers": LAYERS, "num_heads": HEADS, "feedforward_dim": HIDDEN}
    return TransformerTranslator(
        source_vocab=VOCAB,
        target_vocab=VOCAB,
        embed_dim=WIDTH,
        encoder=TransformerEncoder.plain(WIDTH, **sizes),
        decoder=TransformerDecoder.plain(WIDTH, **sizes),
        tied=True,
    )


def _pairs(number: int) -> list[Pair]:
    """Make pairs whose lengths are spread like those of Multi30k in sub-words."""
    rng = random.Random(0)

    def tokens() -> list[int]:
        return [rng.randrange(4, VOCAB) for _ in range(max(4, round(rng.lognormvariate(2.6, 0.3))))]

    return [([*tokens(), EOS], [BOS, *tokens(), EOS]) for _ in range(number)]


def _decoding(run: Path | None, folder: Path | None) -> tuple[TranslationSystem, list[list[int]]]:
    if run is not None:
        system = load_as(TranslationSystem, run)
        if not isinstance(system.model, TransformerTranslator):
            raise SystemExit(f"{run} holds no Transformer that translates")
        test = load_named("multi30k", folder).test.pairs
        return system, [[*system.source_tokenizer.encode(pair.source), EOS] for pair in test]
    empty = Tokenizer.characters(["-"])
    return TranslationSystem(_fresh().eval(), empty, empty), [source for source, _ in _pairs(1_000)]


def _decoded(
    system: TranslationSystem, sentences: list[list[int]], search: Beam, repeats: int
) -> Table:
    model = cast(TransformerTranslator, system.model)
    usual = TranslationSystem(Cacheless(model), system.source_tokenizer, system.target_tokenizer)
    vocab = max(model.source_embedding.num_embeddings, model.output.out_features)
    names = [f"{id_}" for id_ in range(vocab)]
    vocabularies = Vocabularies(
        names[: model.source_embedding.num_embeddings], names[: model.output.out_features]
    )
    sources = [[names[id_] for id_ in sentence[:-1]] for sentence in sentences]
    with tempfile.TemporaryDirectory() as folder:
        write_ctranslate2(model, vocabularies, Path(folder), max_len=max(map(len, sentences)))
        engine = Engine(folder, device="cpu", intra_threads=torch.get_num_threads())

        def decode_by_engine() -> None:
            engine.translate_batch(
                sources,
                beam_size=search.beam_size,
                length_penalty=search.length_penalty,
                max_decoding_length=search.max_len,
                max_batch_size=AT_ONCE,
                suppress_sequences=[[names[PAD]], [names[BOS]]],
            )

        sides: dict[str, Callable[[], object]] = {
            "Regard": lambda: system.decode(sentences, search),
            "without caches": lambda: usual.decode(sentences, search),
            "CTranslate2": decode_by_engine,
        }
        seconds = medians(list(sides.values()), repeats=repeats)
    title = f"{len(sentences):,} sentences, a beam of {search.beam_size}, float32"
    table = Table(title, "seconds", "Regard is faster by", title="medians, alternating")
    for name, took in zip(sides, seconds, strict=True):
        table.add_row(name, f"{took:.2f}", f"{took / seconds[0]:.2f}x")
    return table


if __name__ == "__main__":
    main()
