"""Sights as parts of a page, as numbers, and as files to be kept."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.report import (
    Example,
    HeadsExample,
    Report,
    SearchExample,
    TextExample,
    fragment,
    render,
)
from regard.inspection.search_steps import SearchSteps
from regard.inspection.shading import ShadedText
from regard.inspection.text_picture import draw_text
from regard.web.answered import (
    Attention,
    Chosen,
    Heads,
    Matrix,
    Returned,
    Searched,
    Seen,
    Shading,
    Weights,
)
from regard.web.sights import Drawn, Sight

__all__ = ["TYPES", "File", "draw_file", "seen"]

DIGITS = 6
"""Of weights as numbers: float32 has no more."""

MOST_CHOICES = 1_000
"""Of a search that is drawn: each takes some milliseconds, and drawing is not stopped."""

TYPES = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
"""The kinds of files there are."""


class File(NamedTuple):
    """What a file holds, and of which type it is."""

    content: bytes
    media_type: str


def seen(run: str, sight: Sight, number: int) -> Seen:
    """Return what the API answers: what was made of a text, the weights, and their picture."""
    return Seen(
        run=run,
        texts=list(sight.texts),
        prediction=sight.prediction,
        weights=_weights(sight.drawn),
        notices=sight.notices,
        fragment=fragment(number, sight.drawn),
    )


def draw_file(run: str, sight: Sight, kind: str) -> File:
    """Draw what was seen to a file of a kind of `TYPES`.

    Raises:
        ValueError: there is no such picture of it.
    """
    if isinstance(sight.drawn, SearchExample) and kind in ("svg", "png", "pdf"):
        _check_size(sight.drawn.search, kind)
    if kind == "json":
        content = seen(run, sight, 1).model_dump_json(indent=1, exclude={"fragment"}).encode()
    elif kind == "html":
        content = render(Report(run, [_with_texts(sight)])).encode()
    elif isinstance(sight.drawn, TextExample):
        if kind != "svg":
            raise ValueError(f"a shaded text is drawn as svg or html, not as {kind}")
        content = draw_text(sight.drawn.shaded).encode()
    else:
        content = _figure(sight.drawn, kind)
    return File(content, TYPES[kind])


def _check_size(search: SearchSteps, kind: str) -> None:
    num_choices = sum(map(len, search.steps))
    if num_choices > MOST_CHOICES:
        raise ValueError(
            f"a search of {num_choices:,} choices takes too long to draw as {kind}, which has up "
            f"to {MOST_CHOICES:,}: take html, or a shorter text"
        )


def _figure(drawn: Example | HeadsExample | SearchExample, kind: str) -> bytes:
    # Imported here: they bring in matplotlib, which nothing else needs.
    from regard.inspection.figures import heads, plots, search_tree

    def save(path: Path) -> None:
        if isinstance(drawn, HeadsExample):
            heads.save(drawn.attentions, path, drawn.title)
        elif isinstance(drawn, SearchExample):
            search_tree.save(drawn.search, path)
        else:
            plots.save(drawn.alignment, path)

    return _saved(save, kind)


def _saved(save: Callable[[Path], None], kind: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="regard-") as folder, warnings.catch_warnings():
        # What no installed font has is drawn as a box.
        warnings.simplefilter("ignore")
        path = Path(folder) / f"picture.{kind}"
        save(path)
        return path.read_bytes()


def _with_texts(sight: Sight) -> Drawn:
    """Return what is drawn with the texts it belongs to, for a page that has nothing else."""
    drawn = sight.drawn
    if isinstance(drawn, TextExample | SearchExample):
        return drawn
    if len(sight.texts) == 2 and isinstance(drawn, Example):
        left, right = sight.texts
        return drawn._replace(source=right, prediction=left)
    written = getattr(sight.prediction, "text", None)
    return drawn._replace(source=sight.texts[0], prediction=written)


def _weights(drawn: Drawn) -> Weights:
    if isinstance(drawn, HeadsExample):
        return _heads(drawn)
    if isinstance(drawn, TextExample):
        return _shading(drawn.shaded)
    if isinstance(drawn, SearchExample):
        return _searched(drawn.search)
    return _matrix(drawn.alignment)


def _heads(example: HeadsExample) -> Heads:
    attentions = [
        Attention(
            name=attention.name,
            query=list(attention.query),
            key=list(attention.key),
            layers=[_rounded(weights) for weights in attention.layers],
        )
        for attention in example.attentions
    ]
    return Heads(title=example.title, attentions=attentions)


def _searched(search: SearchSteps) -> Searched:
    steps = [
        [
            Chosen(
                token=choice.token,
                parent=choice.parent,
                probability=round(choice.probability, DIGITS),
                log_prob=round(choice.log_prob, DIGITS),
                fate=choice.fate,
                looked=[round(weight, DIGITS) for weight in choice.looked],
            )
            for choice in choices
        ]
        for choices in search.steps
    ]
    endings = [
        Returned(step=ending.step, choice=ending.choice, score=ending.score)
        for ending in search.endings
    ]
    return Searched(title=search.title, source=list(search.source), steps=steps, endings=endings)


def _matrix(alignment: Alignment) -> Matrix:
    return Matrix(
        title=alignment.title,
        source=list(alignment.source),
        target=list(alignment.target),
        weights=_rounded(alignment.weights),
    )


def _shading(shaded: ShadedText) -> Shading:
    return Shading(
        title=shaded.title,
        text=shaded.text,
        spans=[(first, last) for first, last in shaded.spans],
        sentences=None if shaded.sentences is None else list(shaded.sentences),
        weights=_rounded(shaded.weights),
    )


def _rounded(weights: Tensor) -> Any:
    return weights.detach().double().round(decimals=DIGITS).tolist()
