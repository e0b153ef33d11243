"""Language models, as they are served."""

from collections.abc import Sequence
from typing import cast

import torch

from regard.decoding import Beam, Sampling
from regard.models.transformer_language_model import TransformerLanguageModel
from regard.recipes.generate.system import TEMPERATURE, Generation, GenerationSystem
from regard.recipes.heads import has_heads
from regard.recipes.looks import look_into
from regard.web.answered import Choices, Continued, Kind, Prediction, Range
from regard.web.asked import Options, Writing
from regard.web.limits import Limits
from regard.web.sights import Sight, Texts, drawn_of
from regard.web.sizes import check_tokens

__all__ = ["ServedWriter"]

LENGTH = 40
"""Tokens that are written, if nothing else is said: as many as one can look at."""

SEED = 1


class ServedWriter:
    """Continues a text, and shows where each token looked among those before it."""

    kind: Kind = "generate"
    num_texts = 1

    def __init__(self, system: GenerationSystem, limits: Limits) -> None:
        self._system = system
        self._limits = limits

    def choices(self) -> Choices:
        heads = None
        if has_heads(self._system.model):
            layers = cast(TransformerLanguageModel, self._system.model).decoder.layers
            heads = [cast(int, layer.get_submodule("attention").num_heads) for layer in layers]
        most = min(self._limits.tokens, self._system.longest or self._limits.tokens)
        return Choices(
            beam=Range(least=1, most=self._limits.beam, default=None),
            heads=heads,
            layer=None if heads is None else len(heads) - 1,
            views=["attention"] if heads is None else ["attention", "heads"],
            length=Range(least=1, most=most, default=min(LENGTH, most)),
            temperature=Range(least=0.1, most=2, default=TEMPERATURE, step=0.1),
            seed=Range(least=0, most=1_000_000, default=SEED),
        )

    def check(self, texts: Texts, options: Writing) -> None:
        [text] = texts
        length = self._length(options)
        check_tokens(len(self._system.tokenizer.encode(text)) + length, options, self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        return [self._sight(texts, options) for texts in asked]

    def predict(self, asked: Sequence[Texts], options: Writing) -> list[Prediction]:
        return [self._prediction(self._written(texts, options)) for texts in asked]

    def _sight(self, texts: Texts, options: Options) -> Sight:
        written = self._written(texts, options)
        [seen] = look_into(self._system, [written], layer=options.layer, head=options.head)
        return Sight(texts, self._prediction(written), drawn_of(seen, options.view), [])

    def _written(self, texts: Texts, options: Writing) -> Generation:
        [[written]] = self._system.generate(
            list(texts), self._search(options), length=self._length(options)
        )
        return written

    def _search(self, options: Writing) -> Beam | Sampling:
        if options.beam is not None:
            return Beam(options.beam)
        # The same text is continued in the same way, whatever was asked for before.
        generator = torch.Generator(self._system.device)
        generator.manual_seed(SEED if options.seed is None else options.seed)
        temperature = TEMPERATURE if options.temperature is None else options.temperature
        return Sampling(temperature=temperature, generator=generator)

    def _length(self, options: Writing) -> int:
        return options.length or min(LENGTH, self._limits.tokens)

    def _prediction(self, written: Generation) -> Continued:
        prompt = self._system.tokenizer.decode(written.ids[: written.num_given])
        return Continued(prompt=prompt, text=written.text, score=written.score)
