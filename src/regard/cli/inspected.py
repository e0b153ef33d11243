"""What `regard inspect` prints of the texts that each kind of system reads, and what it draws."""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.cli.heads import align_by
from regard.cli.measures import (
    print_classifier_measures,
    print_head_measures,
    print_matcher_measures,
    print_translator_measures,
)
from regard.cli.parser import UsageError
from regard.cli.pictures import cut_notice
from regard.decoding import Beam
from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import token_label
from regard.inspection.measures.statistics import coverage, entropy, most_attended
from regard.inspection.report import AnyExample, Example, HeadsExample, SearchExample, TextExample
from regard.inspection.terminal import Choices, HeatMap, Shades
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.generate.system import GenerationSystem, TextLook
from regard.recipes.heads import has_heads, one_of
from regard.recipes.hugging_face import HuggingFaceSystem
from regard.recipes.looks import alignment_of, attention_of, matrix_of, shaded
from regard.recipes.match.system import MatchingSystem
from regard.recipes.run import System
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.tracing import steps_of

__all__ = ["Inspected", "Reading", "inspect"]


class Reading(NamedTuple):
    """A text whose heads can be looked at: its title, whether it has tokens, and what looks."""

    title: str
    has_tokens: bool
    look: Callable[[], list[HeadWeights]]


class Inspected(NamedTuple):
    """What there is to draw of some texts.

    Args:
        examples: a picture of each, or several: what a page begins with.
        readings: of each text, where the model has heads.
    """

    examples: Sequence[AnyExample]
    readings: Sequence[Reading] = ()

    def heads(self) -> list[HeadsExample]:
        """Return the heads of the texts that have tokens, for a page."""
        return [HeadsExample(each.look(), each.title) for each in self.readings if each.has_tokens]


def inspect(
    console: Console, system: System | HuggingFaceSystem, texts: list[str], given: Any
) -> Inspected:
    """Print where the system looks in each text, and return what there is to draw of that.

    Raises:
        UsageError: a flag is not for this kind of system.
        ValueError: there is no such layer or head, or nothing to look into.
    """
    if isinstance(system, HuggingFaceSystem):
        _refuse(given, "model of Hugging Face", "beam", "steps")
        return _heads_alone(console, system, texts, given)
    if isinstance(system, MatchingSystem):
        _refuse(given, "matcher", "beam", "layer", "head", "steps")
        return _match(console, system, texts, given)
    if isinstance(system, ClassificationSystem):
        _refuse(given, "classifier", "beam", "layer", "head", "steps")
        return _looks(console, system, texts, given)
    if isinstance(system, GenerationSystem):
        _refuse(given, "language model", "beam", "steps")
        return _readings(console, system, texts, given)
    align_by(system, given)
    return _alignments(console, system, texts, given)


def _refuse(given: Any, kind: str, *flags: str) -> None:
    for flag in flags:
        if given[flag] not in {None, False}:
            held = given.hf or given.run
            raise UsageError(f"{held} holds a {kind}, which --{flag} is not for")


def _heads_alone(
    console: Console, system: HuggingFaceSystem, texts: list[str], given: Any
) -> Inspected:
    if given.head is not None and given.layer is None:
        raise UsageError("--head is of a layer: name it by --layer")
    examples: list[AnyExample] = []
    for text in texts:
        attentions = system.heads(text)
        chosen = []
        if given.layer is not None:
            chosen = [_chosen(attention, given.layer, given.head) for attention in attentions]
        for alignment in chosen:
            console.print(HeatMap(alignment))
        if given.measures or not chosen:
            print_head_measures(console, attentions)
        examples += [Example(alignment) for alignment in chosen]
        examples.append(HeadsExample(attentions, text))
    return Inspected(examples)


def _chosen(attention: HeadWeights, layer: int, head: int | None) -> Alignment:
    """Return one head, or the mean of a layer's."""
    weights = one_of(list(attention.layers), layer, "layer")
    which = "mean of the heads"
    matrix = weights.mean(dim=0)
    if head is not None:
        matrix, which = one_of(list(weights), head, "head"), f"head {head}"
    title = f"{attention.name}, layer {layer}, {which}"
    return Alignment(matrix, source=attention.key, target=attention.query, title=title)


def _match(console: Console, system: MatchingSystem, texts: list[str], given: Any) -> Inspected:
    if len(texts) != 2:
        raise UsageError(f"{given.run} matches two texts; got {len(texts)}")
    left, right = texts
    matrix = matrix_of(system.look(left, right))
    console.print(HeatMap(matrix))
    if given.measures:
        print_matcher_measures(console, system, [(left, right)])
    return Inspected([Example(matrix, source=right, prediction=left)])


def _looks(
    console: Console, system: ClassificationSystem, texts: list[str], given: Any
) -> Inspected:
    examples, readings = [], []
    for text, look in zip(texts, system.look(texts), strict=True):
        picture = shaded(look)
        console.print(Shades(picture))
        if len(look.weights):
            [nats] = entropy(look.weights.unsqueeze(0)).tolist()
            spread = f"entropy {nats:.2f} nats, as of {math.exp(nats):.1f} words alike"
            console.print(f"{spread} of {len(look.weights)}")
        examples.append(TextExample(picture))
        readings.append(Reading(text, len(look.weights) > 0, partial(system.heads, text)))
    if given.measures:
        print_classifier_measures(console, system, texts)
    return Inspected(examples, readings if has_heads(system.model) else ())


def _readings(
    console: Console, system: GenerationSystem, texts: list[str], given: Any
) -> Inspected:
    layer = -1 if given.layer is None else given.layer
    looks = [system.look(text, layer=layer, head=given.head) for text in texts]
    for text, look in zip(texts, looks, strict=True):
        console.print(HeatMap(attention_of(look)))
        console.print(_bits(look))
        if given.measures:
            print_head_measures(console, system.heads(text))
    examples = [
        Example(attention_of(look), source=text) for text, look in zip(texts, looks, strict=True)
    ]
    readings = [
        Reading(text, bool(look.tokens), partial(system.heads, text))
        for text, look in zip(texts, looks, strict=True)
    ]
    return Inspected(examples, readings)


def _bits(look: TextLook) -> Table:
    table = Table("token", "bits", "looked most at", "weight", "entropy")
    best = most_attended(look.weights).tolist()
    spread = entropy(look.weights).tolist()
    for at, (token, bits) in enumerate(zip(look.tokens, look.surprise.tolist(), strict=True)):
        table.add_row(
            Text(token_label(token)),
            f"{bits:.2f}" if at else "",
            Text(token_label(look.tokens[best[at]])),
            f"{float(look.weights[at, best[at]]):.2f}",
            f"{spread[at]:.2f}",
        )
    return table


def _alignments(
    console: Console, system: TranslationSystem, texts: list[str], given: Any
) -> Inspected:
    beam = Beam(given.beam if given.beam is not None else 5)
    found = [best for best, *_ in system.translate(texts, beam)]
    pairs = list(zip(texts, found, strict=True))
    examples: list[AnyExample] = []
    for number, (text, translation) in enumerate(pairs, start=1):
        if translation.num_cut:
            print(cut_notice(number, translation), file=sys.stderr)
        console.print(Text(translation.text, style="bold"))
        if given.steps:
            search = SearchExample(steps_of(system, text, beam))
            console.print(Choices(search.search))
            examples.append(search)
        else:
            console.print(HeatMap(alignment_of(translation)))
            console.print(_rows(translation))
            console.print(_columns(translation))
        examples.append(
            Example(alignment_of(translation), source=text, prediction=translation.text)
        )
    if given.measures:
        print_translator_measures(console, system, texts, found)
    readings = [
        Reading(
            f"{text} → {best.text}", bool(best.source_tokens), partial(system.heads, text, best)
        )
        for text, best in pairs
    ]
    return Inspected(examples, readings if has_heads(system.model) else ())


def _rows(translation: Translation) -> Table:
    table = Table("target", "looked most at", "weight", "entropy")
    spread = entropy(translation.alignment)
    best = most_attended(translation.alignment).tolist()
    for token, row, source, nats in zip(
        translation.target_tokens, translation.alignment, best, spread, strict=True
    ):
        table.add_row(
            Text(token_label(token)),
            Text(
                token_label(translation.source_tokens[source]) if source >= 0 else "beyond the end"
            ),
            f"{float(row[source]):.2f}" if source >= 0 else "",
            f"{float(nats):.2f}",
        )
    return table


def _columns(translation: Translation) -> Table:
    table = Table("source", "coverage")
    totals = coverage(translation.alignment) if len(translation.alignment) else torch.zeros(0)
    for token, total in zip(translation.source_tokens, totals, strict=False):
        table.add_row(Text(token_label(token)), f"{float(total):.2f}")
    return table
