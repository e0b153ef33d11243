"""Whether what the trained systems show of their attention is what their predictions depend on.

Tokens are erased and the texts read again. With the same generator everything is the same; one
that starts at 0 is taken if none is given.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from regard.data.encoders import Span
from regard.data.encoding import pad
from regard.data.matched_encoding import EncodedMatched
from regard.data.pair_features import split_words
from regard.inspection.measures.faithfulness import Faithfulness, faithfulness
from regard.inspection.measures.gradients import TokenGradients, token_gradients
from regard.inspection.measures.rollout import rollout
from regard.inspection.measures.source_effects import SourceFaithfulness, source_faithfulness
from regard.interfaces import BOS, EOS, StepDecoder, Tokens
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.heads import EMPTY, FIRST
from regard.recipes.match.system import MatchingSystem
from regard.recipes.translate.system import Translation, TranslationSystem

__all__ = [
    "classifier_faithfulness",
    "matcher_faithfulness",
    "rolled_out",
    "translator_faithfulness",
]

ROWS_AT_ONCE = 256


def classifier_faithfulness(
    system: ClassificationSystem,
    text: str,
    weights: Float[Tensor, " tokens"] | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Faithfulness:
    """Erase the tokens of a text by how much they counted, and classify what is left.

    Of a text that may have several labels, the label that is most probable is looked at.

    Args:
        weights: of each token, as many as `look` returns; its own if not given.

    Raises:
        ValueError: no token of the text is read, or there are not as many weights.
    """
    [look] = system.look([text])
    [ids] = system.encoder.encode([text])
    if not len(look.weights):
        raise ValueError(EMPTY)
    weights = look.weights if weights is None else weights
    if weights.shape != look.weights.shape:
        raise ValueError(
            f"there must be a weight for each of the {len(look.weights)} tokens that are read; "
            f"got {tuple(weights.shape)}"
        )
    probable = look.prediction.probabilities
    label = system.labels.names.index(max(probable, key=lambda name: probable[name]))

    def predict(kept: Bool[Tensor, "variants tokens"]) -> Float[Tensor, "variants classes"]:
        found = system.probabilities([_left_of(ids, row) for row in kept.tolist()])
        if system.labels.several:  # each by itself: it, or not
            return torch.stack([found[:, label], 1 - found[:, label]], dim=1)
        return found

    output = partial(_log_probability, label=label, several=system.labels.several)
    gradients = token_gradients(system.model, ids, output)
    if gradients is not None:
        words = [at for at, id_ in enumerate(ids) if id_ != EOS]
        gradients = TokenGradients(*(each[words] for each in gradients))
    return faithfulness(predict, weights, generator=_given(generator), gradients=gradients)


def rolled_out(system: ClassificationSystem, text: str) -> Float[Tensor, " tokens"]:
    """Return how much each token counts through all layers of a Transformer, 1 in all.

    What is pooled, or the vector that is put in front of a text, looks at positions that have read
    each other: see `rollout`. `classifier_faithfulness` takes these in place of its own.

    Raises:
        TypeError: the reader has no layers of heads.
        ValueError: no token of the text is read.
    """
    [attention] = system.heads(text)
    rolled = rollout(attention.layers)
    if attention.key[0] == FIRST:
        weights = rolled[0, 1:]
    else:
        [look] = system.look([text])
        weights = look.weights @ rolled
    return F.normalize(weights, p=1, dim=0)


def matcher_faithfulness(
    system: MatchingSystem,
    left: str,
    right: str,
    side: Literal["left", "right"],
    *,
    generator: torch.Generator | None = None,
) -> Faithfulness:
    """Erase tokens of one of two texts by how well they match the other, and match what is left.

    The weight of a token is the sum of its row or column of the matrix (Yin et al. 2016, section
    5.2). Where rows are shares, those of the left are all alike: they say which token each found,
    not how much it counts.

    Raises:
        ValueError: no token of the text is read, or the matcher gives grades, of which none is
            predicted more than another.
    """
    look = system.look(left, right)
    if not look.match.probabilities:
        raise ValueError(
            "this matcher gives grades; what is measured is the probability of a class"
        )
    number = ("left", "right").index(side)
    weights = look.matrix.sum(1 - number)
    texts = (left, right)
    both = system.encoder.encode(texts)
    if not both[number]:
        raise ValueError(EMPTY)
    spans = system.encoder.spans(texts[number])

    def encoded(kept: Sequence[bool]) -> EncodedMatched:
        sides = list(both)
        sides[number] = _left_of(both[number], kept)
        features = []
        if system.features is not None:
            written = list(texts)
            written[number] = _text_of(texts[number], spans, kept)
            features = system.features.of(*map(split_words, written))
        return EncodedMatched(sides[0], sides[1], features, target=0)

    def predict(kept: Bool[Tensor, "variants tokens"]) -> Float[Tensor, "variants classes"]:
        return system.outputs([encoded(row) for row in kept.tolist()])

    return faithfulness(predict, weights, generator=_given(generator))


def translator_faithfulness(
    system: TranslationSystem,
    text: str,
    translation: Translation,
    *,
    generator: torch.Generator | None = None,
) -> SourceFaithfulness:
    """Erase each source token in its turn, and see what each token of a translation loses.

    The translation stays as it is: it is written token by token, whatever the source.

    Args:
        translation: what `translate` or `align` returned for the text.

    Cost: decodes the translation once for each source token.

    Raises:
        ValueError: the translation is of another text, or of none.
    """
    ids = system.source_tokenizer.encode_batch([text])[0][: len(translation.source_tokens)]
    tokens = system.source_tokenizer.tokens(text)[: len(ids)]
    if not ids:
        raise ValueError(EMPTY)
    if tokens != translation.source_tokens:
        raise ValueError("this is the translation of another text; translate or align this one")
    variants = [ids, *(ids[:at] + ids[at + 1 :] for at in range(len(ids)))]
    log_probs, first = _written(system, [[*each, EOS] for each in variants], translation.ids)
    effects = (log_probs[:1] - log_probs[1:]).T
    return source_faithfulness(
        translation.alignment.float(),
        effects,
        (first[:1] & ~first[1:]).T,
        generator=_given(generator),
    )


def _given(generator: torch.Generator | None) -> torch.Generator:
    return torch.Generator().manual_seed(0) if generator is None else generator


def _left_of(ids: Sequence[int], kept: Iterable[bool]) -> list[int]:
    """Return the ids that are kept, and all ends of sentences."""
    is_kept = iter(kept)
    return [id_ for id_ in ids if id_ == EOS or next(is_kept)]


def _text_of(text: str, spans: Sequence[Span], kept: Iterable[bool]) -> str:
    """Return a text without what the tokens stand for that are not kept."""
    erased = {
        at for span, is_kept in zip(spans, kept, strict=True) if not is_kept for at in range(*span)
    }
    return "".join(character for at, character in enumerate(text) if at not in erased)


def _log_probability(logits: Tensor, *, label: int, several: bool) -> Tensor:
    """Return the logarithm of the probability of a class, by what a model gives for one text."""
    if several:
        return F.logsigmoid(logits[0, label])
    if logits.shape[1] == 1:  # the logit of the second class
        return F.logsigmoid(logits[0, 0] if label else -logits[0, 0])
    return logits[0].log_softmax(-1)[label]


@torch.no_grad()
def _written(
    system: TranslationSystem, sources: Sequence[Sequence[int]], target: Sequence[int]
) -> tuple[Float[Tensor, "variants target"], Bool[Tensor, "variants target"]]:
    """Return how probable each token of a translation is, and whether it is the most probable."""
    model = cast(StepDecoder[Any], system.model)
    was_training = system.model.training
    system.model.eval()
    try:
        found = [
            _forced(model, sources[first : first + ROWS_AT_ONCE], target, system.device)
            for first in range(0, len(sources), ROWS_AT_ONCE)
        ]
    finally:
        system.model.train(was_training)
    log_probs, is_first = (torch.cat(parts).cpu() for parts in zip(*found, strict=True))
    return log_probs, is_first


def _forced(
    model: StepDecoder[Any],
    sources: Sequence[Sequence[int]],
    target: Sequence[int],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Let the model write a translation from each of some sources, step by step."""
    ids, lengths = pad(sources)
    state = model.start(Tokens(ids.to(device), lengths))
    log_probs = torch.zeros(len(sources), len(target), device=device)
    is_first = torch.zeros(len(sources), len(target), dtype=torch.bool, device=device)
    for step, (last, token) in enumerate(zip([BOS, *target], target, strict=False)):
        found, state = model.step(state, ids.new_full((len(sources),), last).to(device))
        log_probs[:, step] = found[:, token]
        is_first[:, step] = found.argmax(-1) == token
    return log_probs, is_first
