"""Matchers, as they are served."""

from collections.abc import Sequence
from typing import cast

from regard.recipes.looks import look_into
from regard.recipes.match.system import Match, MatchingSystem, MatchLook
from regard.web.answered import Choices, Kind, Matched, Prediction
from regard.web.asked import Options, Writing
from regard.web.limits import Limits
from regard.web.sights import Sight, Texts, drawn_of
from regard.web.sizes import check_tokens

__all__ = ["ServedMatcher"]


class ServedMatcher:
    """Matches two texts, and shows where they do."""

    kind: Kind = "match"
    num_texts = 2

    def __init__(self, system: MatchingSystem, limits: Limits) -> None:
        self._system = system
        self._limits = limits

    def choices(self) -> Choices:
        return Choices()

    def check(self, texts: Texts, options: Writing) -> None:
        for text in texts:
            check_tokens(len(self._system.encoder.spans(text)), options, self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        return [self._sight(texts, options) for texts in asked]

    def predict(self, asked: Sequence[Texts], options: Writing) -> list[Prediction]:
        found = self._system.match([(left, right) for left, right in asked])
        return [_prediction(each) for each in found]

    def _sight(self, texts: Texts, options: Options) -> Sight:
        [seen] = look_into(self._system, texts)
        match = cast(MatchLook, seen.made).match
        return Sight(texts, _prediction(match), drawn_of(seen, options.view), [])


def _prediction(found: Match) -> Matched:
    ordered = sorted(found.probabilities.items(), key=lambda entry: -entry[1])
    return Matched(label=found.label, score=found.score, probabilities=dict(ordered))
