"""Diverse beam search: groups of hypotheses, each kept from writing what those before it write."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.decoding.beam import beam_search
from regard.decoding.lengths import LENGTH_PENALTY, length_limits, length_penalties
from regard.interfaces import Hypothesis, State, StepDecoder, Tokens

__all__ = ["check_groups", "diverse_beam_search"]


@torch.no_grad()
def diverse_beam_search(
    decoder: StepDecoder[State],
    source: Tokens,
    *,
    beam_size: int,
    num_groups: int,
    diversity: float = 0.5,
    length_penalty: float = LENGTH_PENALTY,
    num_best: int = 1,
    max_len: int | Int[Tensor, " batch"] | None = None,
) -> list[list[Hypothesis]]:
    r"""Return up to `num_best` different hypotheses per sentence, highest score first.

    The beam is divided into `num_groups`. A token costs a group

    $$\lambda \sum_{h < g} \sum_{y \in \text{group } h} [y_t = \text{the token}]$$

    with `diversity` for $\lambda$: so much for each hypothesis of a group before it that writes the
    same at the same place. Scores are without that cost; all else is as in `beam_search`.

    Source: Vijayakumar et al. 2018, section 4, with Hamming diversity.
    Differs: the groups are gone through one after the other. What costs is what a search really
    writes: its greedy hypothesis too, where the beam has dropped it, but not what it has given up;
    `EOS` costs nothing, and what stands last, at the limit, costs nobody. Costs are added and taken
    away again in float32: scores are as exact as the largest sum.
    Cost: that of `num_groups` searches with beams of `beam_size / num_groups`; sources are read
    once.

    Raises:
        ValueError: `num_groups` does not divide `beam_size`, `diversity` is negative, or as
            `beam_search`.
    """
    check_groups(beam_size, num_groups, diversity)
    if not 1 <= num_best <= beam_size:
        raise ValueError(f"num_best must lie between 1 and beam_size={beam_size}; got {num_best}")
    limits = length_limits(source, max_len)
    if not len(limits):
        return []
    of_group = beam_size // num_groups
    started = decoder.start(source)
    written = _Written(len(limits))
    found: list[list[Hypothesis]] = [[] for _ in limits]
    penalties = length_penalties(int(limits.max()), length_penalty, torch.device("cpu"))
    for _ in range(num_groups):
        group = _Group(decoder, started, written, diversity)
        beams = beam_search(
            group,
            source,
            beam_size=of_group,
            length_penalty=length_penalty,
            num_best=of_group,
            max_len=limits,
        )
        for sentence, (beam, limit) in enumerate(zip(beams, limits.tolist(), strict=True)):
            for hypothesis in beam:
                cost = diversity * written.count(sentence, hypothesis.tokens)
                log_prob = hypothesis.log_prob + cost
                length = min(len(hypothesis.tokens) + 1, limit)
                score = log_prob / float(penalties[length])
                found[sentence].append(hypothesis._replace(log_prob=log_prob, score=score))
        written.add(group.steps)
    return [_best(hypotheses, num_best) for hypotheses in found]


def check_groups(beam_size: int, num_groups: int, diversity: float) -> None:
    """Refuse groups that a beam cannot have."""
    if num_groups < 1 or beam_size % num_groups:
        raise ValueError(f"num_groups must divide beam_size={beam_size}; got {num_groups}")
    if not 0 <= diversity < math.inf:
        raise ValueError(f"diversity must be 0 or a positive number; got {diversity}")


class _Written:
    """How often the groups so far have written each token at each place of each sentence."""

    def __init__(self, num_sentences: int) -> None:
        self._num_sentences = num_sentences
        self._counts: list[Float[Tensor, "batch vocab"]] = []

    def at(self, place: int) -> Float[Tensor, "batch vocab"] | None:
        return self._counts[place] if place < len(self._counts) else None

    def count(self, sentence: int, tokens: list[int]) -> float:
        """Return how many hypotheses have a token in common with this one, over its places."""
        counts = zip(self._counts, tokens, strict=False)  # a group may have gone less far
        return math.fsum(float(each[sentence, token]) for each, token in counts)

    def add(self, steps: list["_Step"]) -> None:
        for place, step in enumerate(steps):
            if place == len(self._counts):
                shape = self._num_sentences, step.vocab
                self._counts.append(torch.zeros(shape, device=step.token.device))
            one = torch.ones_like(step.token, dtype=torch.float32)
            self._counts[place].index_put_((step.sentence, step.token), one, accumulate=True)


class _Step(NamedTuple):
    """What a group has written at one place."""

    sentence: Int[Tensor, " rows"]
    token: Int[Tensor, " rows"]
    vocab: int


class _State(NamedTuple):
    inner: Any
    num_written: int
    sentence: Int[Tensor, " rows"]


class _Group:
    """A step decoder for one group: the tokens of the groups before it cost something."""

    def __init__(
        self, decoder: StepDecoder[Any], started: Any, written: _Written, diversity: float
    ) -> None:
        self.steps: list[_Step] = []
        self._decoder, self._started = decoder, started
        self._written, self._diversity = written, diversity

    def start(self, source: Tokens) -> _State:
        sentence = torch.arange(len(source.ids), device=source.ids.device)
        return _State(self._started, 0, sentence)

    def step(
        self, state: _State, token: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, "rows vocab"], _State]:
        log_probs, inner = self._decoder.step(state.inner, token)
        if state.num_written:
            self.steps.append(_Step(state.sentence, token, log_probs.shape[1]))
        counts = self._written.at(state.num_written)
        if counts is not None:
            log_probs = log_probs - self._diversity * counts[state.sentence]
        return log_probs, _State(inner, state.num_written + 1, state.sentence)

    def reorder(self, state: _State, index: Int[Tensor, " rows"]) -> _State:
        inner = self._decoder.reorder(state.inner, index)
        return state._replace(inner=inner, sentence=state.sentence[index])

    def alignment(self, state: _State) -> Float[Tensor, "rows source"]:
        return self._decoder.alignment(state.inner)


def _best(hypotheses: list[Hypothesis], number: int) -> list[Hypothesis]:
    """Return the best ones that differ."""
    different = {tuple(each.tokens): each for each in reversed(hypotheses)}
    return sorted(different.values(), key=lambda each: -each.score)[:number]
