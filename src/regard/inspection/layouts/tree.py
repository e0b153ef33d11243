"""Where everything of a tree of choices stands: steps across, and a lane for each hypothesis."""

from collections.abc import Iterator, Sequence

from regard.inspection.labels import shorten, token_label
from regard.inspection.layouts.drawing import (
    Box,
    Drawing,
    Item,
    Line,
    Paint,
    Role,
    Words,
    right_end,
    text_width,
    widest,
)
from regard.inspection.layouts.lanes import Place, lanes
from regard.inspection.layouts.numerals import numeral
from regard.inspection.search_steps import Ending, SearchSteps
from regard.inspection.shading import percentage

__all__ = ["lay_out"]

_MAX_LABEL, _MAX_TEXT = 14, 200

# Sizes of letters.
_TOKEN, _SMALL, _HEADING = 10.0, 8.0, 8.5
# Lengths.
_NODE, _PITCH, _GROUP_GAP = 29.0, 38.0, 14.0
_LEAST_WIDTH, _PAD, _GAP = 44.0, 7.0, 30.0
_START, _HEADER_ROW, _BAND, _BETWEEN = 7.0, 15.0, 780.0, 26.0
_MARGIN = 4.0


def lay_out(search: SearchSteps) -> Drawing:
    """Return the tree of choices from left to right, the best hypothesis on top where it can be.

    A long one goes on in another band, which begins with the step that the one before ends with.
    """
    if why := search.why_empty():
        return Drawing(
            text_width(why, _TOKEN), 20, [Words(why, 0, 14, _TOKEN, anchor="start")], why
        )
    tree = _Tree(search)
    items: list[Item] = []
    top = _MARGIN
    for steps in tree.bands():
        band = _Band(tree, steps, top)
        items += band.draw()
        top = band.bottom + _BETWEEN
    items += _legend(top - _BETWEEN / 2)
    return Drawing(right_end(items) + _MARGIN, top + 10, items, _describe(search))


class _Tree:
    """A search with what is the same in all bands: lanes, labels, and the widths of columns."""

    def __init__(self, search: SearchSteps) -> None:
        self.search = search
        self.lanes = lanes(search)
        self.labels = {
            place: shorten(token_label(search.at(*place).token), _MAX_LABEL) for place in self.lanes
        }
        self.best = set(enumerate(search.best()))
        self.endings = {(each.step, each.choice): each for each in search.endings}
        self.looked = self._looked()
        self.widths = [self._width(step) for step in range(len(search.steps))]
        self.group_names = self._groups()
        names = ["step", *(["looked at"] if self.looked else []), *self.group_names.values()]
        self.margin = _MARGIN + widest(names, _HEADING) + 10

    def _looked(self) -> dict[int, str]:
        """Return what the best hypothesis looked at most, by step."""
        found = {step: self.search.looked_at(step, number) for step, number in self.best}
        return {
            step: shorten(token_label(most[0]), _MAX_LABEL) for step, most in found.items() if most
        }

    def _width(self, step: int) -> float:
        labels = [self.labels[step, number] for number in range(len(self.search.steps[step]))]
        needed = widest(labels, _TOKEN), text_width(self.looked.get(step, ""), _HEADING)
        return max(_LEAST_WIDTH, max(needed) + 2 * _PAD)

    def _groups(self) -> dict[int, str]:
        """Return the names of groups by their numbers, if there are several."""
        numbers = sorted({choice.group for choice in self.search.steps[0]})
        return {number: f"group {number + 1}" for number in numbers} if len(numbers) > 1 else {}

    def bands(self) -> Iterator[range]:
        """Return the steps of each band, as many as there is room for."""
        first = used = 0
        width = 0.0
        for step, needed in enumerate(self.widths):
            if used > 1 and width + needed + _GAP > _BAND:
                yield range(first, step)
                first, used, width = step - 1, 1, self.widths[step - 1] + _GAP
            used += 1
            width += needed + _GAP
        yield range(first, len(self.widths))


class _Band:
    """Some steps of a tree, from a top downwards."""

    def __init__(self, tree: _Tree, steps: range, top: float) -> None:
        self._tree, self._steps, self._top = tree, steps, top
        self._places = [
            (step, number) for step in steps for number in range(len(tree.search.steps[step]))
        ]
        self._left = {}
        x = tree.margin + (_START + _GAP if steps[0] == 0 else 0)
        for step in steps:
            self._left[step] = x
            x += tree.widths[step] + _GAP
        self._middle = self._middles()
        self.bottom = max(self._middle.values()) + _NODE / 2

    def draw(self) -> Iterator[Item]:
        """Draw the header, then edges, then what stands on them."""
        yield from self._header()
        tree, search = self._tree, self._tree.search
        # The best path is drawn last, so that nothing crosses it.
        for place in sorted(self._places, key=lambda each: (each in tree.best, each)):
            if place[0] > self._steps[0] or not place[0]:
                yield self._edge(place)
        if not self._steps[0]:
            for group in {choice.group for choice in search.steps[0]}:
                y = min(self._middles_of(group))
                size = _START
                yield Box(tree.margin, y - size / 2, size, size, Paint("text"), radius=size / 2)
        for place in self._places:
            yield from self._node(place)

    def _middles(self) -> dict[int, float]:
        """Return where the middle of each lane is that this band uses; groups stand apart."""
        groups = {
            self._tree.lanes[place]: self._tree.search.at(*place).group for place in self._places
        }
        header = _HEADER_ROW * (2 if self._tree.looked else 1)
        first = self._top + header + _NODE / 2
        seen = sorted(set(groups.values()))
        return {
            lane: first + row * _PITCH + seen.index(groups[lane]) * _GROUP_GAP
            for row, lane in enumerate(sorted(groups))
        }

    def _middles_of(self, group: int) -> list[float]:
        """Return the middles of the lanes of a group that this band uses."""
        tree = self._tree
        return [
            self._middle[tree.lanes[place]]
            for place in self._places
            if tree.search.at(*place).group == group
        ]

    def _header(self) -> Iterator[Words]:
        tree, baseline = self._tree, self._top + 9
        label = Words("", _MARGIN, baseline, _HEADING, "quiet", "start")
        yield label._replace(text="step")
        if tree.looked:
            yield label._replace(text="looked at", y=baseline + _HEADER_ROW)
        for group, name in tree.group_names.items():
            if middles := self._middles_of(group):
                yield label._replace(text=name, y=min(middles) + 0.36 * _HEADING)
        for step in self._steps:
            x = self._left[step] + tree.widths[step] / 2
            yield Words(str(step + 1), x, baseline, _HEADING, "quiet")
            yield Words(tree.looked.get(step, ""), x, baseline + _HEADER_ROW, _HEADING)

    def _edge(self, place: Place) -> Line:
        """Join a choice to what it goes on from."""
        step, tree = place[0], self._tree
        choice = tree.search.at(*place)
        end = self._left[step], self._middle[tree.lanes[place]]
        if step:
            parent = step - 1, choice.parent
            start = (
                self._left[step - 1] + tree.widths[step - 1],
                self._middle[tree.lanes[parent]],
            )
        else:
            start = tree.margin + _START, min(self._middles_of(choice.group))
        half = (start[0] + end[0]) / 2
        points = [start, (half, start[1]), (half, end[1]), end]
        if place in tree.best:
            return Line(points, "best", 2.4, curved=True)
        dropped = choice.fate == "dropped"
        return Line(points, "rule" if dropped else "quiet", 0.9, curved=True, dashed=dropped)

    def _node(self, place: Place) -> Iterator[Item]:
        tree = self._tree
        choice, width = tree.search.at(*place), tree.widths[place[0]]
        x, y = self._left[place[0]], self._middle[tree.lanes[place]]
        dropped = choice.fate == "dropped"
        yield Box(
            x,
            y - _NODE / 2,
            width,
            _NODE,
            Paint("page") if dropped else Paint("weight", choice.probability),
            "best" if place in tree.best else "rule",
            2.0 if place in tree.best else 0.8,
            5,
            dashed=dropped,
            hint=_hint(tree.search, place),
        )
        on = None if dropped else choice.probability
        middle = x + width / 2
        role: Role = "quiet" if dropped else "text"
        yield Words(tree.labels[place], middle, y - 1, _TOKEN, role, on=on)
        yield Words(percentage(choice.probability), middle, y + 10, _SMALL, role, on=on)
        if ending := tree.endings.get(place):
            yield from self._ending(ending, (x + width + 7, y))

    def _ending(self, ending: Ending, place: tuple[float, float]) -> Iterator[Words]:
        """Say which of the hypotheses this is, and what it was ranked by."""
        x, y = place
        rank = self._tree.search.endings.index(ending) + 1
        yield Words(f"{rank}.", x, y - 1, _TOKEN, anchor="start", bold=rank == 1)
        score = (
            numeral(ending.score) if ending.complete else f"{numeral(ending.score)} at the limit"
        )
        yield Words(score, x, y + 10, _SMALL, anchor="start")


def _legend(top: float) -> Iterator[Item]:
    """Say what colours and lines mean."""
    x, baseline = _MARGIN, top + 7.5

    def said(text: str) -> Words:
        return Words(text, x, baseline, _SMALL, "quiet", "start")

    yield said("probability 0")
    x += text_width("probability 0", _SMALL) + 4
    for step in range(9):
        yield Box(x + 9 * step, top, 9, 9, Paint("weight", step / 8))
    x += 9 * 9 + 4
    yield said("1")
    x += 22
    yield Line([(x, top + 4.5), (x + 18, top + 4.5)], "best", 2.4)
    x += 23
    yield said("the best")
    x += text_width("the best", _SMALL) + 16
    yield Box(x, top, 18, 9, None, "rule", 0.8, 3, dashed=True)
    x += 23
    yield said("not followed")
    x += text_width("not followed", _SMALL) + 16
    yield said("1. 2. …: what was returned, with its score")


def _hint(search: SearchSteps, place: Place) -> str:
    choice = search.at(*place)
    *before, token = [token_label(text) for text in search.texts(*place)]
    said = [f"“{token}”" + (f" after “{_text(before)}”" if before else " first")]
    said.append(f"{percentage(choice.probability)} probable")
    said.append(f"log-probability so far {choice.log_prob:.2f}")
    if most := search.looked_at(*place):
        said.append(f"looked most at “{token_label(most[0])}”, {percentage(most[1])}")
    return "; ".join([*said, {"dropped": "not followed"}.get(choice.fate, choice.fate)])


def _text(tokens: Sequence[str]) -> str:
    return shorten(" ".join(tokens), _MAX_TEXT)


def _describe(search: SearchSteps) -> str:
    """Say in words what the tree shows: how long it is, and what came out."""
    if not search.endings:
        return f"A search of {len(search.steps)} steps."
    results = "; ".join(
        f"{rank}. “{_text([token_label(text) for text in search.texts(each.step, each.choice)])}”, "
        f"score {each.score:.2f}"
        for rank, each in enumerate(search.endings, start=1)
    )
    return f"A search of {len(search.steps)} steps. What it returned: {results}."
