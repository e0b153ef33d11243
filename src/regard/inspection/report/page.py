"""Examples of any kind as one HTML page: no network, no script, no other file."""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template

from regard.files import replacing
from regard.inspection.labels import printable
from regard.inspection.report import alignments, texts
from regard.inspection.report.alignments import Example
from regard.inspection.report.markup import definitions, escape
from regard.inspection.report.stylesheet import stylesheet
from regard.inspection.report.texts import TextExample

__all__ = ["Report", "render", "save"]

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
$scales
</header>
<main>
$examples
</main>
</body>
</html>
""")

_EXAMPLE = Template("""\
<article class="$kind" aria-labelledby="example-$number">
<h2 id="example-$number" dir="auto">$title</h2>
$body
</article>""")

# What the two ends of the scale of colours mean, for each kind of example.
_ENDS = {Example: ("Weight 0", "100 %"), TextExample: ("Weight 0", "strongest of the text")}


@dataclass(frozen=True, eq=False)
class Report:
    """What a page shows: a title, key figures by their labels, and examples."""

    title: str
    examples: Sequence[Example | TextExample]
    figures: Mapping[str, str] = field(default_factory=dict)


def render(report: Report) -> str:
    """Return the report as the text of an HTML page."""
    style = stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _PAGE.substitute(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'",
        title=escape(printable(report.title)),
        style=style,
        figures=definitions("figures", report.figures.items()),
        scales="\n".join(
            _scale(*ends)
            for kind, ends in _ENDS.items()
            if any(isinstance(example, kind) for example in report.examples)
        ),
        examples="\n".join(
            _example(number, example) for number, example in enumerate(report.examples, start=1)
        ),
    )


def save(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the report to an HTML file, which is then whole or not there."""
    with replacing(path) as temporary:
        temporary.write_text(render(report), encoding="utf-8", newline="\n")


def _scale(least: str, most: str) -> str:
    steps = "".join(f'<i class="w{step}"></i>' for step in range(0, 101, 5))
    return f'<p class="scale">{least} <span aria-hidden="true">{steps}</span> {most}</p>'


def _example(number: int, example: Example | TextExample) -> str:
    if isinstance(example, Example):
        kind, title = "alignment", example.alignment.title
        body = alignments.draw(number, example)
    else:
        kind, title = "text", example.shaded.title
        body = texts.draw(example)
    return _EXAMPLE.substitute(
        kind=kind,
        number=number,
        title=escape(printable(title) or f"Example {number}"),
        body=body,
    )
