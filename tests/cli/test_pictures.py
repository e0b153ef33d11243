"""What is drawn of a text that was classified."""

from io import StringIO

import pytest
import torch
from rich.console import Console

from regard.cli.figures import confusion_table, figures_table
from regard.recipes import looks
from regard.recipes.classify.system import Look, Prediction
from regard.recipes.looks import shaded

PREDICTION = Prediction(("good",), {"bad": 0.25, "good": 0.75}, 2)


def look(text: str, spans: list[tuple[int, int]]) -> Look:
    weights = torch.full((len(spans),), 1 / max(1, len(spans)))
    return Look(text, PREDICTION, spans, weights, None)


def test_a_text_is_titled_by_its_labels_and_their_probabilities() -> None:
    assert shaded(look("a film", [(0, 1), (2, 6)])).title == "good 75.0 %"
    none = look("a film", [(0, 1)])._replace(prediction=PREDICTION._replace(labels=()))
    assert shaded(none).title == "no label"


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        (" \n ", []),
        ("a film", [(0, 1), (2, 6)]),
        ("é film.", [(0, 1), (0, 1), (2, 4), (4, 6)]),
        ("ab c", [(0, 2), (1, 2), (1, 4)]),
    ],
)
def test_a_text_that_was_read_is_drawn_as_it_was_written(
    text: str, spans: list[tuple[int, int]]
) -> None:
    drawn = shaded(look(text, spans))
    assert (drawn.text, drawn.spans) == (text, spans)


def test_long_stretches_that_were_not_read_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LONGEST_UNREAD", 4)
    text = "unread a 🙂 some film unread é unread"
    spans = [(7, 8), (9, 10), (9, 10), (16, 20), (28, 29), (28, 29)]
    drawn = shaded(look(text, spans))
    assert drawn.text == " … a 🙂 … film … é … "
    words = [drawn.text[start:stop] for start, stop in drawn.spans]
    assert words == ["a", "🙂", "🙂", "film", "é", "é"]


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    scores = {"accuracy": 50.0}
    written = StringIO()
    console = Console(file=written, width=100)
    console.print(
        figures_table({"x[/y].csv": scores}), confusion_table(["[/a]", "b"], [[1, 0]] * 2)
    )
    shown = written.getvalue()
    assert "x[/y].csv" in shown
    assert shown.count("[/a]") == 2
