"""Translators, as they are served."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from regard.decoding import Beam
from regard.inspection.report import Example, SearchExample
from regard.models.transformer_translator import TransformerTranslator
from regard.recipes.heads import has_heads
from regard.recipes.looks import BEAM, Seen, look_into
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.tracing import steps_of
from regard.web.answered import Choices, Kind, Prediction, Range, Translated, View
from regard.web.asked import Options, Writing
from regard.web.limits import Limits
from regard.web.sights import Drawn, Sight, Texts, drawn_of
from regard.web.sizes import check_beam, check_tokens

__all__ = ["ServedTranslator"]

RETURNED = 3
"""How many hypotheses of a search are shown as its results, at most."""


class ServedTranslator:
    """Translates, and shows the alignment."""

    kind: Kind = "translate"
    num_texts = 1

    def __init__(self, system: TranslationSystem, limits: Limits) -> None:
        self._system = system
        self._limits = limits
        self._transformer = cast(
            TransformerTranslator | None, system.model if has_heads(system.model) else None
        )
        # Later requests change whose attention the alignment is.
        self._layer = None if self._transformer is None else self._transformer.aligned_by

    def choices(self) -> Choices:
        beam = Range(least=1, most=self._limits.beam, default=min(BEAM, self._limits.beam))
        if self._transformer is None:
            return Choices(beam=beam, views=["attention", "search"])
        attentions = self._transformer.decoder.source_attentions
        heads = [attention.num_heads for attention in attentions]
        views: list[View] = ["attention", "heads", "search"]
        return Choices(beam=beam, heads=heads, layer=self._layer, views=views)

    def check(self, texts: Texts, options: Writing) -> None:
        [text] = texts
        num_tokens = len(self._system.source_tokenizer.encode(text))
        num_read = min(num_tokens, self._system.max_len)
        check_tokens(num_read, options, self._limits)
        # A search that is shown is gone through again, step by step.
        is_shown = isinstance(options, Options) and options.view == "search"
        times = 1 if is_shown else BEAM
        check_beam(num_read, self._beam(options), times=times, limits=self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        if self._transformer is not None:
            layer = self._layer if options.layer is None else options.layer
            self._system.align_by(layer, options.head)
        texts = [text for [text] in asked]
        found = look_into(self._system, texts, beam=self._beam(options))
        return [self._sight(text, seen, options) for text, seen in zip(texts, found, strict=True)]

    def predict(self, asked: Sequence[Texts], options: Writing) -> list[Prediction]:
        beam = Beam(self._beam(options))
        found = self._system.translate([text for [text] in asked], beam)
        return [_prediction(best) for best, *_ in found]

    def _beam(self, options: Writing) -> int:
        return options.beam or min(BEAM, self._limits.beam)

    def _sight(self, text: str, seen: Seen, options: Options) -> Sight:
        best = cast(Translation, seen.made)
        notices = []
        if best.num_cut:
            notices.append(f"The last {best.num_cut} tokens were not read: the model takes fewer.")
        return Sight((text,), _prediction(best), self._drawn(text, seen, options), notices)

    def _drawn(self, text: str, seen: Seen, options: Options) -> Drawn:
        drawn = drawn_of(seen, options.view)
        if not isinstance(drawn, Example):
            return drawn
        whose = drawn.alignment.title
        if options.view == "search":
            size = self._beam(options)
            steps = steps_of(self._system, text, Beam(size, num_best=min(size, RETURNED)))
            how = f"Search with a beam of {size}" if size > 1 else "Greedy search"
            return SearchExample(replace(steps, title=_title(how, whose)))
        alignment = replace(drawn.alignment, title=_title("Alignment", whose))
        return drawn._replace(alignment=alignment)


def _title(what: str, whose: str) -> str:
    return f"{what}: {whose}" if whose else what


def _prediction(best: Translation) -> Translated:
    return Translated(text=best.text, score=best.score)
