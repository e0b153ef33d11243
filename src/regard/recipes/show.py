"""`regard.show`: where something looked, drawn where one works, in a notebook or at a prompt."""

import html
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, get_args

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.mechanism import Mechanism
from regard.inspection.record import LayerRecord, Record
from regard.inspection.report import (
    AnyExample,
    Example,
    HeadsExample,
    MechanismExample,
    Report,
    SearchExample,
    TextExample,
    render,
    save,
)
from regard.inspection.search_steps import SearchSteps
from regard.inspection.shading import ShadedText
from regard.inspection.terminal import Choices, Flow, HeadTable, HeatMap, Shades
from regard.recipes.looks import AnySystem, look_into
from regard.recipes.run import load

__all__ = ["Shown", "examples_of", "show"]

_WIDTH = 100

# The page scrolls within it, and its corner can be drawn.
_FRAME = (
    '<iframe srcdoc="{page}" title="{title}" sandbox="allow-scripts allow-downloads" '
    'style="width: 100%; height: {height}px; border: 0; resize: vertical"></iframe>'
)
_HEIGHTS = {TextExample: 320, Example: 560}
_HIGHEST = 760

_OF_DRAWINGS: Mapping[type, Callable[[Any], AnyExample]] = {
    Alignment: Example,
    HeadWeights: lambda attention: HeadsExample([attention], attention.name),
    Mechanism: MechanismExample,
    SearchSteps: SearchExample,
    ShadedText: TextExample,
}


class _Sides(NamedTuple):
    """The tokens of columns and of rows; positions are numbered where there are none."""

    source: Sequence[str] | None
    target: Sequence[str] | None


class Shown:
    """Pictures that draw themselves: an HTML page in a notebook, letters at a prompt.

    Args:
        examples: what is drawn.
    """

    def __init__(self, examples: Sequence[AnyExample], title: str = "") -> None:
        self.examples = list(examples)
        self.title = title

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it as one HTML page, which is then whole or not there.

        Raises:
            ValueError: the path does not end in .html.
        """
        if Path(path).suffix.lower() not in {".html", ".htm"}:
            raise ValueError(f"a page is written to a file that ends in .html; got {path}")
        save(self._report(), path)

    def _report(self) -> Report:
        return Report(self.title or "Where it looks", self.examples)

    def _repr_html_(self) -> str:
        height = sum(_HEIGHTS.get(type(example), _HIGHEST) for example in self.examples)
        return _FRAME.format(
            page=html.escape(render(self._report())),
            title=html.escape(self._report().title),
            height=min(height, _HIGHEST),
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for example in self.examples:
            yield from _drawn(example)

    def __repr__(self) -> str:
        written = StringIO()
        Console(file=written, width=_WIDTH, color_system=None).print(self)
        return written.getvalue().rstrip("\n")


def show(
    what: Any,
    *texts: str,
    source: Sequence[str] | None = None,
    target: Sequence[str] | None = None,
    title: str = "",
) -> Shown:
    """Draw where something looked: in a notebook as a page, at a prompt in letters.

    Args:
        what: weights (`target source`, or `heads target source`), a `Record` or one of its layers,
            a drawing model such as `Alignment`, a system that `regard.load` gives, or the path of
            its run.
        texts: what a system is to read; a matcher takes the left text and the right.
        source: the tokens of the columns, where there are weights or a record alone.
        target: those of the rows; those of the columns, if not given, where there are as many.

    Raises:
        TypeError: this cannot be drawn.
        ValueError: there is nothing to draw, or what is given does not fit together.

    >>> import torch
    >>> show(torch.tensor([[0.75, 0.25], [0.0, 1.0]]), source=["le", "chat"], target=["the", "cat"])
        le chat
    the ▓▓▓░░░░░
    cat ···█████
        0 ···░░░░░▒▒▒▒▒▓▓▓▓▓███ 1
    """
    if isinstance(what, str | Path):
        what = load(what)
    systems = get_args(AnySystem)
    has_tokens = source is not None or target is not None
    if has_tokens and isinstance(what, (*systems, *_OF_DRAWINGS)):
        raise TypeError(
            f"a {type(what).__name__} has tokens of its own: leave out source=, target="
        )
    if isinstance(what, systems):
        return Shown(examples_of(what, texts), title)
    if texts:
        raise TypeError(f"a {type(what).__name__} reads no texts; name its tokens by source=")
    return Shown(list(_examples(what, _Sides(source, target), title)), title)


def examples_of(system: AnySystem, texts: Sequence[str]) -> list[AnyExample]:
    """Return what there is to draw of what a system reads: where it looks, and all its heads.

    Raises:
        ValueError: there is no text, no token of one is read, or a matcher has not two.
    """
    if not texts:
        raise ValueError("give a text to look into")
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"give each text by itself, as a str; got {type(text).__name__}")
    return [example for seen in look_into(system, texts) for example in seen.with_heads()]


def _examples(what: Any, sides: _Sides, title: str) -> Iterator[AnyExample]:
    if isinstance(what, Tensor):
        yield _of_weights(what, sides, title)
    elif isinstance(what, LayerRecord):
        yield _of_weights(_first(what), sides, title or what.name)
    elif isinstance(what, Record):
        yield from _of_record(what, sides, title)
    elif type(what) in _OF_DRAWINGS:
        yield _OF_DRAWINGS[type(what)](what)
    elif isinstance(what, list | tuple) and what:
        for each in what:
            yield from _examples(each, sides, title)
    else:
        raise TypeError(
            "give weights, a record, something to draw, a trained system or the path of its run; "
            f"got {type(what).__name__}"
        )


def _of_record(seen: Record, sides: _Sides, title: str) -> Iterator[AnyExample]:
    """Put layers that follow each other and look at as many tokens into one grid."""
    called = [seen[name] for name in seen.layers if len(seen[name])]
    if not called:
        raise ValueError("no layer was called while it was recorded: there is nothing to draw")
    weights = [(layer.name, _first(layer)) for layer in called]
    for size, group in groupby(weights, key=lambda each: each[1].shape[-2:]):
        members = list(group)
        target, source = _named(tuple(size), sides)
        layers = [each.reshape(-1, *size) for _, each in members]
        name = members[0][0] if len(members) == 1 else f"{members[0][0]} … {members[-1][0]}"
        yield HeadsExample([HeadWeights(name, layers, target, source)], title)


def _first(layer: LayerRecord) -> Tensor:
    """Return the weights of the last call, of the first text of its batch."""
    weights = layer.weights().float().cpu()
    if weights.dim() > 2 and not len(weights):
        raise ValueError(f"{layer.name} was called with an empty batch: there is nothing to draw")
    return weights[0] if weights.dim() > 2 else weights


def _of_weights(weights: Tensor, sides: _Sides, title: str) -> AnyExample:
    if weights.dim() not in {2, 3}:
        raise ValueError(
            "weights must have shape (target, source) or (heads, target, source); got "
            f"{tuple(weights.shape)}. Choose one text and one layer first."
        )
    target, source = _named(tuple(weights.shape[-2:]), sides)
    if weights.dim() == 2:
        return Example(Alignment(weights, source, target, title))
    return HeadsExample([HeadWeights(title or "attention", [weights], target, source)], title)


def _named(size: tuple[int, ...], sides: _Sides) -> tuple[Sequence[str], Sequence[str]]:
    """Return the tokens of rows and of columns, numbers where there are none."""
    num_target, num_source = size
    source = list(map(str, range(num_source))) if sides.source is None else sides.source
    if sides.target is not None:
        return sides.target, source
    if sides.source is not None and num_target == num_source:
        return source, source
    return list(map(str, range(num_target))), source


def _drawn(example: AnyExample) -> Iterator[Any]:
    if isinstance(example, Example):
        yield HeatMap(example.alignment)
    elif isinstance(example, TextExample):
        yield Shades(example.shaded)
    elif isinstance(example, MechanismExample):
        yield Flow(example.mechanism)
    elif isinstance(example, SearchExample):
        yield Choices(example.search)
    else:
        yield Text(example.title, style="bold")
        yield from map(HeadTable, example.attentions)
