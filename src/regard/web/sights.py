"""What is seen in a text by a run, and what every kind of run that is served can do."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from regard.inspection.report import Example, HeadsExample, SearchExample, TextExample
from regard.recipes.looks import Seen
from regard.web.answered import Choices, Kind, Prediction, View
from regard.web.asked import Options, Writing

__all__ = ["Drawn", "Kind", "ServedSystem", "Sight", "Texts", "drawn_of"]

Texts = tuple[str, ...]
"""One text, or the left and the right one of a pair."""

Drawn = Example | HeadsExample | SearchExample | TextExample


class Sight(NamedTuple):
    """What a run makes of texts, what there is to draw of that, and what else is to be said."""

    texts: Texts
    prediction: Prediction
    drawn: Drawn
    notices: list[str]


@runtime_checkable
class ServedSystem(Protocol):
    """A trained system, asked in the same way as those of all other kinds."""

    kind: Kind
    num_texts: int

    def choices(self) -> Choices:
        """Return what may be chosen."""

    def check(self, texts: Texts, options: Writing) -> None:
        """Refuse what would take too long, and, where it is looked into, what is empty.

        Raises:
            ValueError: there are more tokens than may be, or too few.
        """

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        """Say what is seen in each of several texts.

        Raises:
            ValueError: there is no such layer or head, or the model cannot read a text.
        """

    def predict(self, asked: Sequence[Texts], options: Writing) -> list[Prediction]:
        """Say what is made of each, without looking where.

        Raises:
            ValueError: the model cannot read a text.
        """


def drawn_of(seen: Seen, view: View) -> Drawn:
    """Return what is drawn in a view, without the texts, which stand above it."""
    if view == "heads" and seen.heads is not None:
        return HeadsExample(seen.heads(), "All heads")
    picture = seen.pictures[0]
    if isinstance(picture, Example):
        return picture._replace(source=None, prediction=None)
    return picture
