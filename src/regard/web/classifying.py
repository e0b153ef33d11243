"""Classifiers, as they are served."""

from collections.abc import Sequence

from regard.inspection.report import HeadsExample, TextExample
from regard.recipes.classify.system import ClassificationSystem, Look
from regard.recipes.classify.system import Prediction as Labelling
from regard.recipes.heads import has_heads
from regard.recipes.looks import shaded
from regard.web.answered import Choices, Classified, Kind, Prediction, View
from regard.web.asked import Options
from regard.web.limits import Limits
from regard.web.sights import Drawn, Sight, Texts
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

    def check(self, texts: Texts, options: Options) -> None:
        [ids] = self._system.encoder.encode(list(texts))
        check_tokens(len(ids), self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        looks = self._system.look([text for [text] in asked])
        return [
            Sight(
                (look.text,),
                _prediction(look.prediction),
                self._drawn(look, options),
                _notices(look.prediction),
            )
            for look in looks
        ]

    def predict(self, asked: Sequence[Texts], options: Options) -> list[Prediction]:
        return [_prediction(each) for each in self._system.classify([text for [text] in asked])]

    def _drawn(self, look: Look, options: Options) -> Drawn:
        if options.view == "heads":
            return HeadsExample(self._system.heads(look.text), "All heads")
        return TextExample(shaded(look))


def _prediction(found: Labelling) -> Classified:
    ordered = sorted(found.probabilities.items(), key=lambda entry: -entry[1])
    return Classified(labels=list(found.labels), probabilities=dict(ordered))


def _notices(found: Labelling) -> list[str]:
    if found.num_read:
        return []
    return ["The text is empty: this is what is likely without reading."]
