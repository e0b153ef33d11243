"""The parts of a matcher, made from settings or read from a run."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from regard.data.encoders import TextEncoder
from regard.data.files import DataError
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.matched import MatchedText, read_matched
from regard.data.matched_splits import MatchedSplits, matched_splits_from_files
from regard.data.named import find_named
from regard.data.named_matched import KNOWN_MATCHED, load_named_matched
from regard.data.pair_features import PairFeatures
from regard.data.tokenizers import Tokenizer
from regard.data.vectors import vector_words
from regard.recipes.match.settings import DataSettings, MatchSettings, VocabularySettings
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["Parts", "learn_parts", "load_rows", "load_splits", "make_encoder", "read_parts"]

TOKENIZER, LABELS, GRADES, FEATURES = (
    f"{name}.json" for name in ("tokenizer", "labels", "grades", "features")
)


@dataclass(frozen=True)
class Parts:
    """What a matcher has learnt of the training pairs before it is trained."""

    tokenizer: Tokenizer
    truth: Labels | Grades
    features: PairFeatures | None

    def save(self, folder: Path) -> None:
        """Write the parts to a run directory."""
        self.tokenizer.save(folder / TOKENIZER)
        self.truth.save(folder / (LABELS if isinstance(self.truth, Labels) else GRADES))
        if self.features is not None:
            self.features.save(folder / FEATURES)


def read_parts(run: RunDirectory, settings: MatchSettings) -> Parts:
    """Read the parts that a run has kept.

    Raises:
        RunError: one is missing or damaged.
    """
    truth: Labels | Grades
    try:
        tokenizer = Tokenizer.load(run.path / TOKENIZER)
        graded = (run.path / GRADES).exists()
        truth = Grades.load(run.path / GRADES) if graded else Labels.load(run.path / LABELS)
        features = PairFeatures.load(run.path / FEATURES) if settings.data.features else None
    except (DataError, OSError) as error:
        raise RunError(f"{run.path} is not a whole run directory: {error}") from None
    return Parts(tokenizer, truth, features)


def load_splits(settings: DataSettings) -> MatchedSplits:
    """Load the pairs that the settings name.

    Raises:
        DataError: they cannot be used.
    """
    if settings.train is None:
        given = (settings.left, settings.right, settings.label, settings.group, settings.grades)
        if given != ("left", "right", "label", None, None):
            raise DataError(
                "data.left, data.right, data.label, data.group and data.grades go with data.train; "
                "it is not given"
            )
        if settings.validation is not None or settings.test is not None:
            raise DataError("data.validation and data.test go with data.train; it is not given")
        return load_named_matched(settings.name, settings.folder)
    if settings.folder is not None:
        raise DataError("data.folder is where a named set lies; with data.train, leave it out")
    return matched_splits_from_files(
        settings.train,
        settings.validation,
        settings.test,
        graded=settings.grades is not None,
        **_columns(settings),
    )


def load_rows(path: Path, settings: DataSettings) -> MatchedText:
    """Load other pairs, in the columns of the settings.

    Raises:
        DataError: the file cannot be used.
    """
    return read_matched(path, **_columns(settings))


def learn_parts(settings: MatchSettings, train: MatchedText) -> Parts:
    """Learn which words there are, what may be true of a pair, and what features are usual.

    Raises:
        DataError: there is one class only, or the vectors cannot be read.
    """
    tokenizer = _learn_tokenizer(settings.vocabulary, train)
    features = PairFeatures.learn(train.rows) if settings.data.features else None
    return Parts(tokenizer, _truth(settings.data, train), features)


def make_encoder(settings: MatchSettings, tokenizer: Tokenizer) -> TextEncoder:
    """Make what divides texts into the tokens that the model reads."""
    return TextEncoder(tokenizer, settings.data.max_len, settings.data.keep)


def _columns(settings: DataSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in ("left", "right", "label", "group")}


def _truth(settings: DataSettings, train: MatchedText) -> Labels | Grades:
    grades = settings.grades
    if settings.train is None:
        grades = find_named(settings.name, KNOWN_MATCHED).grades
    if grades is not None:
        if settings.positive is not None or settings.group is not None:
            raise DataError("data.positive and data.group are of classes; these pairs have grades")
        return Grades(*grades)
    labels = Labels.learn(((row.label,) for row in train.rows), several=False)
    return labels if settings.positive is None else _with_positive(labels, settings.positive)


def _with_positive(labels: Labels, positive: str) -> Labels:
    """Put the positive class behind the other."""
    if len(labels.names) != 2 or positive not in labels.names:
        known = ", ".join(labels.names[:5])
        raise DataError(f"data.positive is one of two classes; '{positive}' is not: {known}")
    [negative] = set(labels.names) - {positive}
    return Labels((negative, positive))


def _learn_tokenizer(settings: VocabularySettings, train: MatchedText) -> Tokenizer:
    texts = [text for row in train.rows for text in (row.left, row.right)]
    if settings.kind == "characters":
        return Tokenizer.characters(texts, lowercase=settings.lowercase)
    if settings.kind == "bpe":
        return Tokenizer.bpe(texts, vocab_size=settings.size, lowercase=settings.lowercase)
    # All that is learnt from is read twice, and words with a vector so often that they come behind
    # what is frequent enough there, and before what is not.
    often_enough = 2 * settings.min_frequency - 1
    return Tokenizer.words(
        chain(texts, texts, _with_vectors(settings, often_enough)),
        min_frequency=often_enough,
        vocab_size=settings.size,
        lowercase=settings.lowercase,
    )


def _with_vectors(settings: VocabularySettings, times: int) -> Iterator[str]:
    """Give the words that have a vector, each so many times."""
    if settings.vectors is not None:
        for word in islice(vector_words(settings.vectors), settings.size):
            yield from [word] * times
