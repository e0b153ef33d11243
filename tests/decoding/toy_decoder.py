"""A `StepDecoder` that looks its log-probabilities up, and slow searches that need no tensor."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from regard.interfaces import BOS, EOS, PAD, UNK, Tokens

VOCAB = 7
WRITABLE = (UNK, EOS, 4, 5, 6)
NUM_TABLE_ROWS = 997

Text = tuple[int, ...]
Rule = Callable[[Text, Text], Sequence[float]]
"""Gives the log-probabilities of what follows a source and the tokens written, `BOS` the first."""


class Row(NamedTuple):
    source: Text
    written: Text


class ToyState(NamedTuple):
    rows: list[Row]
    source_len: int


class ToyDecoder:
    """Rows are lists of tokens: what a search does to them can be read off."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.num_rows: list[int] = []

    def start(self, source: Tokens) -> ToyState:
        rows = zip(source.ids.tolist(), source.lengths.tolist(), strict=True)
        return ToyState([Row(tuple(ids[:n]), ()) for ids, n in rows], source.ids.shape[1])

    def step(self, state: ToyState, token: Tensor) -> tuple[Tensor, ToyState]:
        self.num_rows.append(len(state.rows))
        pairs = zip(state.rows, token.tolist(), strict=True)
        rows = [Row(row.source, (*row.written, last)) for row, last in pairs]
        return torch.tensor([self.rule(*row) for row in rows]), ToyState(rows, state.source_len)

    def reorder(self, state: ToyState, index: Tensor) -> ToyState:
        return ToyState([state.rows[i] for i in index.tolist()], state.source_len)

    def alignment(self, state: ToyState) -> Tensor:
        looks = [look(row.written, len(row.source), state.source_len) for row in state.rows]
        return torch.tensor(looks).view(len(looks), state.source_len)


def look(written: Text, num_words: int, width: int) -> list[float]:
    """Return weights that tell one history from another; those of padding are 0."""
    history = sum(token * 31**place for place, token in enumerate(written))
    weights = [(history * (column + 3)) % 97 + 1 for column in range(num_words)]
    return [weight / sum(weights) for weight in weights] + [0.0] * (width - num_words)


def tokens_of(sentences: Sequence[Sequence[int]], width: int = 0) -> Tokens:
    """Return the sentences as a batch, padded to the longest or to `width`."""
    width = max([width, *map(len, sentences)])
    ids = [[*sentence, *[PAD] * (width - len(sentence))] for sentence in sentences]
    lengths = torch.tensor([len(sentence) for sentence in sentences], dtype=torch.long)
    return Tokens(torch.tensor(ids, dtype=torch.long).view(len(ids), width), lengths)


def _place(source: Text, written: Text) -> int:
    place = 0
    for token in (*source, len(source), *written):
        place = (place * 8191 + token + 1) % 2147483647
    return place % NUM_TABLE_ROWS


def random_rule(seed: int, end: float = 0.0) -> Rule:
    """Return proper distributions, another for every source and every text written so far.

    `end` raises or lowers the chance of `EOS`. Nothing keeps `PAD` and `BOS` from being likely.
    """
    logits = torch.randn(NUM_TABLE_ROWS, VOCAB, generator=torch.Generator().manual_seed(seed))
    logits[:, EOS] += end
    table = logits.mul(2).log_softmax(dim=1).tolist()
    return lambda source, written: table[_place(source, written)]


def coarse_rule(seed: int, num_levels: int) -> Rule:
    """Return log-probabilities of few values, so that many are equal and every sum is exact."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(1, num_levels + 1, (NUM_TABLE_ROWS, VOCAB), generator=generator)
    table = (levels / -4).tolist()
    return lambda source, written: table[_place(source, written)]


class Found(NamedTuple):
    """A hypothesis of the slow searches; `written` keeps `BOS` and `EOS`."""

    score: float
    log_prob: float
    written: Text

    @property
    def tokens(self) -> list[int]:
        return [token for token in self.written if token not in (BOS, EOS)]


def found(written: Text, log_prob: float, exponent: float) -> Found:
    penalty = ((5 + len(written) - 1) / 6) ** exponent
    return Found(log_prob / penalty, log_prob, written)


def replay(rule: Rule, source: Text, tokens: Sequence[int], limit: int) -> float:
    """Return the log-probability of a hypothesis, with `EOS` unless it has reached the limit."""
    written: Text = (BOS,)
    log_prob = 0.0
    for token in [*tokens, EOS][:limit]:
        log_prob += rule(source, written)[token]
        written = (*written, token)
    return log_prob


def every_hypothesis(rule: Rule, source: Text, limit: int, exponent: float) -> list[Found]:
    """Return all that can be written in `limit` tokens, best first."""
    complete: list[Found] = []
    living: list[tuple[Text, float]] = [((BOS,), 0.0)]
    for length in range(1, limit + 1):
        longer = [
            ((*written, token), log_prob + rule(source, written)[token])
            for written, log_prob in living
            for token in WRITABLE
        ]
        over = [pair for pair in longer if pair[0][-1] == EOS or length == limit]
        complete += [found(written, log_prob, exponent) for written, log_prob in over]
        living = [pair for pair in longer if pair[0][-1] != EOS]
    return sorted(complete, key=lambda hypothesis: -hypothesis.score)


def slow_beam_search(
    rule: Rule, source: Text, beam_size: int, limit: int, exponent: float
) -> list[Found]:
    """Return all hypotheses that a beam meets: one sentence, plain lists, no early end."""
    complete: list[Found] = []
    beam: list[tuple[Text, float]] = [((BOS,), 0.0)]
    greedy: Text = (BOS,)
    for length in range(1, limit + 1):
        longer: list[tuple[Text, float]] = []
        for written, log_prob in beam:
            if written[-1] == EOS:
                longer.append((written, log_prob))
                continue
            row = rule(source, written)
            ranked = sorted(WRITABLE, key=lambda token, row=row: (-row[token], token))
            longer += [((*written, token), log_prob + row[token]) for token in ranked]
            if written == greedy:
                next_greedy = longer[-len(WRITABLE)]
        kept = sorted(longer, key=lambda pair: -pair[1])[:beam_size]
        if greedy[-1] != EOS:
            greedy = next_greedy[0]
            kept += [next_greedy] if next_greedy not in kept else []
        for written, log_prob in kept:
            new = len(written) == length + 1
            if new and (written[-1] == EOS or length == limit):
                complete.append(found(written, log_prob, exponent))
        # An ended hypothesis keeps its place by being in the beam, not by being greedy.
        beam = [pair for i, pair in enumerate(kept) if i < beam_size or pair[0][-1] != EOS]
    return sorted(complete, key=lambda hypothesis: -hypothesis.score)
