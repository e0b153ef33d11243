"""A trained matcher as its users meet it: two texts in, and where they match out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast, get_type_hints

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.data.batching import source_batches
from regard.data.encoders import Encoder
from regard.data.encoding import pad
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.matched_encoding import EncodedMatched
from regard.data.pair_features import PairFeatures, split_words
from regard.interfaces import Matcher, Tokens
from regard.recipes.kept import settings_kept
from regard.recipes.match.model import make_model
from regard.recipes.match.parts import Parts, make_encoder, read_parts
from regard.recipes.match.settings import MATCHERS, MatchSettings
from regard.training.classification import probabilities
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["Match", "MatchLook", "MatchingSystem", "matcher_settings", "open_matcher"]

PAIRS_AT_ONCE, TOKENS_AT_ONCE = 256, 32_768

Texts = tuple[str, str]


class Match(NamedTuple):
    """What two texts were taken for.

    `label` is the class that is most probable, and `probabilities` has them all; of grades, `label`
    is the grade, written with two decimals, and `probabilities` is empty. `score` ranks pairs: the
    probability of the second class of two, that of `label` of several, or the grade.
    """

    label: str
    score: float
    probabilities: dict[str, float]


class MatchLook(NamedTuple):
    """A match, and how well each token of the one text matches each of the other."""

    match: Match
    left_tokens: list[str]
    right_tokens: list[str]
    matrix: Float[Tensor, "left right"]


class MatchingSystem:
    """A matcher with the encoder, the classes or grades, and the features it was trained with.

    Args:
        model: any model that is a `Matcher`.
    """

    def __init__(
        self,
        model: nn.Module,
        encoder: Encoder,
        truth: Labels | Grades,
        features: PairFeatures | None = None,
    ) -> None:
        if not isinstance(model, Matcher):
            raise TypeError(f"{type(model).__name__} does not match pairs; see Matcher")
        self.model = cast(nn.Module, model)
        self.encoder = encoder
        self.truth = truth
        self.features = features

    def match(self, pairs: Sequence[Texts]) -> list[Match]:
        """Say what the two texts of each pair have to do with each other."""
        return list(self.iterate(pairs))

    def iterate(self, pairs: Sequence[Texts]) -> Iterator[Match]:
        """Match like `match`, giving each result as soon as those before it are done."""
        for first in range(0, len(pairs), 16 * PAIRS_AT_ONCE):
            some = pairs[first : first + 16 * PAIRS_AT_ONCE]
            yield from map(self._match, self.outputs(self._encoded(some)))

    @torch.no_grad()
    def outputs(self, pairs: Sequence[EncodedMatched]) -> Float[Tensor, "pairs outputs"]:
        """Return the probability of each class, or the share of the greatest grade.

        Pairs are encoded already.
        """
        graded = isinstance(self.truth, Grades)
        num_outputs = 1 if isinstance(self.truth, Grades) else len(self.truth.names)
        # In double precision, that pairs that are nearly certain are still told apart.
        found = torch.zeros(len(pairs), num_outputs, dtype=torch.float64)
        was_training = self.model.training
        self.model.eval()
        for batch, positions in self._batches(pairs):
            logits = self.model(*batch)
            found[positions] = probabilities(logits.cpu().double(), several=graded)
        self.model.train(was_training)
        return found

    @torch.no_grad()
    def look(self, left: str, right: str) -> MatchLook:
        """Match two texts, and say how well each token of the one matches each of the other."""
        encoded = self._encoded([(left, right)])
        [[(left_ids, right_ids, _), _]] = self._batches(encoded)
        was_training = self.model.training
        self.model.eval()
        matrix = cast(Matcher, self.model).matrix(left_ids, right_ids)[0].float().cpu()
        self.model.train(was_training)
        [output] = self.outputs(encoded)
        return MatchLook(self._match(output), self._tokens(left), self._tokens(right), matrix)

    def _tokens(self, text: str) -> list[str]:
        return [text[start:end] for start, end in self.encoder.spans(text)]

    def _encoded(self, pairs: Sequence[Texts]) -> list[EncodedMatched]:
        lefts, rights = (self.encoder.encode([pair[side] for pair in pairs]) for side in (0, 1))
        features = [self._features(*pair) for pair in pairs]
        return [
            EncodedMatched(*each, target=0) for each in zip(lefts, rights, features, strict=True)
        ]

    def _features(self, left: str, right: str) -> list[float]:
        if self.features is None:
            return []
        return self.features.of(split_words(left), split_words(right))

    def _batches(
        self, pairs: Sequence[EncodedMatched]
    ) -> Iterator[tuple[tuple[Tokens, Tokens, Tensor], list[int]]]:
        device = next(self.model.parameters()).device
        joined = [[*pair.left, *pair.right] for pair in pairs]
        for _, positions in source_batches(
            joined, max_tokens=TOKENS_AT_ONCE, max_sentences=PAIRS_AT_ONCE
        ):
            some = [pairs[at] for at in positions]
            sides = (pad([pair.left for pair in some]), pad([pair.right for pair in some]))
            left, right = (Tokens(ids.to(device), lengths) for ids, lengths in sides)
            features = torch.tensor([pair.features for pair in some], device=device)
            yield (left, right, features), positions

    def _match(self, output: Float[Tensor, " outputs"]) -> Match:
        if isinstance(self.truth, Grades):
            grade = self.truth.grade(float(output[0]))
            return Match(f"{grade:.2f}", grade, {})
        by_label = dict(zip(self.truth.names, output.tolist(), strict=True))
        label = max(by_label, key=lambda name: by_label[name])
        ranks = output[1] if len(by_label) == 2 else output.max()
        return Match(label, float(ranks), by_label)


def matcher_settings(run: RunDirectory) -> MatchSettings:
    """Read the settings of a run.

    Raises:
        RunError: the run cannot be read.
    """
    matcher = run.config().get("matcher")
    if not isinstance(matcher, str) or matcher not in MATCHERS:
        raise RunError(f"{run.path} holds a matcher {matcher!r}, unknown to this version")
    groups = get_type_hints(MatchSettings) | {"model": MATCHERS[matcher]}
    return MatchSettings(**settings_kept(run, groups))


def open_matcher(run: RunDirectory, settings: MatchSettings) -> MatchingSystem:
    """Put the trained system of a run together.

    Raises:
        RunError: it is damaged or unfinished.
    """
    parts = read_parts(run, settings)
    model = make_model(settings, parts)
    run.load_weights(model)
    return make_system(settings, parts, model.eval())


def make_system(settings: MatchSettings, parts: Parts, model: nn.Module) -> MatchingSystem:
    """Put a model together with the parts it was made for."""
    encoder = make_encoder(settings, parts.tokenizer)
    return MatchingSystem(model, encoder, parts.truth, parts.features)
