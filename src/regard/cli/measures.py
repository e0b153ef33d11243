"""What weights say in numbers, and whether predictions depend on what they show: `--measures`."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import token_label
from regard.inspection.measures.faithfulness import Correlations, Faithfulness
from regard.inspection.measures.source_effects import SourceFaithfulness
from regard.inspection.measures.standing import MEANING, Finding, Standing, pooled
from regard.inspection.measures.statistics import most_attended
from regard.inspection.terminal import HeadTable
from regard.interfaces import EOS
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.heads import has_heads
from regard.recipes.match.system import MatchingSystem
from regard.recipes.measures import (
    classifier_faithfulness,
    matcher_faithfulness,
    rolled_out,
    translator_faithfulness,
)
from regard.recipes.translate.system import Translation, TranslationSystem

__all__ = [
    "print_classifier_measures",
    "print_head_measures",
    "print_matcher_measures",
    "print_translator_measures",
]

NOTHING = "there is no token to erase, so there is nothing to measure"


def print_classifier_measures(
    console: Console, system: ClassificationSystem, texts: Sequence[str]
) -> None:
    """Print whether the weights of each text say what its label depends on, and of all together."""
    found = []
    for number, text in enumerate(texts, start=1):
        _say_which(console, number, len(texts))
        [ids] = system.encoder.encode([text])
        if all(id_ == EOS for id_ in ids):
            _say(console, NOTHING)
            continue
        measured = classifier_faithfulness(system, text)
        _print_faithfulness(console, measured)
        found.append(measured)
        if has_heads(system.model):
            rolled = classifier_faithfulness(system, text, rolled_out(system, text))
            _say(console, f"rolled out through all layers: {rolled.verdict}")
            print_head_measures(console, system.heads(text))
    _print_pooled(console, [(each.finding, each.standing) for each in found])


def print_matcher_measures(
    console: Console, system: MatchingSystem, pairs: Iterable[tuple[str, str]]
) -> None:
    """Print of either text of each pair whether its sums of the matrix say what counts in it.

    Raises:
        ValueError: the matcher gives grades.
    """
    found = []
    for number, pair in enumerate(pairs, start=1):
        for text, side in zip(pair, ("left", "right"), strict=True):
            console.print(Text(f"{side} text of pair {number}", style="italic"))
            if not system.encoder.spans(text):
                _say(console, NOTHING)
                continue
            measured = matcher_faithfulness(system, *pair, "left" if side == "left" else "right")
            _print_faithfulness(console, measured)
            found.append(measured)
    _print_pooled(console, [(each.finding, each.standing) for each in found])


def print_translator_measures(
    console: Console,
    system: TranslationSystem,
    texts: Sequence[str],
    translations: Sequence[Translation],
) -> None:
    """Print whether translations depend on the source tokens that they look at most."""
    found = []
    for number, (text, translation) in enumerate(zip(texts, translations, strict=True), start=1):
        _say_which(console, number, len(texts))
        if not translation.source_tokens:
            _say(console, NOTHING)
            continue
        measured = translator_faithfulness(system, text, translation)
        _print_source_faithfulness(console, translation, measured)
        found.append(measured)
        if has_heads(system.model):
            print_head_measures(console, system.heads(text, translation))
    _print_pooled(console, [(each.finding, each.standing) for each in found])


def print_head_measures(console: Console, attentions: Sequence[HeadWeights]) -> None:
    """Print what the weights of every head of every layer say in numbers."""
    for attention in attentions:
        console.print(HeadTable(attention))


def _print_faithfulness(console: Console, measured: Faithfulness) -> None:
    table = Table("")
    for column in ("by weights", "at random", "by effect"):
        table.add_column(column, justify="right")
    fifth = f"{measured.num_erased} of {measured.num_tokens} tokens"
    for name, figures in (
        (f"probability without {fifth}", measured.without_fifth),
        (f"probability from {fifth} alone", measured.fifth_alone),
        ("comprehensiveness, the more the better", measured.comprehensiveness),
        ("sufficiency, the less the better", measured.sufficiency),
    ):
        table.add_row(name, *(f"{figure:z.2f}" for figure in figures))
    table.add_row("erased until the prediction changes", *map(_until, measured.first_flip))
    console.print(table)
    _say(console, _of_single(measured))
    _say(console, _in_words(measured.correlations))
    if measured.num_tried < measured.num_tokens:
        tried = f"{measured.num_tried} of its {measured.num_tokens} tokens, picked at random"
        orders = f"{len(measured.standing.at_random)} random orders tried"
        _say(console, f"a long text: {tried}, were erased alone, and {orders}")
    console.print(Text(measured.verdict, style="bold"))


def _of_single(measured: Faithfulness) -> str:
    changes = "changes" if measured.top_flips else "stays"
    others = _percent(measured.others_flip)
    return (
        f"the prediction {changes} without the most attended token alone; it changes without "
        f"{others} of single tokens"
    )


def _in_words(correlations: Correlations) -> str:
    named = (
        ("erasing each token alone", correlations.erasure),
        ("gradient × embedding", correlations.gradient_of_input),
        ("the gradient's norm", correlations.gradient_norm),
    )
    known = [f"{name} {found:+.2f}" for name, found in named if found is not None]
    if not known or correlations.deviation is None:
        return "no rank correlation: there is nothing to put in order"
    chance = f"chance lies within ±{2 * correlations.deviation:.2f}"
    return f"rank correlation (Kendall's τ) with {', with '.join(known)}; {chance}"


def _print_source_faithfulness(
    console: Console, translation: Translation, measured: SourceFaithfulness
) -> None:
    table = Table("target", "looked most at", "loses without", "needs most", "loses without")
    best = most_attended(measured.weights).tolist()
    if measured.effects.numel():
        needed = measured.effects.argmax(-1).tolist()
        for at, token in enumerate(translation.target_tokens):
            table.add_row(
                Text(token_label(token)),
                *_lost(translation, measured, at, best[at]),
                *_lost(translation, measured, at, needed[at]),
            )
    console.print(table)
    needing = f"{measured.num_needing} of {len(measured.effects)} target tokens depend on some one"
    _say(console, f"{needing} source token; {_percent(measured.found)} of these look most at it")
    by_best, by_any = map(_percent, measured.flipped)
    flipped = f"without what they look at most, {by_best} of target tokens would be others"
    _say(console, f"{flipped}, without a random source token {by_any}")
    if measured.correlation is not None:
        name = "rank correlation (Kendall's τ) with erasing each source token"
        _say(console, f"{name} {measured.correlation:+.2f} on average")
    console.print(Text(measured.verdict, style="bold"))


def _lost(
    translation: Translation, measured: SourceFaithfulness, target: int, source: int
) -> tuple[Text, str]:
    """Return a source token, and how much a target token loses without it, in nats."""
    if source < 0:
        return Text("beyond the end"), ""
    lost = float(measured.effects[target, source])
    return Text(token_label(translation.source_tokens[source])), f"{lost:z.2f}"


def _print_pooled(console: Console, found: Sequence[tuple[Finding, Standing]]) -> None:
    """Print what several texts say together, of those whose weights differ and count."""
    told = [standing for finding, standing in found if finding not in ("alike", "unmoved")]
    if len(told) > 1:
        together = pooled(told)
        line = f"{len(told)} texts together: {MEANING[together.finding]}"
        if together.finding in ("explains", "partly"):
            line += f", {_percent(together.share)} of the way from chance to erasing by effect"
        console.print(Text(line, style="bold"))


def _say_which(console: Console, number: int, total: int) -> None:
    if total > 1:
        console.print(Text(f"text {number}", style="italic"))


def _say(console: Console, line: str) -> None:
    console.print(Text(line))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _until(share: float) -> str:
    return "never" if share >= 1 else _percent(share)
