"""What a search went through: every hypothesis that it followed, and what each could go on with."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.decoding.search import Search
from regard.decoding.steps import advance, best_tokens
from regard.interfaces import EOS, Hypothesis, State, StepDecoder, Tokens

__all__ = ["Followed", "Node", "Trace", "Traced", "Tracing"]


class Node(NamedTuple):
    """A hypothesis that a search followed: its last token, and what may come next.

    Args:
        parent: the number of the node that it goes on from; None where it begins with `BOS`.
        num_tokens: how many it has, `BOS` not counted.
        log_prob: of all of them.
        candidates: the most probable next tokens with the log-probability of each, best first;
            `EOS` is among them, last if it is not one of the best.
        looked: where the decoder looked to choose the next token.
    """

    parent: int | None
    token: int
    num_tokens: int
    sentence: int
    log_prob: float
    candidates: tuple[tuple[int, float], ...]
    looked: Float[Tensor, " source"]


class Followed(NamedTuple):
    """How a search came to a hypothesis.

    Args:
        nodes: the numbers of those it went through, from `BOS` on.
        last: the token it ended with, which the decoder did not read: `EOS`, or at the limit of
            its length another.
        log_prob: of that token alone.
    """

    nodes: list[int]
    last: int
    log_prob: float


class Trace:
    """The nodes of a search, in the order in which it came to them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def children(self, number: int) -> list[int]:
        """Return the nodes that go on from a node."""
        return [at for at, node in enumerate(self.nodes) if node.parent == number]

    def roots(self, sentence: int) -> list[int]:
        """Return the nodes that a sentence begins at: one, or one for each group or sample."""
        return [
            at
            for at, node in enumerate(self.nodes)
            if node.parent is None and node.sentence == sentence
        ]

    def follow(self, hypothesis: Hypothesis, sentence: int = 0) -> Followed:
        """Return how the search came to a hypothesis that it has returned.

        Raises:
            ValueError: it is none of this search.
        """
        written = hypothesis.tokens
        # What came to its limit ends with a token that nobody has read.
        for tokens, last in ((written, EOS), (written[:-1], written[-1] if written else EOS)):
            for root in self.roots(sentence):
                path = self._path(root, tokens)
                if path is None:
                    continue
                log_prob = dict(self.nodes[path[-1]].candidates).get(last)
                if log_prob is None:
                    log_prob = hypothesis.log_prob - self.nodes[path[-1]].log_prob
                return Followed(path, last, log_prob)
        raise ValueError(f"this search did not write {written} for sentence {sentence}")

    def _path(self, root: int, tokens: Sequence[int]) -> list[int] | None:
        path = [root]
        for token in tokens:
            following = [at for at in self.children(path[-1]) if self.nodes[at].token == token]
            if not following:
                return None
            path.append(following[0])
        return path


class TracedState(NamedTuple):
    """The state of what is traced, and for every row its node and what may follow.

    Before the first step, `node` is the sentence.
    """

    inner: Any
    node: Int[Tensor, " rows"]
    log_probs: Float[Tensor, "rows vocab"] | None = None
    looked: Float[Tensor, "rows source"] | None = None


class Traced(Generic[State]):
    """A step decoder that writes what another one would, and keeps what it was asked.

    Any search follows it as it would the other, and finds the same.

    Args:
        num_candidates: how many next tokens are kept of every hypothesis.
    """

    def __init__(self, decoder: StepDecoder[State], *, num_candidates: int = 16) -> None:
        self._decoder, self._num_candidates = decoder, num_candidates
        self.trace = Trace()

    def start(self, source: Tokens) -> TracedState:
        sentence = torch.arange(len(source.ids), device=source.ids.device)
        return TracedState(self._decoder.start(source), sentence)

    def step(
        self, state: TracedState, token: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, "rows vocab"], TracedState]:
        log_probs, looked, inner = advance(self._decoder, state.inner, token)
        first = len(self.trace.nodes)
        self.trace.nodes += self._nodes(state, token, log_probs, looked)
        node = first + torch.arange(len(token), device=token.device)
        return log_probs, TracedState(inner, node, log_probs, looked)

    def reorder(self, state: TracedState, index: Int[Tensor, " rows"]) -> TracedState:
        log_probs, looked = (None if part is None else part[index] for part in state[2:])
        inner = self._decoder.reorder(state.inner, index)
        return TracedState(inner, state.node[index], log_probs, looked)

    def alignment(self, state: TracedState) -> Float[Tensor, "rows source"]:
        return self._decoder.alignment(state.inner) if state.looked is None else state.looked

    def _nodes(
        self,
        state: TracedState,
        token: Int[Tensor, " rows"],
        log_probs: Float[Tensor, "rows vocab"],
        looked: Float[Tensor, "rows source"],
    ) -> list[Node]:
        best, ids = best_tokens(log_probs, self._num_candidates)
        ended = log_probs[:, EOS].tolist()
        candidates = [
            _with_end(list(zip(*row, strict=True)), end)
            for *row, end in zip(ids.tolist(), best.tolist(), ended, strict=True)
        ]
        rows = zip(state.node.tolist(), token.tolist(), candidates, looked.cpu(), strict=True)
        if state.log_probs is None:
            return [
                Node(None, written, 0, sentence, 0.0, following, where)
                for sentence, written, following, where in rows
            ]
        gained = state.log_probs.gather(1, token.unsqueeze(1)).squeeze(1).tolist()
        nodes = []
        for gain, (parent, written, following, where) in zip(gained, rows, strict=True):
            _, _, num_tokens, sentence, log_prob, *_ = self.trace.nodes[parent]
            nodes.append(
                Node(parent, written, num_tokens + 1, sentence, log_prob + gain, following, where)
            )
        return nodes


class Tracing:
    """A search that keeps what it has gone through.

    `trace` is that of its last batch; before there was one, it is empty.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        self.trace = Trace()

    @property
    def num_rows(self) -> int:
        return self.search.num_rows

    def __call__(
        self, decoder: StepDecoder[Any], source: Tokens, prefix: Tokens | None = None, /
    ) -> list[list[Hypothesis]]:
        # Among so many are all that a beam can choose: what its groups have written, each with its
        # greedy hypothesis, and what may never be written, can keep it from no more.
        traced = Traced(decoder, num_candidates=3 * self.num_rows + 4)
        self.trace = traced.trace
        return self.search(traced, source, prefix)


def _with_end(candidates: list[tuple[int, float]], end: float) -> tuple[tuple[int, float], ...]:
    """Leave out what cannot be written, and see to it that `EOS` is there."""
    possible = [each for each in candidates if each[1] > -torch.inf]
    if all(token != EOS for token, _ in possible) and end > -torch.inf:
        possible.append((EOS, end))
    return tuple(possible)
