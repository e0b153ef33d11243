"""Matchers, as they are served."""

from collections.abc import Sequence

from regard.inspection.report import Example
from regard.recipes.looks import matrix_of
from regard.recipes.match.system import Match, MatchingSystem
from regard.web.answered import Choices, Kind, Matched, Prediction
from regard.web.asked import Options
from regard.web.limits import Limits
from regard.web.sights import Sight, Texts
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

    def check(self, texts: Texts, options: Options) -> None:
        for ids in self._system.encoder.encode(list(texts)):
            check_tokens(len(ids), self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        return [self._sight(left, right) for left, right in asked]

    def predict(self, asked: Sequence[Texts], options: Options) -> list[Prediction]:
        found = self._system.match([(left, right) for left, right in asked])
        return [_prediction(each) for each in found]

    def _sight(self, left: str, right: str) -> Sight:
        look = self._system.look(left, right)
        notices = [
            f"The {side} text is empty."
            for side, tokens in (("left", look.left_tokens), ("right", look.right_tokens))
            if not tokens
        ]
        drawn = Example(matrix_of(look), row="left", column="right")
        return Sight((left, right), _prediction(look.match), drawn, notices)


def _prediction(found: Match) -> Matched:
    ordered = sorted(found.probabilities.items(), key=lambda entry: -entry[1])
    return Matched(label=found.label, score=found.score, probabilities=dict(ordered))
