"""What `regard inspect` prints of the texts that each kind of system reads, and what it draws."""

import math
import sys
from collections.abc import Sequence
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
from regard.cli.parser import UsageError, typed_flags
from regard.cli.pictures import cut_notice
from regard.decoding import Beam
from regard.inspection.labels import token_label
from regard.inspection.measures.statistics import coverage, entropy, most_attended
from regard.inspection.report import AnyExample, Example, HeadsExample, SearchExample, TextExample
from regard.inspection.shortening import MOST_TOKENS
from regard.inspection.terminal import Choices, HeatMap, Shades
from regard.recipes.classify.system import ClassificationSystem, Look
from regard.recipes.generate.system import GenerationSystem, TextLook
from regard.recipes.hugging_face import HuggingFaceSystem
from regard.recipes.looks import BEAM, AnySystem, Seen, look_into
from regard.recipes.match.system import MatchingSystem
from regard.recipes.translate.system import Translation, TranslationSystem
from regard.recipes.translate.tracing import steps_of

__all__ = ["Inspected", "inspect"]

REFUSED: dict[type[AnySystem], tuple[str, tuple[str, ...]]] = {
    ClassificationSystem: ("classifier", ("beam", "layer", "head", "steps")),
    GenerationSystem: ("language model", ("beam", "steps")),
    HuggingFaceSystem: ("model of Hugging Face", ("beam", "steps")),
    MatchingSystem: ("matcher", ("beam", "layer", "head", "steps")),
}
"""What each kind of system is called, and the flags that it is not for."""


class Inspected(NamedTuple):
    """What there is to draw of some texts.

    Args:
        examples: a picture of each, or several: what a page begins with.
        seen: what was seen in each.
    """

    examples: Sequence[AnyExample]
    seen: Sequence[Seen]

    def heads(self) -> list[HeadsExample]:
        """Return the heads of the texts that no example has, where the model has some."""
        return [
            HeadsExample(each.heads(), each.title) for each in self.seen if each.heads is not None
        ]


def inspect(console: Console, system: AnySystem, texts: list[str], given: Any) -> Inspected:
    """Print where the system looks in each text, and return what there is to draw of that.

    Raises:
        UsageError: a flag is not for this kind of system.
        ValueError: there is no such layer or head, or nothing to look into.
    """
    _check(system, texts, given)
    if isinstance(system, TranslationSystem):
        align_by(system, given)
    beam = BEAM if given.beam is None else given.beam
    found = look_into(system, texts, beam=beam, layer=given.layer, head=given.head)
    examples: list[AnyExample] = []
    for number, seen in enumerate(found, start=1):
        if isinstance(seen.made, Translation):
            if seen.made.num_cut:
                print(cut_notice(number, seen.made), file=sys.stderr)
            console.print(Text(seen.made.text, style="bold"))
        if given.steps and isinstance(system, TranslationSystem):
            search = SearchExample(steps_of(system, texts[number - 1], Beam(beam)))
            console.print(Choices(search.search))
            examples.append(search)
        else:
            _print_pictures(console, seen.pictures)
            _print_figures(console, seen, given)
        examples += seen.pictures
    if given.measures:
        _print_measures(console, system, texts, found)
    return Inspected(examples, found)


def _check(system: AnySystem, texts: Sequence[str], given: Any) -> None:
    """Refuse flags that are not for this kind of system, and texts that are too many or too few.

    Raises:
        UsageError: says which.
    """
    kind, flags = REFUSED.get(type(system), ("", ()))
    _refuse(given, kind, *flags)
    if isinstance(system, HuggingFaceSystem) and given.head is not None and given.layer is None:
        raise UsageError("--head is of a layer: name it by --layer")
    if isinstance(system, MatchingSystem) and len(texts) != 2:
        raise UsageError(f"{given.run} matches two texts; got {len(texts)}")


def _refuse(given: Any, kind: str, *flags: str) -> None:
    for flag in flags:
        if typed_flags(given, flag):
            held = given.hf or given.run
            raise UsageError(f"{held} holds a {kind}, which --{flag} is not for")


def _print_pictures(console: Console, pictures: Sequence[AnyExample]) -> None:
    for picture in pictures:
        if isinstance(picture, Example):
            console.print(HeatMap(picture.alignment))
        elif isinstance(picture, TextExample):
            console.print(Shades(picture.shaded))


def _print_figures(console: Console, seen: Seen, given: Any) -> None:
    """Print what stands under the picture of a text."""
    match seen.made:
        case Translation() as translation:
            console.print(_rows(translation))
            console.print(_columns(translation))
        case Look(weights=weights):
            [nats] = entropy(weights.unsqueeze(0)).tolist()
            spread = f"entropy {nats:.2f} nats, as of {math.exp(nats):.1f} words alike"
            console.print(f"{spread} of {len(weights)}")
        case TextLook() as look:
            console.print(_bits(look))
            if given.measures and seen.heads is not None:
                print_head_measures(console, seen.heads())
        case list() as attentions if given.measures or given.layer is None:
            print_head_measures(console, attentions)


def _print_measures(
    console: Console, system: AnySystem, texts: Sequence[str], found: Sequence[Seen]
) -> None:
    """Print whether what was seen in all of the texts matters."""
    if isinstance(system, ClassificationSystem):
        print_classifier_measures(console, system, texts)
    elif isinstance(system, MatchingSystem):
        left, right = texts
        print_matcher_measures(console, system, [(left, right)])
    elif isinstance(system, TranslationSystem):
        made = [each.made for each in found if isinstance(each.made, Translation)]
        print_translator_measures(console, system, texts, made)


def _bits(look: TextLook) -> Table:
    num_tokens = len(look.tokens)
    cut = f"the first {MOST_TOKENS} of {num_tokens:,} tokens" if num_tokens > MOST_TOKENS else None
    columns = ("token", "bits", "looked most at", "weight", "entropy")
    table = Table(*columns, caption=cut, caption_justify="left")
    best = most_attended(look.weights).tolist()
    spread = entropy(look.weights).tolist()
    shown = zip(look.tokens[:MOST_TOKENS], look.surprise[:MOST_TOKENS].tolist(), strict=True)
    for at, (token, bits) in enumerate(shown):
        table.add_row(
            Text(token_label(token)),
            f"{bits:.2f}" if at else "",
            Text(token_label(look.tokens[best[at]])),
            f"{float(look.weights[at, best[at]]):.2f}",
            f"{spread[at]:.2f}",
        )
    return table


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
