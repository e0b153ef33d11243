"""How a translator came to what it has written, step by step."""

import math
from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest
from typing import Any

from torch import Tensor

from regard.decoding import Beam
from regard.decoding.trace import Node, Trace, Tracing
from regard.inspection.search_steps import Choice, Ending, Fate, SearchSteps
from regard.interfaces import EOS, Hypothesis, StepDecoder, Tokens
from regard.recipes.heads import EMPTY
from regard.recipes.translate.system import TranslationSystem

__all__ = ["steps_of"]


def steps_of(
    system: TranslationSystem, text: str, beam: Beam, *, num_dropped: int = 2
) -> SearchSteps:
    """Translate a text, and return every step of the search.

    What the search returns is marked as ended: more than the best, if `beam.num_best` asks for
    more. Unknown words are left as the model has written them.

    Args:
        num_dropped: how many of the choices that each group did not follow at a step are kept, the
            most probable ones.

    Raises:
        ValueError: the text is empty, or the model cannot write as much as the beam is to.
    """
    search = _Search(beam)
    [[best, *_]] = system.translate([text], search)
    if not best.source_tokens:
        raise ValueError(EMPTY)
    steps = _Steps(
        search.trace,
        lambda token: system.target_tokenizer.id_tokens([token])[0],
        len(best.source_tokens),
    )
    steps.add_followed()
    endings = [steps.add_ending(hypothesis) for hypothesis in search.found]
    steps.add_dropped(num_dropped)
    return SearchSteps(steps.choices, endings, best.source_tokens, f"{text} → {best.text}")


class _Search(Tracing):
    """A beam that keeps its trace and what it has found for the one source that it is given."""

    def __init__(self, beam: Beam) -> None:
        super().__init__(beam)
        # A translator looks at these: it may not be able to write as much.
        self.min_len, self.max_len = beam.min_len, beam.max_len
        self.found: list[Hypothesis] = []

    def __call__(
        self, decoder: StepDecoder[Any], source: Tokens, prefix: Tokens | None = None, /
    ) -> list[list[Hypothesis]]:
        found = super().__call__(decoder, source, prefix)
        [self.found] = found
        return found


class _Steps:
    """The choices of every step, as they are gathered from a trace.

    Args:
        name: returns the text of a token.
        num_source: how many tokens of the source are shown; its end is not.
    """

    def __init__(self, trace: Trace, name: Callable[[int], str], num_source: int) -> None:
        self.choices: list[list[Choice]] = []
        self._trace, self._name, self._num_source = trace, name, num_source
        self._place: dict[int, int] = {}
        roots = trace.roots(0)
        self._num_groups = len(roots)
        self._group = {root: number for number, root in enumerate(roots)}

    def add_followed(self) -> None:
        """Add what the search went on with."""
        for number, node in enumerate(self._trace.nodes):
            if node.parent is not None:
                self._group[number] = self._group[node.parent]
                gained = node.log_prob - self._trace.nodes[node.parent].log_prob
                self._place[number] = self._add(node.parent, node.token, gained, "followed")

    def add_ending(self, hypothesis: Hypothesis) -> Ending:
        """Add what a hypothesis that was returned has ended with."""
        followed = self._trace.follow(hypothesis)
        number = self._add(followed.nodes[-1], followed.last, followed.log_prob, "ended")
        return Ending(
            len(followed.nodes) - 1, number, hypothesis.score, complete=followed.last == EOS
        )

    def add_dropped(self, num_dropped: int) -> None:
        """Add the most probable at each step of what the search did not go on with."""
        for step in range(len(self.choices)):
            left_out = list(self._left_out(step))
            for group in range(self._num_groups):
                of_group = (each for each in left_out if self._group[each[1]] == group)
                for _, parent, token, gained in nlargest(num_dropped, of_group):
                    self._add(parent, token, gained, "dropped")

    def _left_out(self, step: int) -> Iterator[tuple[float, int, int, float]]:
        """Return log-probability, parent, token and what the token adds, of all left out."""
        taken = {(each.parent, each.group, each.token) for each in self.choices[step]}
        for number, node in enumerate(self._trace.nodes):
            if node.num_tokens == step:
                parent = self._place.get(number, -1)
                for token, gained in node.candidates:
                    if (parent, self._group[number], self._name(token)) not in taken:
                        yield node.log_prob + gained, number, token, gained

    def _add(self, parent: int, token: int, gained: float, fate: Fate) -> int:
        """Add a choice after a node, and return which one of its step it is."""
        node: Node = self._trace.nodes[parent]
        while len(self.choices) <= node.num_tokens:
            self.choices.append([])
        of_step = self.choices[node.num_tokens]
        of_step.append(
            Choice(
                self._name(token),
                self._place.get(parent, -1),
                min(1.0, math.exp(gained)),
                node.log_prob + gained,
                fate,
                self._shown(node.looked),
                self._group[parent],
            )
        )
        return len(of_step) - 1

    def _shown(self, looked: Tensor) -> Sequence[float]:
        weights: list[float] = looked[: self._num_source].tolist()
        return weights
