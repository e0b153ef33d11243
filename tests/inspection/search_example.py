"""Searches to draw: one by hand, and the parts of any that hypothesis may think of."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from regard.inspection.search_steps import Choice, Ending, Fate, SearchSteps

SOURCE = ["ein", "hund"]

Parts = tuple[list[list[Choice]], list[Ending]]


def by_hand() -> SearchSteps:
    """Return a search that finds late what greedy would not: "a dog", not "the"."""
    steps = [
        [
            Choice("the", -1, 0.6, -0.51, "followed", (0.9, 0.1)),
            Choice("a", -1, 0.3, -1.2, "followed", (0.8, 0.2)),
            Choice("one", -1, 0.1, -2.3, "dropped", (0.8, 0.2)),
        ],
        [
            Choice("dog", 1, 0.9, -1.3, "followed", (0.1, 0.9)),
            Choice("<eos>", 0, 0.2, -2.12, "ended", (0.5, 0.5)),
            Choice("cat", 0, 0.1, -2.8, "dropped", (0.5, 0.5)),
        ],
        [Choice("<eos>", 0, 1.0, -1.3, "ended", (0.0, 0.0))],
    ]
    return SearchSteps(steps, [Ending(2, 0, -0.9), Ending(1, 1, -1.6)], SOURCE, "ein hund → a dog")


@st.composite
def searches(draw: Callable[[st.SearchStrategy], Any]) -> Parts:
    """Draw the parts of searches of some steps and groups, in which anything may be dropped."""
    num_groups, num_steps = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    fates = st.sampled_from(["followed", "followed", "dropped"])
    steps: list[list[Choice]] = []
    for step in range(num_steps):
        parents = (
            [(-1, group) for group in range(num_groups)]
            if not step
            else [
                (number, choice.group)
                for number, choice in enumerate(steps[-1])
                if choice.fate == "followed"
            ]
        )
        choices = [
            Choice(f"t{step}.{at}.{n}", parent, 0.5, -step - n / 9, draw(fates), (), group)
            for at, (parent, group) in enumerate(parents)
            for n in range(draw(st.integers(0 if step else 1, 3)))
        ]
        if not choices:
            break
        steps.append(choices)
    leaves = [
        (step, number)
        for step, choices in enumerate(steps)
        for number, choice in enumerate(choices)
        if choice.fate == "followed"
        and all(each.parent != number for each in ([*steps, []])[step + 1])
    ]
    ended = draw(st.lists(st.sampled_from(leaves), unique=True, max_size=4)) if leaves else []
    for step, number in ended:
        fate: Fate = "ended"
        steps[step][number] = steps[step][number]._replace(fate=fate)
    endings = [Ending(*place, score=-rank / 3) for rank, place in enumerate(ended, start=1)]
    return steps, endings
