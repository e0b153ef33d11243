"""Translators, as they are served."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from regard.decoding import Beam
from regard.inspection.report import Example, HeadsExample, SearchExample
from regard.models.transformer_translator import TransformerTranslator
from regard.recipes.heads import has_heads
from regard.recipes.looks import alignment_of
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.tracing import steps_of
from regard.web.answered import Choices, Kind, Prediction, Range, Translated, View
from regard.web.asked import Options
from regard.web.limits import Limits
from regard.web.sights import Drawn, Sight, Texts
from regard.web.sizes import check_beam, check_tokens

__all__ = ["ServedTranslator"]

RETURNED = 3
"""How many hypotheses of a search are shown as its results, at most."""

BEAM = 5
"""Hypotheses at once, if nothing else is said: as `regard translate` has it."""


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

    def check(self, texts: Texts, options: Options) -> None:
        [text] = texts
        num_tokens = len(self._system.source_tokenizer.encode(text))
        num_read = min(num_tokens, self._system.max_len)
        check_tokens(num_read, self._limits)
        beam = self._beam(options)
        # A search that is shown is gone through again, step by step.
        times = 1 if options.view == "search" else BEAM
        check_beam(num_read, beam, times=times, limits=self._limits)

    def look(self, asked: Sequence[Texts], options: Options) -> list[Sight]:
        if self._transformer is not None:
            layer = self._layer if options.layer is None else options.layer
            self._system.align_by(layer, options.head)
        found = self._translated(asked, options)
        return [self._sight(texts, best, options) for texts, best in zip(asked, found, strict=True)]

    def predict(self, asked: Sequence[Texts], options: Options) -> list[Prediction]:
        return [_prediction(best) for best in self._translated(asked, options)]

    def _translated(self, asked: Sequence[Texts], options: Options) -> list[Translation]:
        beam = Beam(self._beam(options))
        return [best for best, *_ in self._system.translate([text for [text] in asked], beam)]

    def _beam(self, options: Options) -> int:
        return options.beam or min(BEAM, self._limits.beam)

    def _sight(self, texts: Texts, best: Translation, options: Options) -> Sight:
        notices = []
        if not best.source_tokens:
            notices.append("The text is empty: there is nothing to translate.")
        if best.num_cut:
            notices.append(f"The last {best.num_cut} tokens were not read: the model takes fewer.")
        return Sight(texts, _prediction(best), self._drawn(texts, best, options), notices)

    def _drawn(self, texts: Texts, best: Translation, options: Options) -> Drawn:
        [text] = texts
        if options.view == "heads":
            return HeadsExample(self._system.heads(text, best), "All heads")
        if options.view == "search":
            size = self._beam(options)
            beam = Beam(size, num_best=min(size, RETURNED))
            how = f"Search with a beam of {size}" if size > 1 else "Greedy search"
            return SearchExample(replace(steps_of(self._system, text, beam), title=how))
        whose = "Alignment"
        if self._transformer is not None:
            head = self._transformer.aligned_head
            heads = "mean of the heads" if head is None else f"head {head}"
            whose = f"{whose}: layer {self._transformer.aligned_by}, {heads}"
        return Example(replace(alignment_of(best), title=whose))


def _prediction(best: Translation) -> Translated:
    return Translated(text=best.text, score=best.score)
