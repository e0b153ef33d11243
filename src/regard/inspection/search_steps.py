"""The drawing model of a search: what every picture of decoding step by step is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["Choice", "Ending", "Fate", "SearchSteps"]

Fate = Literal["followed", "ended", "dropped"]
"""What became of a choice: the search went on with it, a hypothesis ends with it, or neither."""


class Choice(NamedTuple):
    """A token that a hypothesis could go on with.

    Args:
        token: its text, which may come from anywhere.
        parent: which choice of the step before it goes on from; -1 in the first step.
        probability: of the token, after what is before it.
        log_prob: of the hypothesis up to the token, and with it.
        looked: how much the decoder looked at each token of the source to choose it.
        group: which part of the search it belongs to, where groups are searched for themselves.
    """

    token: str
    parent: int
    probability: float
    log_prob: float
    fate: Fate
    looked: Sequence[float] = ()
    group: int = 0


class Ending(NamedTuple):
    """A hypothesis that the search has returned: where it ends, and what it was ranked by.

    `complete` says whether it came to an end of its own, and not to the limit of its length.
    """

    step: int
    choice: int
    score: float
    complete: bool = True


@dataclass(frozen=True, eq=False)
class SearchSteps:
    """How a sequence was written: the choices at each step, and where hypotheses ended, best first.

    Raises:
        ValueError: parents, endings and fates do not fit each other, or what should be a
            probability is none.
    """

    steps: Sequence[Sequence[Choice]]
    endings: Sequence[Ending]
    source: Sequence[str] = ()
    title: str = ""

    def __post_init__(self) -> None:
        for step, choices in enumerate(self.steps):
            for number, choice in enumerate(choices):
                self._check(step, number, choice)
        for ending in self.endings:
            if not 0 <= ending.step < len(self.steps):
                raise ValueError(f"a hypothesis ends at step {ending.step}, which there is not")
            if not 0 <= ending.choice < len(self.steps[ending.step]):
                raise ValueError(
                    f"a hypothesis ends with choice {ending.choice} of step {ending.step}, "
                    "which there is not"
                )
            if self.at(ending.step, ending.choice).fate != "ended":
                raise ValueError("what a hypothesis ends with must have ended")

    def at(self, step: int, number: int) -> Choice:
        """Return a choice."""
        return self.steps[step][number]

    def path(self, step: int, number: int) -> list[int]:
        """Return the choices that led to one, and it: one for each step up to its own."""
        path = [number]
        for back in range(step, 0, -1):
            path.append(self.at(back, path[-1]).parent)
        return path[::-1]

    def best(self) -> list[int]:
        """Return the choices of the best hypothesis; none if there is no hypothesis."""
        if not self.endings:
            return []
        return self.path(self.endings[0].step, self.endings[0].choice)

    def texts(self, step: int, number: int) -> list[str]:
        """Return the tokens of a hypothesis, up to a choice and with it."""
        return [self.at(place, each).token for place, each in enumerate(self.path(step, number))]

    def looked_at(self, step: int, number: int) -> tuple[str, float] | None:
        """Return the source token looked at most to choose, and how much; None if at none."""
        looked = self.at(step, number).looked
        largest = max(looked, default=0.0)
        return (self.source[list(looked).index(largest)], largest) if largest > 0 else None

    def why_empty(self) -> str:
        """Return what to say in place of a picture without steps, else an empty text."""
        return "" if self.steps else "nothing to draw: the search took no step"

    def _check(self, step: int, number: int, choice: Choice) -> None:
        where = f"choice {number} of step {step}"
        if not step:
            if choice.parent != -1:
                raise ValueError(f"{where} goes on from {choice.parent}; the first step has -1")
        elif not 0 <= choice.parent < len(self.steps[step - 1]):
            raise ValueError(f"{where} goes on from choice {choice.parent}, which there is not")
        elif self.at(step - 1, choice.parent).fate != "followed":
            raise ValueError(f"{where} goes on from what was not followed")
        if not 0 <= choice.probability <= 1:
            raise ValueError(f"{where} must have a probability in 0…1; got {choice.probability}")
        if len(choice.looked) not in (0, len(self.source)):
            raise ValueError(
                f"{where} must say how much it looked at each of the {len(self.source)} source "
                f"tokens; got {len(choice.looked)} numbers"
            )
