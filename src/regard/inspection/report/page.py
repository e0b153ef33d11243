"""Examples of any kind as one HTML page: no network, no other file, a script where it helps."""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any, NamedTuple

from regard.files import replacing
from regard.inspection.labels import printable
from regard.inspection.report import alignments, head_grids, mechanism, search, texts
from regard.inspection.report.alignments import Example
from regard.inspection.report.head_grids import HeadsExample
from regard.inspection.report.markup import definitions, escape, scale
from regard.inspection.report.mechanism import MechanismExample
from regard.inspection.report.packing import NoRoomError, Packing, packings
from regard.inspection.report.script import behaviour
from regard.inspection.report.search import SearchExample
from regard.inspection.report.style import stylesheet
from regard.inspection.report.texts import TextExample

__all__ = ["Report", "fragment", "render", "save"]

AnyExample = Example | HeadsExample | MechanismExample | SearchExample | TextExample

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
$script</body>
</html>
""")

_EXAMPLE = Template("""\
<article class="$kind" aria-labelledby="example-$number">
<h2 id="example-$number" dir="auto">$title</h2>
$body
</article>""")


class _Kind(NamedTuple):
    """What the page must know of a kind of examples.

    Args:
        name: the class of its articles, by which the script and the rules find them.
        title: of an example.
        draw: an example of a number, as finely as the packing says.
        sizes: of the matrices that can be packed more or less finely.
        ends: what the two ends of the scale of colours mean.
        scripted: whether the script does something for it.
    """

    name: str
    title: Callable[[Any], str]
    draw: Callable[[int, Any, Packing], str]
    sizes: Callable[[Any], list[tuple[int, int]]] = lambda _: []
    ends: tuple[str, str] | None = None
    scripted: bool = False


_WEIGHTS = ("Weight 0", "100 %")

_KINDS: Mapping[type, _Kind] = {
    Example: _Kind(
        "alignment",
        title=lambda example: example.alignment.title,
        draw=alignments.draw,
        sizes=alignments.sizes,
        ends=_WEIGHTS,
        scripted=True,
    ),
    HeadsExample: _Kind(
        "attentions",
        title=lambda example: example.title,
        draw=head_grids.draw,
        sizes=head_grids.sizes,
        ends=_WEIGHTS,
        scripted=True,
    ),
    TextExample: _Kind(
        "text",
        title=lambda example: example.shaded.title,
        draw=lambda _number, example, _packing: texts.draw(example),
        ends=("Weight 0", "strongest of the text"),
    ),
    MechanismExample: _Kind(
        "mechanism",
        title=lambda example: example.mechanism.title,
        draw=lambda number, example, _packing: mechanism.draw(number, example),
    ),
    SearchExample: _Kind(
        "search",
        title=lambda example: example.search.title,
        draw=lambda number, example, _packing: search.draw(number, example),
    ),
}


@dataclass(frozen=True, eq=False)
class Report:
    """What a page shows: a title, key figures by their labels, and examples."""

    title: str
    examples: Sequence[AnyExample]
    figures: Mapping[str, str] = field(default_factory=dict)


def render(report: Report) -> str:
    """Return the report as the text of an HTML page.

    Matrices are drawn as finely as a page of about five megabytes allows; where that is coarser
    than their weights, the page says so.
    """
    style = stylesheet()
    kinds = list(dict.fromkeys(map(_kind_of, report.examples)))
    script = behaviour() if any(kind.scripted for kind in kinds) else ""
    scripts = f" script-src '{_digest(script)}';" if script else ""
    ends = dict.fromkeys(kind.ends for kind in kinds if kind.ends)
    return _PAGE.substitute(
        policy=f"default-src 'none'; style-src '{_digest(style)}';{scripts} base-uri 'none'; "
        "form-action 'none'",
        title=escape(printable(report.title)),
        style=style,
        figures=definitions("figures", report.figures.items()),
        scales="\n".join(scale(*each) for each in ends),
        examples="\n".join(_fitting(dict(enumerate(report.examples, start=1)))),
        script=f"<script>{script}</script>\n" if script else "",
    )


def fragment(number: int, example: AnyExample) -> str:
    """Return one example as a part of a page that has the stylesheet and the script.

    Args:
        number: of the example, by which its headings are told from those of others in the page.
    """
    return _fitting({number: example})[0]


def save(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the report to an HTML file, which is then whole or not there."""
    with replacing(path) as temporary:
        temporary.write_text(render(report), encoding="utf-8", newline="\n")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _kind_of(example: Any) -> _Kind:
    if type(example) in _KINDS:
        return _KINDS[type(example)]
    known = ", ".join(sorted(kind.__name__ for kind in _KINDS))
    raise TypeError(f"a page shows examples of the kinds {known}; got {type(example).__name__}")


def _fitting(examples: Mapping[int, AnyExample]) -> list[str]:
    """Return the examples by their numbers, as finely drawn as there is room for."""
    sizes = [size for example in examples.values() for size in _kind_of(example).sizes(example)]
    *finer, coarsest = packings(sizes)
    for packing in finer:
        try:
            return _articles(examples, packing)
        except NoRoomError:
            continue
    return _articles(examples, coarsest)


def _articles(examples: Mapping[int, AnyExample], packing: Packing) -> list[str]:
    articles = []
    for number, example in examples.items():
        left = packing.room
        article = _article(number, example, packing)
        # What was taken for its weights is a part of it.
        packing.room = left
        packing.take(len(article.encode()))
        articles.append(article)
    return articles


def _article(number: int, example: AnyExample, packing: Packing) -> str:
    kind = _kind_of(example)
    return _EXAMPLE.substitute(
        kind=kind.name,
        number=number,
        title=escape(printable(kind.title(example)) or f"Example {number}"),
        body=kind.draw(number, example, packing),
    )
