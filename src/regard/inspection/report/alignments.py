"""Alignments on a page: as tables, or drawn by the page's script where they are too large."""

import unicodedata
from collections.abc import Sequence
from string import Template
from typing import NamedTuple

from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.checks import TOLERANCE
from regard.inspection.labels import printable, shorten, token_label
from regard.inspection.measures.statistics import coverage, entropy
from regard.inspection.palette import percent
from regard.inspection.report.markup import data_block, definitions, escape, stage
from regard.inspection.report.matrices import Head, Sides, matrices, note
from regard.inspection.report.packing import Packing
from regard.inspection.shading import percentage

__all__ = ["Example", "draw", "sizes"]

_MAX_LABEL = 28
_MAX_FLAT_HEADER = 2
# Of more cells a table takes longer to load than a picture, and hundreds of kilobytes.
_MAX_CELLS = 3600
_NUM_STRONGEST = 8

_MAP = Template("""\
<div class="scroll" role="region" aria-labelledby="example-$number" tabindex="0">
<table class="weights">
<caption>Weights in percent: a row per $row token, a column per $column token</caption>
<thead>
<tr><td></td>$columns</tr>
</thead>
<tbody>
$rows
</tbody>
</table>
</div>""")

_PICTURE = Template("""\
$note
$stage
<ul class="strongest" aria-label="The largest weights">
$strongest
</ul>""")


class Example(NamedTuple):
    """One alignment, with the whole texts it belongs to where they are worth reading.

    Args:
        source, prediction: the texts of the columns and of the rows.
        row, column: what the tokens of a row and of a column are called.
    """

    alignment: Alignment
    source: str | None = None
    prediction: str | None = None
    reference: str | None = None
    row: str = "target"
    column: str = "source"


def sizes(example: Example) -> list[tuple[int, int]]:
    """Return the size of the picture that can be drawn more or less finely, if it is one."""
    alignment = example.alignment
    return [] if _is_table(alignment) else [(len(alignment.target), len(alignment.source))]


def draw(number: int, example: Example, packing: Packing) -> str:
    """Return the texts and the heat map of the example of that number.

    Raises:
        NoRoomError: the packing has less room than its weights need.
    """
    said = definitions("texts", _texts(example))
    alignment = example.alignment
    if why := alignment.why_empty():
        return f"{said}\n<p>{escape(why)}</p>"
    drawn = stage(_map(number, example)) if _is_table(alignment) else _picture(example, packing)
    return f"{said}\n{drawn}\n{data_block(_data(example, packing))}"


def _texts(example: Example) -> list[tuple[str, str | None]]:
    """Return the whole texts with what they are called; of what is no translation, rows first."""
    if example.row == Example._field_defaults["row"]:
        named = [("Source", example.source), ("Prediction", example.prediction)]
    else:
        rows, columns = example.row.capitalize(), example.column.capitalize()
        named = [(rows, example.prediction), (columns, example.source)]
    return [*named, ("Reference", example.reference)]


def _is_table(alignment: Alignment) -> bool:
    return alignment.weights.numel() <= _MAX_CELLS


def _data(example: Example, packing: Packing) -> dict[str, object]:
    alignment = example.alignment
    # A table shows every weight, and so do the lines beside it.
    finest = max(alignment.weights.shape)
    exact = Packing(finest, finest) if _is_table(alignment) else packing
    sides = Sides(alignment.target, alignment.source, example.row, example.column)
    return {
        "title": printable(alignment.title),
        "attentions": [matrices("", sides, [Head(alignment.weights)], exact)],
    }


def _map(number: int, example: Example) -> str:
    alignment = example.alignment
    source = [token_label(token) for token in alignment.source]
    target = [token_label(token) for token in alignment.target]
    received, spread = _measures(alignment.weights)
    flat = max(map(len, source)) <= _MAX_FLAT_HEADER
    columns = [
        _header("col", label, measure, "flat" if flat else _direction(label))
        for label, measure in zip(source, received, strict=True)
    ]
    rows = [
        f"<tr>{_header('row', label, measure, 'flat')}{_cells(label, weights, source)}</tr>"
        for label, measure, weights in zip(target, spread, alignment.rows(), strict=True)
    ]
    return _MAP.substitute(
        number=number,
        row=escape(example.row),
        column=escape(example.column),
        columns="".join(columns),
        rows="\n".join(rows),
    )


def _measures(weights: Tensor) -> tuple[list[str], list[str]]:
    """Return what is said of each column and of each row, which may be no shares of anything."""
    weights = weights.detach()
    received, given = coverage(weights).tolist(), weights.sum(-1).tolist()
    if max(given) > 1 + TOLERANCE:
        return [f"sum {each:.3g}" for each in received], [f"sum {each:.3g}" for each in given]
    spread = entropy(weights).clamp(min=0).tolist()
    return (
        [f"coverage {each:.3g}" for each in received],
        [f"entropy {each:.3g} nats" for each in spread],
    )


def _picture(example: Example, packing: Packing) -> str:
    alignment = example.alignment
    largest = alignment.weights.detach().float().flatten().topk(_NUM_STRONGEST)
    strongest = "\n".join(
        _link(alignment, place, weight)
        for weight, place in zip(largest.values.tolist(), largest.indices.tolist(), strict=True)
    )
    size = (len(alignment.target), len(alignment.source))
    said = (
        f"{size[0]:,} {example.row} × {size[1]:,} {example.column} tokens"
        f"{_mean_entropy(alignment.weights)}."
    )
    return _PICTURE.substitute(note=note(said, [size], packing), stage=stage(), strongest=strongest)


def _mean_entropy(weights: Tensor) -> str:
    if (weights.detach().sum(-1) > 1 + TOLERANCE).any():
        return ""
    return f", mean entropy of a row {entropy(weights.detach()).mean().clamp(min=0):.2f} nats"


def _link(alignment: Alignment, place: int, weight: float) -> str:
    """Return one weight with its tokens, of a place that counts all weights row by row."""
    row, column = divmod(place, len(alignment.source))
    names = (
        f'<bdi lang="">{escape(shorten(token_label(token), _MAX_LABEL))}</bdi>'
        for token in (alignment.target[row], alignment.source[column])
    )
    return f'<li><b class="w{percent(weight)}">{" ← ".join(names)}</b> {percentage(weight)}</li>'


def _direction(label: str) -> str:
    """Return how a label stands in a narrow column: turned, or stacked if its letters are wide."""
    wide = any(unicodedata.east_asian_width(character) in "FW" for character in label)
    if len(label) == 1 or (wide and "\N{ZERO WIDTH JOINER}" in label):
        return "flat"
    return "stacked" if wide else "turned"


def _header(scope: str, label: str, measure: str, direction: str) -> str:
    return (
        f'<th scope="{scope}" class="{direction}" lang="" title="{escape(f"{label}: {measure}")}">'
        f'<span dir="auto">{escape(shorten(label, _MAX_LABEL))}</span></th>'
    )


def _cells(label: str, weights: Sequence[float], source: Sequence[str]) -> str:
    row = escape(shorten(label, _MAX_LABEL))
    columns = (escape(shorten(column, _MAX_LABEL)) for column in source)
    return "".join(
        f'<td class="w{percent(weight)}" title="{row} ← {column}: {weight:.4g}">'
        f"{percent(weight)}</td>"
        for column, weight in zip(columns, weights, strict=True)
    )
