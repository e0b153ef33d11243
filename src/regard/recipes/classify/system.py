"""A trained classifier as its users meet it: text in, labels and what counted for them out."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, cast, get_type_hints

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.data.batching import source_batches
from regard.data.encoders import Encoder, SentenceEncoder
from regard.data.labels import Labels
from regard.inspection.head_weights import HeadWeights
from regard.interfaces import EOS, Classifier, Tokens
from regard.recipes.classify.parts import make_encoder, make_model, read_parts
from regard.recipes.classify.settings import READERS, ClassifySettings
from regard.recipes.heads import Read, heads_of_reading
from regard.recipes.kept import settings_kept
from regard.training.classification import probabilities
from regard.training.run_directory import RunDirectory, RunError

__all__ = [
    "ClassificationSystem",
    "Look",
    "Prediction",
    "classifier_settings",
    "open_classifier",
]

TEXTS_AT_ONCE, TOKENS_AT_ONCE = 256, 65_536


class Prediction(NamedTuple):
    """What a text was taken for.

    `labels` are the one that is most probable, or, where a text may have several, all from a half
    upwards, the most probable first. `num_read` counts the tokens that were read.
    """

    labels: tuple[str, ...]
    probabilities: dict[str, float]
    num_read: int


class Look(NamedTuple):
    """A prediction, and how much each token counted for it.

    `spans` says which characters of the text each token stands for; `sentences` is the number of
    its sentence, with a reader that knows sentences.
    """

    text: str
    prediction: Prediction
    spans: list[tuple[int, int]]
    weights: Float[Tensor, " tokens"]
    sentences: list[int] | None


class ClassificationSystem:
    """A classifier with the encoder and the labels it was trained with.

    Args:
        model: any model that is a `Classifier`.
    """

    def __init__(self, model: nn.Module, encoder: Encoder, labels: Labels) -> None:
        if not isinstance(model, Classifier):
            raise TypeError(f"{type(model).__name__} does not classify; see Classifier")
        self.model = cast(nn.Module, model)
        self.encoder = encoder
        self.labels = labels

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify texts; an empty one gets what is likely without reading."""
        return list(self.iterate(texts))

    def iterate(self, texts: Sequence[str]) -> Iterator[Prediction]:
        """Classify like `classify`, giving each result as soon as those before it are done.

        Raises:
            TypeError: there is one text instead of several.
        """
        _check_several(texts)
        for first in range(0, len(texts), 16 * TEXTS_AT_ONCE):
            ids = self.encoder.encode(texts[first : first + 16 * TEXTS_AT_ONCE])
            yield from map(self._prediction, self.probabilities(ids), map(_num_words, ids))

    @torch.no_grad()
    def probabilities(self, texts: Sequence[Sequence[int]]) -> Float[Tensor, "texts classes"]:
        """Return the probability of each class, for texts that are encoded already."""
        found = torch.zeros(len(texts), len(self.labels.names))
        was_training = self.model.training
        self.model.eval()
        for text, positions in self._batches(texts):
            logits = self.model(text)
            found[positions] = probabilities(logits, several=self.labels.several).cpu()
        self.model.train(was_training)
        return found

    def look(self, texts: Sequence[str]) -> Iterator[Look]:
        """Classify texts one after another, and say how much each token counted.

        Raises:
            TypeError: there is one text instead of several.
        """
        _check_several(texts)
        classifier = cast(Classifier, self.model)
        for text in texts:
            [ids] = self.encoder.encode([text])
            [probable] = self.probabilities([ids])
            [[read, _]] = self._batches([ids])
            was_training = self.model.training
            self.model.eval()
            with torch.no_grad():
                weights = classifier.weights(read)[0].float().cpu()
            self.model.train(was_training)
            yield self._look(text, ids, weights, self._prediction(probable, _num_words(ids)))

    def heads(self, text: str) -> list[HeadWeights]:
        """Read a text, and return where every head of every layer looks.

        Raises:
            TypeError: the reader has no layers of heads.
            ValueError: no word of the text was read.
        """
        [ids] = self.encoder.encode([text])
        tokens = [text[start:stop] for start, stop in self.encoder.spans(text)]
        return heads_of_reading(self.model, Read(ids, tokens))

    def _look(self, text: str, ids: list[int], weights: Tensor, prediction: Prediction) -> Look:
        """Leave the ends of sentences out, which are no words."""
        spans = self.encoder.spans(text)
        words = [at for at, id_ in enumerate(ids) if id_ != EOS]
        ends = [0, *accumulate(id_ == EOS for id_ in ids)]
        sentences = (
            [ends[at] for at in words] if isinstance(self.encoder, SentenceEncoder) else None
        )
        return Look(text, prediction, [spans[at] for at in words], weights[words], sentences)

    def _batches(self, texts: Sequence[Sequence[int]]) -> Iterator[tuple[Tokens, list[int]]]:
        device = next(self.model.parameters()).device
        for (ids, lengths), positions in source_batches(
            texts, max_tokens=TOKENS_AT_ONCE, max_sentences=TEXTS_AT_ONCE
        ):
            yield Tokens(ids.to(device), lengths), positions

    def _prediction(self, probable: Float[Tensor, " classes"], num_read: int) -> Prediction:
        by_label = dict(zip(self.labels.names, probable.tolist(), strict=True))
        ordered = sorted(by_label, key=lambda name: -by_label[name])
        if self.labels.several:
            chosen = tuple(name for name in ordered if by_label[name] >= 0.5)
        else:
            chosen = (ordered[0],)
        return Prediction(chosen, by_label, num_read)


def _num_words(ids: Sequence[int]) -> int:
    return sum(id_ != EOS for id_ in ids)


def _check_several(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise TypeError("expected a list of texts, got one text; put it into a list")


def classifier_settings(run: RunDirectory) -> ClassifySettings:
    """Read the settings of a run.

    Raises:
        RunError: the run cannot be read.
    """
    reader = run.config().get("reader")
    if not isinstance(reader, str) or reader not in READERS:
        raise RunError(f"{run.path} holds a reader {reader!r}, unknown to this version")
    groups = get_type_hints(ClassifySettings) | {"model": READERS[reader]}
    return ClassifySettings(**settings_kept(run, groups))


def open_classifier(run: RunDirectory, settings: ClassifySettings) -> ClassificationSystem:
    """Put the trained system of a run together.

    Raises:
        RunError: it is damaged or unfinished.
    """
    parts = read_parts(run, settings)
    model = make_model(settings, parts)
    run.load_weights(model)
    return ClassificationSystem(model.eval(), make_encoder(settings, parts.tokenizer), parts.labels)
