"""Alignments on a page, as tables."""

import unicodedata
from collections.abc import Sequence
from string import Template
from typing import NamedTuple

from regard.inspection.alignment import Alignment
from regard.inspection.labels import shorten, token_label
from regard.inspection.palette import percent
from regard.inspection.report.markup import definitions, escape
from regard.inspection.statistics import coverage, entropy

__all__ = ["Example", "draw"]

_MAX_LABEL = 28
_MAX_FLAT_HEADER = 2

_MAP = Template("""\
<div class="scroll" role="region" aria-labelledby="example-$number" tabindex="0">
<table>
<caption>Attention weights in percent: a row per target token, a column per source token</caption>
<thead>
<tr><td></td>$columns</tr>
</thead>
<tbody>
$rows
</tbody>
</table>
</div>""")


class Example(NamedTuple):
    """One alignment, with the whole texts it belongs to where they are worth reading."""

    alignment: Alignment
    source: str | None = None
    prediction: str | None = None
    reference: str | None = None


def draw(number: int, example: Example) -> str:
    """Return the texts and the heat map of the example of that number."""
    texts = {
        "Source": example.source,
        "Prediction": example.prediction,
        "Reference": example.reference,
    }
    return f"{definitions('texts', texts.items())}\n{_map(number, example.alignment)}"


def _map(number: int, alignment: Alignment) -> str:
    if why := alignment.why_empty():
        return f"<p>{escape(why)}</p>"
    source = [token_label(token) for token in alignment.source]
    target = [token_label(token) for token in alignment.target]
    received = coverage(alignment.weights).tolist()
    spread = entropy(alignment.weights).tolist()
    flat = max(map(len, source)) <= _MAX_FLAT_HEADER
    columns = [
        _header("col", label, f"coverage {amount:.3g}", "flat" if flat else _direction(label))
        for label, amount in zip(source, received, strict=True)
    ]
    rows = [
        f"<tr>{_header('row', label, f'entropy {max(0.0, nats):.3g} nats', 'flat')}"
        f"{_cells(label, weights, source)}</tr>"
        for label, nats, weights in zip(target, spread, alignment.rows(), strict=True)
    ]
    return _MAP.substitute(number=number, columns="".join(columns), rows="\n".join(rows))


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
