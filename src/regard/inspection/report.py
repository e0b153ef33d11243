"""Alignments as one HTML page that needs nothing else: no network, no script, no other file."""

import base64
import hashlib
import html
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import NamedTuple

from regard.files import replacing
from regard.inspection.alignment import Alignment
from regard.inspection.labels import NOTHING, printable, shorten, token_label
from regard.inspection.palette import percent
from regard.inspection.statistics import coverage, entropy
from regard.inspection.stylesheet import stylesheet

__all__ = ["Example", "Report", "render", "save"]

_MAX_LABEL = 28
_MAX_FLAT_HEADER = 2

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Regard">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
<h1 dir="auto">$title</h1>
$figures
$scale
</header>
<main>
$examples
</main>
</body>
</html>
""")

_EXAMPLE = Template("""\
<article aria-labelledby="example-$number">
<h2 id="example-$number" dir="auto">$title</h2>
$texts
$map
</article>""")

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


@dataclass(frozen=True, eq=False)
class Report:
    """What a page shows: a title, key figures by their labels, and examples."""

    title: str
    examples: Sequence[Example]
    figures: Mapping[str, str] = field(default_factory=dict)


def render(report: Report) -> str:
    """Return the report as the text of an HTML page."""
    style = stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _PAGE.substitute(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'",
        title=_escape(printable(report.title)),
        style=style,
        figures=_definitions("figures", report.figures.items()),
        scale=_scale(),
        examples="\n".join(
            _example(number, example) for number, example in enumerate(report.examples, start=1)
        ),
    )


def save(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the report to an HTML file, which is then whole or not there."""
    with replacing(path) as temporary:
        temporary.write_text(render(report), encoding="utf-8", newline="\n")


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _definitions(kind: str, entries: Iterable[tuple[str, str]]) -> str:
    """Return a list of labels with their values, or nothing where there are none."""
    items = "\n".join(
        f'<div><dt>{_escape(printable(label))}</dt><dd lang="" dir="auto">'
        f"{_escape(printable(value) or NOTHING)}</dd></div>"
        for label, value in entries
    )
    return f'<dl class="{kind}">\n{items}\n</dl>' if items else ""


def _scale() -> str:
    steps = "".join(f'<i class="w{step}"></i>' for step in range(0, 101, 5))
    return f'<p class="scale">Weight 0 <span aria-hidden="true">{steps}</span> 100 %</p>'


def _example(number: int, example: Example) -> str:
    texts = {
        "Source": example.source,
        "Prediction": example.prediction,
        "Reference": example.reference,
    }
    return _EXAMPLE.substitute(
        number=number,
        title=_escape(printable(example.alignment.title) or f"Example {number}"),
        texts=_definitions(
            "texts", [(label, text) for label, text in texts.items() if text is not None]
        ),
        map=_map(number, example.alignment),
    )


def _map(number: int, alignment: Alignment) -> str:
    if why := alignment.why_empty():
        return f"<p>{_escape(why)}</p>"
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
        f'<th scope="{scope}" class="{direction}" lang="" title="{_escape(f"{label}: {measure}")}">'
        f'<span dir="auto">{_escape(shorten(label, _MAX_LABEL))}</span></th>'
    )


def _cells(label: str, weights: Sequence[float], source: Sequence[str]) -> str:
    row = _escape(shorten(label, _MAX_LABEL))
    columns = (_escape(shorten(column, _MAX_LABEL)) for column in source)
    return "".join(
        f'<td class="w{percent(weight)}" title="{row} ← {column}: {weight:.4g}">'
        f"{percent(weight)}</td>"
        for column, weight in zip(columns, weights, strict=True)
    )
