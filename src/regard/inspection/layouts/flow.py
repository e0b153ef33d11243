"""Where everything of a flow chart stands: what goes in on top, what comes out at the bottom."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from regard.inspection.labels import token_label
from regard.inspection.layouts.drawing import (
    Box,
    Drawing,
    Item,
    Line,
    Paint,
    Shape,
    Words,
    right_end,
    text_width,
    widest,
)
from regard.inspection.layouts.number_grids import HEADING, NOTE, Grids, NumberGrid, baseline, draw
from regard.inspection.layouts.numerals import numeral, numerals
from regard.inspection.mechanism import ADD, READ_OUT, Mechanism, Stage

__all__ = ["lay_out"]

_MAX_TERMS = 4
_FORMULA = 11.5  # the size of its letters

# Lengths.
_BETWEEN, _ARROW, _TIP = 34.0, 26.0, 5.0
_STAGE, _STAGE_MARGIN = (150.0, 16.5), 14.0
_SWATCH, _MARGIN = 9.0, 4.0


def lay_out(mechanism: Mechanism) -> Drawing:
    """Return a flow chart: from query and key down to the context, a box for each stage.

    Whatever else a stage takes stands at the right of its box: bias, mask, value.
    """
    grids = Grids(mechanism)
    query, key = grids.of_queries("query", mechanism.query), grids.of_keys("key", mechanism.key)
    apart = query.size[0] / 2 + query.right + _BETWEEN + key.left + key.size[0] / 2
    steps = _steps(mechanism, grids, apart + 2 * _STAGE_MARGIN)
    spine, aside = _across(query, apart, steps)
    top = max(grid.above + grid.size[1] for grid in (query, key))
    items: list[Item] = []
    for grid, centre in ((query, spine - apart / 2), (key, spine + apart / 2)):
        items += draw(grid, centre, top - grid.size[1])
        items += _arrow((centre, top + 3), (centre, top + _ARROW - 1))
    clear = 0.0
    for step in steps:
        begins, height = top + _ARROW, _height_of(step)
        if step.side is not None:
            reach = step.side.size[1] / 2 - height / 2
            begins = max(begins, clear + step.side.above + reach)
            items += _draw_side(step, step.side, (spine, begins + height / 2), aside)
            clear = begins + height + reach + _BETWEEN / 2
        if step is steps[0]:
            clear = begins + height + _BETWEEN / 2
        else:
            items += _arrow((spine, top + 3), (spine, begins - 1))
        items += _draw_stage(step, (spine, begins))
        bottom = begins + height
        items += _arrow((spine, bottom), (spine, bottom + _ARROW - 6))
        top = bottom + _ARROW + step.result.above
        items += draw(step.result, spine, top)
        top += step.result.size[1]
    legend, bottom = _draw_legend(mechanism, max(top, clear - _BETWEEN / 2) + _ARROW)
    items += legend
    return Drawing(right_end(items) + _MARGIN, bottom + _MARGIN, items, _describe(mechanism))


class _Step(NamedTuple):
    """A stage with what is written in its box, what enters at its side, and what comes out."""

    lines: list[Words]
    width: float
    result: NumberGrid
    side: NumberGrid | None = None


def _across(query: NumberGrid, apart: float, steps: Sequence[_Step]) -> tuple[float, float]:
    """Return the middle of what stands below query and key, and where the cells of sides begin."""
    results = [step.result for step in steps]
    left = max(
        query.left + query.size[0] / 2 + apart / 2,
        *(result.left + result.size[0] / 2 for result in results),
        *(step.width / 2 for step in steps),
    )
    right = max(
        *(result.right + result.size[0] / 2 for result in results),
        *(step.width / 2 for step in steps[1:]),
    )
    names = max(step.side.left for step in steps if step.side is not None)
    return _MARGIN + left, _MARGIN + left + right + _BETWEEN + names


def _steps(mechanism: Mechanism, grids: Grids, width: float) -> list[_Step]:
    """Return the stages in turn; the first is as wide as what enters it from above."""
    steps = [_step(mechanism.score, grids.scores("scores", mechanism.scores), width=width)]
    if mechanism.bias is not None:
        biased = grids.scores("scores + bias", mechanism.biased)
        steps.append(_step(ADD, biased, grids.bias(mechanism.bias)))
    mask = None if mechanism.mask is None else grids.mask(mechanism.mask)
    steps.append(_step(mechanism.normalizer, grids.weights(), mask))
    context = grids.of_queries("context", mechanism.context)
    value = grids.of_keys("value", mechanism.value)
    return [*steps, _step(READ_OUT, context, value, note=_worked(mechanism))]


def _step(
    stage: Stage,
    result: NumberGrid,
    side: NumberGrid | None = None,
    *,
    width: float = _STAGE[0],
    note: str = "",
) -> _Step:
    lines = [Words(stage.name, 0, 0, HEADING, bold=True)]
    if stage.formula:
        lines.append(Words(stage.formula, 0, 0, _FORMULA))
    shapes = ", ".join(
        f"{name} {' × '.join(map(str, shape)) or 'a number'}" for name, shape in stage.parameters
    )
    notes = [f"with {shapes}"] * bool(shapes) + [note] * bool(note)
    lines += [Words(text, 0, 0, NOTE, "quiet") for text in notes]
    needed = max(text_width(line.text, line.size) for line in lines) + 2 * _STAGE_MARGIN
    return _Step(lines, max(width, needed), result, side)


def _worked(mechanism: Mechanism) -> str:
    """Return how the first number of the context is computed, if that is short."""
    [weights, *_], [[result, *_], *_] = numerals(mechanism.weights), numerals(mechanism.context)
    numbers = [row[0] for row in numerals(mechanism.value)]
    terms = [
        f"{weight} × {number}"
        for weight, number in zip(weights, numbers, strict=True)
        if weight != "0"
    ]
    return f"{result} ≈ {' + '.join(terms)}" if 1 <= len(terms) <= _MAX_TERMS else ""


def _height_of(step: _Step) -> float:
    return len(step.lines) * _STAGE[1] + 10


def _draw_stage(step: _Step, place: tuple[float, float]) -> Iterator[Item]:
    centre, top = place
    left, height = centre - step.width / 2, _height_of(step)
    yield Box(left, top, step.width, height, Paint("raised"), "text", 0.9, 7)
    for number, line in enumerate(step.lines):
        y = baseline(top + 5 + number * _STAGE[1], _STAGE[1], line.size)
        yield line._replace(x=centre, y=y)


def _draw_side(
    step: _Step, side: NumberGrid, place: tuple[float, float], left: float
) -> Iterator[Item]:
    """Draw what enters a stage at its side, in the middle of which the stage has its own."""
    centre, middle = place
    yield from draw(side, left + side.size[0] / 2, middle - side.size[1] / 2)
    yield from _arrow((left - side.left - 5, middle), (centre + step.width / 2 + 1, middle))


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> list[Item]:
    """Draw a straight line with a tip at its end, downwards or to the left."""
    (x, y), half = end, 0.6 * _TIP
    if start[0] == x:
        neck, wings = (x, y - _TIP + 1), [(x - half, y - _TIP), (x + half, y - _TIP)]
    else:
        neck, wings = (x + _TIP - 1, y), [(x + _TIP, y - half), (x + _TIP, y + half)]
    return [Line([start, neck]), Shape([end, *wings])]


def _draw_legend(mechanism: Mechanism, top: float) -> tuple[list[Item], float]:
    """Say what the colours mean, in two rows of swatches; return where that ends."""
    scales: list[tuple[list[Paint], str, str]] = [
        ([Paint("weight", step / 8) for step in range(9)], "weight 0", "1"),
        (
            [Paint("below", 1 - step / 4) for step in range(4)]
            + [Paint("above", step / 4) for step in range(5)],
            "below 0",
            "above 0, each matrix by its largest number",
        ),
    ]
    items: list[Item] = []
    for row, (paints, least, most) in enumerate(scales):
        y = top + row * 14
        left = _MARGIN + widest(["weight 0", "below 0"], NOTE) + 6
        down = baseline(y, _SWATCH, NOTE)
        items.append(Words(least, left - 6, down, NOTE, "quiet", "end"))
        items += [
            Box(left + _SWATCH * n, y, _SWATCH, _SWATCH, paint) for n, paint in enumerate(paints)
        ]
        items.append(Words(most, left + 9 * _SWATCH + 6, down, NOTE, "quiet", "start"))
    if mechanism.mask is not None:
        y, left = top + 2 * 14, _MARGIN + widest(["weight 0", "below 0"], NOTE) + 6
        items.append(Box(left + 0.5, y + 0.5, 17, 8, None, "rule", 0.6, 2))
        blank = "blank: may not be attended, weight 0"
        items.append(Words(blank, left + 24, baseline(y, _SWATCH, NOTE), NOTE, "quiet", "start"))
    return items, top + 14 * (len(scales) + (mechanism.mask is not None))


def _describe(mechanism: Mechanism) -> str:
    """Say in words what the chart shows: how it is computed, and where each query looks most."""
    looks = [
        f" {token_label(query)} looks most at {token_label(mechanism.keys[best])}, "
        f"{numeral(float(row[best]))}."
        for query, row in zip(mechanism.queries, mechanism.weights, strict=True)
        for best in [int(row.argmax())]
        if row.any()
    ]
    return (
        f"Query and key are scored ({mechanism.score.name}), scores become weights "
        f"({mechanism.normalizer.name}), and weights sum values into the context.{''.join(looks)}"
    )
