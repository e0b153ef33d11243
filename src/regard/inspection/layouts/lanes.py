"""Which lane each choice of a search stands in: a hypothesis reads on in one, the best on top."""

from collections import defaultdict
from collections.abc import Iterator

from regard.inspection.search_steps import SearchSteps

__all__ = ["Place", "lanes"]

Place = tuple[int, int]
"""A step, and which of its choices."""


def lanes(search: SearchSteps) -> dict[Place, int]:
    """Return the lane of every choice, from 0 at the top.

    A hypothesis keeps the lane of the one it goes on from, unless a better one does; then it gets
    the nearest free lane below. Groups stand below each other.
    """
    found: dict[Place, int] = {}
    first = 0
    for group in sorted({choice.group for choices in search.steps for choice in choices}):
        taken: defaultdict[int, set[int]] = defaultdict(set)
        for chain in _chains(search, group, found):
            lane = first if chain[0][0] == 0 else found[_parent(search, chain[0])]
            start, end = chain[0][0], chain[-1][0]
            columns = set(range(start, end + 1))
            # What stands right behind another, or before it, would seem to belong to it.
            clear = columns | {start - 1, end + 1}
            fate = search.at(*chain[-1]).fate
            if fate == "dropped":
                clear = columns
            elif fate == "ended":
                columns.add(end + 1)  # its score stands behind it
            while taken[lane] & clear:
                lane += 1
            taken[lane] |= columns
            found |= dict.fromkeys(chain, lane)
        first += max(taken) + 1
    return found


def _chains(search: SearchSteps, group: int, placed: dict[Place, int]) -> Iterator[list[Place]]:
    """Return each path to where something ended, less what earlier ones hold; the best first."""
    ends = [(ending.step, ending.choice) for ending in search.endings]
    others = [
        (step, number)
        for step, choices in enumerate(search.steps)
        for number in range(len(choices))
        if (step, number) not in ends
    ]
    # What went far, and what was followed at all, is to be read before what was dropped at once.
    others.sort(key=lambda place: _order(search, place))
    for place in (*ends, *others):
        if search.at(*place).group == group and place not in placed:
            chain = [place]
            while chain[0][0] and (parent := _parent(search, chain[0])) not in placed:
                chain.insert(0, parent)
            yield chain


def _order(search: SearchSteps, place: Place) -> tuple[bool, int, float]:
    choice = search.at(*place)
    return choice.fate == "dropped", -place[0], -choice.log_prob


def _parent(search: SearchSteps, place: Place) -> Place:
    return place[0] - 1, search.at(*place).parent
