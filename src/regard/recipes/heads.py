"""Where every head of a Transformer looks, while it reads or writes one text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeVar, cast

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.masks import Window
from regard.inspection.head_weights import HeadWeights
from regard.inspection.record import Record, record
from regard.interfaces import Tokens
from regard.models.transformer_classifier import TransformerClassifier
from regard.models.transformer_language_model import TransformerLanguageModel
from regard.models.transformer_translator import TransformerTranslator
from regard.nn.transformer import DecoderLayer, TransformerDecoder

__all__ = [
    "EMPTY",
    "FIRST",
    "Read",
    "align_by",
    "has_heads",
    "heads_of_reading",
    "heads_of_translating",
    "one_of",
]

EMPTY = "an empty text has no token that could look anywhere"
"""What is said where there is nothing to look into."""

FIRST = "<first>"
"""How the vector is written that a classifier puts in front of a text."""


Item = TypeVar("Item")


class Read(NamedTuple):
    """What a model reads: ids, and the text of each."""

    ids: Sequence[int]
    tokens: Sequence[str]


def has_heads(model: nn.Module) -> bool:
    """Return whether a model has layers of heads, so that one may ask where they look."""
    return isinstance(
        model, TransformerClassifier | TransformerLanguageModel | TransformerTranslator
    )


def one_of(items: Sequence[Item], at: int, what: str) -> Item:
    """Return the layer or head, or whatever is counted, of that number, from 0 or from the end.

    Raises:
        ValueError: there is none.
    """
    if not -len(items) <= at < len(items):
        raise ValueError(f"there are {len(items)} {what}s, from 0; there is no {what} {at}")
    return items[at]


def align_by(model: nn.Module, layer: int | None, head: int | None) -> None:
    """Choose whose attention to the source is a translator's alignment from here on.

    Args:
        layer: from 0, or from the end; the one that is chosen already, if not given.
        head: likewise; the mean over all, if not given.

    Raises:
        TypeError: the model has no layers of heads.
        ValueError: there is no such layer or head.
    """
    if not isinstance(model, TransformerTranslator):
        raise TypeError(_none(model))
    attentions = model.decoder.source_attentions
    layer = model.aligned_by if layer is None else layer
    num_heads = one_of(attentions, layer, "layer").num_heads
    model.align_by(layer, None if head is None else one_of(range(num_heads), head, "head"))


def heads_of_reading(model: nn.Module, text: Read) -> list[HeadWeights]:
    """Return where the heads of a classifier or language model look in a text.

    Raises:
        TypeError: the model has no layers of heads.
        ValueError: the text is empty.
    """
    stack, tokens, mask = "encoder", list(text.tokens), None
    if isinstance(model, TransformerLanguageModel):
        stack, mask = "decoder", _reach(model.decoder, len(tokens))
    elif isinstance(model, TransformerClassifier):
        tokens = tokens if model.first is None else [FIRST, *tokens]
    else:
        raise TypeError(_none(model))
    if not text.ids:
        raise ValueError(EMPTY)
    with _recorded(model) as seen:
        model(_alone(model, text))
        layers = _weights(seen, f"{stack}.layers.*.attention")
    return [HeadWeights("self-attention", layers, tokens, tokens, mask)]


def heads_of_translating(
    model: nn.Module, source: Read, target: Read, written: Sequence[str]
) -> list[HeadWeights]:
    """Return where the heads of a translator look while it writes a given translation.

    Args:
        target: what the decoder reads, from `BOS` on.
        written: what it writes after each of these, by which it looks at the source.

    Raises:
        TypeError: the model has no layers of heads.
    """
    if not isinstance(model, TransformerTranslator):
        raise TypeError(_none(model))
    reach = None if model.reach is None else Window(model.reach, model.reach)
    mask = masks.dense(reach, len(source.ids), len(source.ids))
    before = _reach(model.decoder, len(target.ids))
    with _recorded(model) as seen:
        model(_alone(model, source), _alone(model, target))
        encoder, decoder, of_source = (
            _weights(seen, f"{name}attention")
            for name in ("encoder.layers.*.", "decoder.layers.*.", "decoder.layers.*.source_")
        )
    return [
        HeadWeights("encoder self-attention", encoder, source.tokens, source.tokens, mask),
        HeadWeights("decoder self-attention", decoder, target.tokens, target.tokens, before),
        HeadWeights("cross-attention, target to source", of_source, written, source.tokens),
    ]


@contextmanager
def _recorded(model: nn.Module) -> Iterator[Record]:
    """Record a model that drops nothing and learns nothing while the block runs."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), record(model) as seen:
            yield seen
    finally:
        model.train(was_training)


def _alone(model: nn.Module, text: Read) -> Tokens:
    """Make a batch of one."""
    device = next(model.parameters()).device
    ids = torch.tensor([text.ids], dtype=torch.long, device=device)
    return Tokens(ids, torch.tensor([len(text.ids)]))


def _weights(seen: Record, pattern: str) -> list[Tensor]:
    """Return the weights of each layer whose name fits: `heads query key`."""
    fitting = [seen[name] for name in seen.layers if fnmatchcase(name, pattern)]
    # A layer that stands in several places is called in each.
    calls = [(layer, call) for layer in fitting for call in range(len(layer))]
    return [layer.weights(call)[0].float().cpu() for layer, call in calls]


def _reach(decoder: TransformerDecoder, length: int) -> Bool[Tensor, "query key"]:
    """Return which positions those of any layer may attend to."""
    layers = cast(list[DecoderLayer], list(decoder.layers))
    reached = [masks.dense(layer.window, length, length) for layer in layers]
    return torch.stack([each for each in reached if each is not None]).any(dim=0)


def _none(model: nn.Module) -> str:
    return f"a {type(model).__name__} has no layers of heads to look into"
