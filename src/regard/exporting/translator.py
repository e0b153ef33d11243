"""A translator as two programs: one reads the source, the other writes a word, again and again."""

from typing import Any, NamedTuple, cast

import torch
from torch import nn

from regard.exporting.programs import (
    SIZES,
    Program,
    Tensors,
    example_texts,
    require_evaluation,
)
from regard.exporting.states import Layout, layout_of
from regard.interfaces import BOS, StepDecoder, Tokens

__all__ = ["TranslatorPrograms", "translator_programs"]

RENEWED = "next_"
"""How outputs are called that take the place of inputs: this, and the input's name."""


class TranslatorPrograms(NamedTuple):
    """What a translator is exported as."""

    encoder: Program
    step: Program


def translator_programs(model: nn.Module, *, source_vocab: int) -> TranslatorPrograms:
    """Make programs of a step decoder.

    The encoder makes of `ids` and `lengths` all that the step takes, by the same names, but for
    `token`: the last token of each row. The step gives `log_probs` of the next token, `alignment`
    (where each row looked), and the `next_` of some of its inputs, which take their place.

    Raises:
        TypeError: the model does not decode step by step.
        ExportError: its state is of an unknown kind.
    """
    if not isinstance(model, StepDecoder):
        raise TypeError(f"{type(model).__name__} does not decode step by step; see StepDecoder")
    require_evaluation(model)
    texts = example_texts(source_vocab)
    first, second = (
        _advanced(model, text, number) for text, number in zip(texts, SIZES["written"], strict=True)
    )
    layout = layout_of(first, model)

    def asked(text: Tokens, state: Any) -> Tensors:
        token = torch.full(text.lengths.shape, BOS)
        return {"token": token, **layout.kept(state), **layout.renewed(state)}

    reading = texts[0]._asdict(), texts[1]._asdict()
    writing = asked(texts[0], first), asked(texts[1], second)
    carried = {RENEWED + name: name for name in layout.renewed(first)}
    return TranslatorPrograms(
        Program("encoder", _Reading(model, layout), reading, {}),
        Program("step", _Writing(model, layout), writing, carried),
    )


@torch.no_grad()
def _advanced(model: StepDecoder[Any], text: Tokens, number: int) -> Any:
    """Return the state after some tokens: there are decoders whose state grows."""
    state = model.start(text)
    for _ in range(number):
        _, state = model.step(state, torch.full(text.lengths.shape, BOS))
    return state


class _Reading(nn.Module):
    def __init__(self, model: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, tensors: Tensors) -> Tensors:
        decoder = cast(StepDecoder[Any], self.model)
        state = decoder.start(Tokens(**tensors))
        return {**self.layout.kept(state), **self.layout.renewed(state)}


class _Writing(nn.Module):
    def __init__(self, model: nn.Module, layout: Layout) -> None:
        super().__init__()
        self.model, self.layout = model, layout

    def forward(self, tensors: Tensors) -> Tensors:
        decoder = cast(StepDecoder[Any], self.model)
        state = self.layout.restored(tensors)
        log_probs, state = decoder.step(state, tensors["token"])
        renewed = {RENEWED + name: part for name, part in self.layout.renewed(state).items()}
        return {"log_probs": log_probs, "alignment": decoder.alignment(state), **renewed}
