"""Classifiers, as they are served."""

from collections.abc import Sequence
from typing import cast

from regard.interfaces import EOS
from regard.recipes.classify.system import ClassificationSystem, Look
from regard.recipes.classify.system import Prediction as Labelling
from regard.recipes.heads import has_heads
from regard.recipes.looks import Seen, look_into
from regard.web.answered import Choices, Classified, Kind, Prediction, View
from regard.web.asked import Options, Writing
from regard.web.limits import Limits
from regard.web.sights import Sight, Texts, drawn_of
from regard.web.sizes import check_tokens

__all__ = ["ServedClassifier"]


class ServedClassifier:
    """Classifies, and shades the text by what counted."""

    kind: Kind = "classify"
    num_texts = 1

    def __init__(self, system: ClassificationSystem, limits: Limits) -> None:
        self._system = system
        self._limits = limits

    def choices(self) -> Choices:
        views: list[View] = (
            ["attention", "heads"] if has_heads(self._system.model) else ["attention"]
        )
        return Choices(views=views)

    def check(self, texts: Texts, options: Writing) -> None:
        [ids] = self._system.encoder.encode(list(texts))
        check_tokens(sum(id_ != EOS for id_ in ids), options, self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        found = look_into(self._system, [text for [text] in asked])
        return [_sight(texts, seen, options) for texts, seen in zip(asked, found, strict=True)]

    def predict(self, asked: Sequence[Texts], options: Writing) -> list[Prediction]:
        return [_prediction(each) for each in self._system.classify([text for [text] in asked])]


def _sight(texts: Texts, seen: Seen, options: Options) -> Sight:
    made = cast(Look, seen.made)
    return Sight(texts, _prediction(made.prediction), drawn_of(seen, options.view), [])


def _prediction(found: Labelling) -> Classified:
    ordered = sorted(found.probabilities.items(), key=lambda entry: -entry[1])
    return Classified(labels=list(found.labels), probabilities=dict(ordered))
