"""A trained language model as its users meet it: a prompt in, text out."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, cast, get_type_hints

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.data.encoding import pad
from regard.data.line_ends import LineTokenizer
from regard.decoding import Beam, Sampling, WithoutUnknown
from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import shorten
from regard.inspection.record import record
from regard.interfaces import BOS, Hypothesis, StepDecoder, Tokens
from regard.recipes.generate.parts import longest, make_model, read_tokenizer
from regard.recipes.generate.settings import GenerateSettings
from regard.recipes.heads import Read, heads_of_reading, one_of
from regard.recipes.kept import settings_kept
from regard.training.run_directory import RunDirectory

__all__ = ["Generation", "GenerationSystem", "TextLook", "generator_settings", "open_generator"]

LENGTH = 200
"""Tokens that are written, if nothing else is said."""

TEMPERATURE = 0.8
"""That of samples, if nothing else is said."""


class Generation(NamedTuple):
    """A text that was written: the prompt as it was read, and what follows.

    `log_prob` and `score` are those of all tokens, of which the first `num_given` are the prompt's.
    """

    text: str
    score: float
    log_prob: float
    tokens: list[str]
    ids: list[int]
    num_given: int


class TextLook(NamedTuple):
    """How a text was read, `BOS` first.

    `weights` say where each token looked among those up to itself, and `surprise` what it took to
    expect it: the negative logarithm, to the base 2, of its probability; that of `BOS` is 0.
    `title` says whose weights they are.
    """

    title: str
    tokens: list[str]
    weights: Float[Tensor, "query key"]
    surprise: Float[Tensor, " query"]


class GenerationSystem:
    """A language model with the tokenizer it was trained with.

    Args:
        model: a `StepDecoder` without a source that is also a `LanguageModel`.
        longest: how many tokens a text may have; None if there is no limit.
    """

    def __init__(
        self, model: nn.Module, tokenizer: LineTokenizer, *, longest: int | None = None
    ) -> None:
        if not isinstance(model, StepDecoder):
            raise TypeError(f"{type(model).__name__} does not decode step by step; see StepDecoder")
        self.model = cast(nn.Module, model)
        self.tokenizer = tokenizer
        self.longest = longest

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def generate(
        self,
        prompts: Sequence[str],
        search: Beam | Sampling | None = None,
        *,
        length: int | None = None,
    ) -> list[list[Generation]]:
        """Continue prompts, which may be empty; for each, what the search returns.

        Args:
            search: one sample at a temperature of 0.8, if not given.
            length: how many tokens may be added, the end of the text counted; 200, or as many as
                there is room for, if not given.

        Raises:
            TypeError: there is one prompt instead of several.
            ValueError: a prompt has a character that the model does not know, or is too long.
        """
        return list(self.iterate(prompts, search, length=length))

    def iterate(
        self,
        prompts: Sequence[str],
        search: Beam | Sampling | None = None,
        *,
        length: int | None = None,
    ) -> Iterator[list[Generation]]:
        """Continue like `generate`, giving each result as soon as it is there."""
        if isinstance(prompts, str):
            raise TypeError("expected a list of prompts, got one text; put it into a list")
        if length is not None and length < 1:
            raise ValueError(f"length must be at least 1; got {length}")
        search = search or Sampling(temperature=TEMPERATURE)
        # All are looked at before the first is continued.
        begun = [self._encoded(prompt, length or 1) for prompt in prompts]
        for given in begun:
            yield self._continued(given, search, length or self._room(given))

    @torch.no_grad()
    def look(self, text: str | Generation, *, layer: int = -1, head: int | None = None) -> TextLook:
        """Read a text, and say where each token looked.

        Args:
            text: any, or one that was written, which is read in the same tokens.
            layer: whose attention, from 0 or from the end.
            head: whose of the layer; the mean over all if not given.

        Raises:
            ValueError: the text has a character that the model does not know, or is too long, or
                there is no such layer or head.
        """
        ids = torch.tensor([[BOS, *self._ids(text)]], device=self.device)
        with self._judging(), record(self.model) as seen:
            logits = self.model(Tokens(ids, torch.tensor([ids.shape[1]])))
        weights = seen[one_of(seen.layers, layer, "layer")].weights()[0].float().cpu()
        of_head = weights.mean(dim=0) if head is None else one_of(list(weights), head, "head")
        log_probs = logits[0, :-1].float().log_softmax(dim=-1).gather(1, ids[0, 1:, None])
        surprise = torch.cat([torch.zeros(1), -log_probs.squeeze(1).cpu() / math.log(2)])
        whose = f"mean of {len(weights)} heads" if head is None else f"head {head % len(weights)}"
        title = f"layer {layer % len(seen.layers)}, {whose}"
        return TextLook(title, self.tokenizer.id_tokens(ids[0].tolist()), of_head, surprise)

    def heads(self, text: str | Generation) -> list[HeadWeights]:
        """Read a text, and return where every head of every layer looks.

        Args:
            text: any, or one that was written, which is read in the same tokens.

        Raises:
            ValueError: the text has a character that the model does not know, or is too long.
        """
        ids = [BOS, *self._ids(text)]
        return heads_of_reading(self.model, Read(ids, self.tokenizer.id_tokens(ids)))

    @torch.no_grad()
    def _continued(
        self, given: list[int], search: Beam | Sampling, length: int
    ) -> list[Generation]:
        limited = replace(search, max_len=len(given) + length)
        prefix = pad([given]) if given else None
        decoder = WithoutUnknown(cast(StepDecoder[Any], self.model))
        nothing = pad([[]])
        source = nothing._replace(ids=nothing.ids.to(self.device))
        with self._judging():
            [found] = limited(decoder, source, prefix)
        return [self._generation(hypothesis, len(given)) for hypothesis in found]

    def _room(self, given: list[int]) -> int:
        """Return how many tokens to add to some, if nothing else is said."""
        return LENGTH if self.longest is None else min(LENGTH, self.longest - len(given))

    @contextmanager
    def _judging(self) -> Iterator[None]:
        """Let the model drop nothing while the block runs."""
        was_training = self.model.training
        self.model.eval()
        try:
            yield
        finally:
            self.model.train(was_training)

    def _generation(self, hypothesis: Hypothesis, num_given: int) -> Generation:
        return Generation(
            text=self.tokenizer.decode(hypothesis.tokens),
            score=hypothesis.score,
            log_prob=hypothesis.log_prob,
            tokens=self.tokenizer.id_tokens(hypothesis.tokens),
            ids=hypothesis.tokens,
            num_given=num_given,
        )

    def _ids(self, text: str | Generation) -> list[int]:
        return text.ids if isinstance(text, Generation) else self._encoded(text, 0)

    def _encoded(self, text: str, length: int) -> list[int]:
        """Return the ids of a text that is to be followed by so many tokens."""
        if (unknown := self.tokenizer.unknown(text)) is not None:
            raise ValueError(
                f"the model does not know {unknown!r}, which stands in {shorten(text, 40)!r}: it "
                "did not stand in the text that it has learnt from"
            )
        ids = self.tokenizer.encode(text)
        if self.longest is not None and len(ids) + length > self.longest:
            raise ValueError(
                f"the model reads up to {self.longest} tokens, since its positions are learnt; "
                f"{shorten(text, 40)!r} has {len(ids)}, and {length} are to follow"
            )
        return ids


def generator_settings(run: RunDirectory) -> GenerateSettings:
    """Read the settings of a run.

    Raises:
        RunError: the run cannot be read.
    """
    return GenerateSettings(**settings_kept(run, get_type_hints(GenerateSettings)))


def open_generator(run: RunDirectory, settings: GenerateSettings) -> GenerationSystem:
    """Put the trained system of a run together.

    Raises:
        RunError: it is damaged or unfinished.
    """
    tokenizer = read_tokenizer(run)
    model = make_model(settings, tokenizer.vocab_size)
    run.load_weights(model)
    return GenerationSystem(model.eval(), tokenizer, longest=longest(settings))
