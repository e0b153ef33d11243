"""Searches step by step in the terminal, as a rich renderable."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.table import Table
from rich.text import Text

from regard.inspection.labels import printable, token_label
from regard.inspection.palette import percent
from regard.inspection.search_steps import Choice, SearchSteps
from regard.inspection.shading import percentage
from regard.inspection.shortening import cut_notice
from regard.inspection.terminal.surface import INKED, encodable, has_colours, in_place

__all__ = ["Choices"]

_MAX_BEFORE = 28
_MOST_STEPS, _MOST_CHOICES = 64, 16
_MARKS = {"followed": "", "ended": "end", "dropped": "no"}
_DIM, _BOLD, _PLAIN = Style(dim=True), Style(bold=True), Style()


@dataclass(frozen=True, eq=False)
class Choices:
    """The steps of a search in a table, and below it what was returned, best first.

    `>` marks the best hypothesis on its way; what ended has its rank. What was not followed is dim,
    and marked as such. Probabilities have the colours of the scale of weights, where the console
    has any. Of many steps the first are shown, of many choices of a step the most probable, which
    is said.

    >>> from regard.inspection.search_steps import Choice, Ending
    >>> steps = [
    ...     [Choice("a", -1, 0.75, -0.25, "followed"), Choice("b", -1, 0.25, -1.5, "dropped")],
    ...     [Choice("<eos>", 0, 1.0, -0.25, "ended")],
    ... ]
    >>> Console(color_system=None).print(Choices(SearchSteps(steps, [Ending(1, 0, -0.25)])))
    ┏━━━━━━┳━━━━┳━━━━━━━━┳━━━━━━━┳━━━━━━━━━━┳━━━━━━━┓
    ┃ step ┃    ┃ so far ┃ next  ┃ probable ┃ log p ┃
    ┡━━━━━━╇━━━━╇━━━━━━━━╇━━━━━━━╇━━━━━━━━━━╇━━━━━━━┩
    │    1 │ >  │        │ a     │  75.0 %  │ −0.25 │
    │      │ no │        │ b     │  25.0 %  │ −1.50 │
    ├──────┼────┼────────┼───────┼──────────┼───────┤
    │    2 │ 1. │ a      │ <eos> │ 100.0 %  │ −0.25 │
    └──────┴────┴────────┴───────┴──────────┴───────┘
    1. −0.250  a <eos>
    """

    search: SearchSteps

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        search = self.search
        if search.title:
            yield Text(encodable(printable(search.title), options), style="bold")
        if why := search.why_empty():
            yield Text(why)
            return
        if cut := cut_notice(
            (_MOST_STEPS, len(search.steps), "steps"),
            (_MOST_CHOICES, max(map(len, search.steps)), "choices of a step"),
        ):
            yield Text(cut)
        yield self._table(options, coloured=has_colours(console))
        yield from self._returned(options)

    def _table(self, options: ConsoleOptions, *, coloured: bool) -> Table:
        groups = len({choice.group for choices in self.search.steps for choice in choices})
        table = Table("step")
        if groups > 1:
            table.add_column("group", justify="right")
        table.add_column("")
        table.add_column("so far")
        table.add_column("next")
        table.add_column("probable", justify="right")
        table.add_column("log p", justify="right")
        if self.search.source:
            table.add_column("looked at")
        best = set(enumerate(self.search.best()))
        for step, choices in enumerate(self.search.steps[:_MOST_STEPS]):
            order = sorted(range(len(choices)), key=lambda each: _order(choices[each]))
            order = [
                number
                for rank, number in enumerate(order)
                if rank < _MOST_CHOICES or (step, number) in best
            ]
            for row, number in enumerate(order):
                choice = choices[number]
                place = step, number
                style = _BOLD if place in best else _DIM if choice.fate == "dropped" else _PLAIN
                cells = [Text("" if row else str(step + 1))]
                if groups > 1:
                    cells.append(Text(str(choice.group + 1)))
                cells += self._cells(place, ">" if place in best else "", options)
                if coloured and choice.fate != "dropped":
                    cells[-3 if self.search.source else -2].stylize(
                        INKED[percent(choice.probability)]
                    )
                table.add_row(*cells, style=style)
            table.add_section()
        return table

    def _cells(self, place: tuple[int, int], mark: str, options: ConsoleOptions) -> list[Text]:
        """Return what is written of a choice."""
        choice = self.search.at(*place)
        for rank, each in enumerate(self.search.endings, start=1):
            mark = f"{rank}." if (each.step, each.choice) == place else mark
        cells = [
            mark or _MARKS[choice.fate],
            self._before(*place, options),
            _label(choice.token, options),
            f"{percentage(choice.probability):>7} ",
            _numeral(choice.log_prob, options),
        ]
        if self.search.source:
            most = self.search.looked_at(*place)
            cells.append(_label(most[0], options) if most else "")
        return [Text(cell) for cell in cells]

    def _before(self, step: int, number: int, options: ConsoleOptions) -> str:
        """Return what a choice goes on from, as much of its end as there is room for."""
        *before, _ = self.search.texts(step, number)
        kept: list[str] = []
        room = _MAX_BEFORE
        for label in reversed([_label(token, options) for token in before]):
            room -= cell_len(label) + 1
            if room < 0:
                return " ".join(["~" if options.ascii_only else "…", *kept])
            kept.insert(0, label)
        return " ".join(kept)

    def _returned(self, options: ConsoleOptions) -> Iterator[Text]:
        for rank, ending in enumerate(self.search.endings, start=1):
            tokens = self.search.texts(ending.step, ending.choice)
            text = " ".join(_label(token, options) for token in tokens)
            limit = "" if ending.complete else "  (at the limit of its length)"
            yield Text(f"{rank}. {_numeral(ending.score, options, 3)}  {text}{limit}")


def _order(choice: Choice) -> tuple[int, bool, float]:
    return choice.group, choice.fate == "dropped", -choice.log_prob


def _numeral(number: float, options: ConsoleOptions, decimals: int = 2) -> str:
    text = f"{number:.{decimals}f}"
    return text if options.ascii_only else text.replace("-", "−")


def _label(token: str, options: ConsoleOptions) -> str:
    return in_place(encodable(token_label(token), options))
