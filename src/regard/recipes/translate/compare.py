"""Compare translators: train them under one budget, and lay out what each is worth."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from regard.data.links import read_links
from regard.inspection import side_by_side
from regard.inspection.alignment import Alignment
from regard.recipes.comparison import Outcome
from regard.recipes.comparison_files import read_diverged, write_comparison
from regard.recipes.fitting import Report
from regard.recipes.kept import differences
from regard.recipes.run import load_as
from regard.recipes.translate.alignments import alignment_figures
from regard.recipes.translate.model import make_model
from regard.recipes.translate.parts import load_splits
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.system import TranslationSystem, translator_settings
from regard.recipes.translate.train import train_translator
from regard.training.divergence import DivergedError
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["compare_translators"]

SENTENCES_DRAWN, WORDS_DRAWN = 5, 12
ALIGNMENTS = "alignments.png"

MAY_CHANGE = ("data.folder", "training.progress", "training.workers")
"""Settings that may differ when a comparison goes on: where the same data lie, what is shown."""


def compare_translators(
    shared: TranslateSettings,
    variants: Mapping[str, TranslateSettings],
    folder: Path,
    *,
    links: Path | None = None,
    report: Report = print,
) -> list[Outcome]:
    """Train every variant in a run directory of its own, `folder / name`, and compare them.

    What has been trained there already is taken as it is, and what was interrupted goes on. Tables
    and picture are written again whenever a variant has ended. One that diverges does not keep the
    others from being trained.

    Args:
        shared: by which it is said what is special about each variant.
        links: which words belong together in the validation pairs, to judge alignments by.

    Raises:
        DataError: the data cannot be used, or the links do not fit them.
        RunError: a run directory there cannot be used, or is one of other settings.
        ValueError: settings do not go together.
    """
    _check(variants, folder)
    judge = _judge_of_alignments(shared, links, folder)
    planned = [
        Outcome(name, {key: value for key, (_, value) in differences(shared, settings).items()}, {})
        for name, settings in variants.items()
    ]
    ended = _ended(planned, folder)
    for number, plan in enumerate(planned, start=1):
        title = f"{plan.name} ({number} of {len(planned)})"
        if plan.name not in ended:
            report(title)
            ended[plan.name] = _train(plan, variants[plan.name], folder, report)
        ended[plan.name] = judge(ended[plan.name])
        report(f"{title}: {_summary(ended[plan.name])}")
        write_comparison(folder, [ended[each.name] for each in planned if each.name in ended])
    _draw_alignments([name for name in variants if not ended[name].diverged], shared, folder)
    return [ended[plan.name] for plan in planned]


def _check(variants: Mapping[str, TranslateSettings], folder: Path) -> None:
    """Find what would otherwise end the comparison after hours."""
    if (folder / "config.json").exists():
        raise RunError(f"{folder} is a run, not a comparison; choose another --run")
    for name, settings in variants.items():
        try:
            make_model(settings, source_vocab=8, target_vocab=8)
        except ValueError as error:
            raise ValueError(f"variant {name}: {error}") from error
        run = RunDirectory(folder / name)
        if not run.path.exists():
            continue
        for key, (kept, asked) in differences(translator_settings(run), settings).items():
            if key not in MAY_CHANGE:
                raise RunError(
                    f"{run.path} was begun with {key} {kept}, not {asked}; compare under its "
                    "settings, choose another --run, or delete it"
                )


def _ended(planned: Sequence[Outcome], folder: Path) -> dict[str, Outcome]:
    """Return what has come of the variants that were trained before."""
    diverged = read_diverged(folder)
    ended = {}
    for plan in planned:
        run = RunDirectory(folder / plan.name)
        if run.finished:
            ended[plan.name] = plan._replace(metrics=run.metrics())
        elif run.path.exists() and plan.name in diverged:
            ended[plan.name] = plan._replace(diverged=diverged[plan.name])
    return ended


def _train(plan: Outcome, settings: TranslateSettings, folder: Path, report: Report) -> Outcome:
    """Train a variant, or go on with it."""
    run = RunDirectory(folder / plan.name)
    try:
        metrics = train_translator(
            settings,
            run,
            resume=run.path.exists(),
            report=lambda line: report(f"{plan.name}: {line}"),
        )
    except DivergedError as error:
        return plan._replace(diverged=str(error))
    return plan._replace(metrics=metrics)


def _judge_of_alignments(
    shared: TranslateSettings, links: Path | None, folder: Path
) -> Callable[[Outcome], Outcome]:
    """Return what adds to the figures of a trained variant how good its alignments are."""
    if links is None:
        return lambda outcome: outcome
    pairs = load_splits(shared.data).validation.pairs
    known = read_links(links, pairs)

    def judge(outcome: Outcome) -> Outcome:
        if outcome.diverged:
            return outcome
        system = load_as(TranslationSystem, folder / outcome.name)
        figures = {
            **outcome.metrics["validation"],
            **alignment_figures(system, pairs, known),
        }
        return outcome._replace(metrics={**outcome.metrics, "validation": figures})

    return judge


def _draw_alignments(names: Sequence[str], shared: TranslateSettings, folder: Path) -> None:
    """Draw where the variants look when they write the same short validation sentences."""
    pairs = [
        pair
        for pair in load_splits(shared.data).validation.pairs
        if 0 < len(pair.source.split()) <= WORDS_DRAWN
    ][:SENTENCES_DRAWN]
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    drawn = {}
    for name in names:
        followed = load_as(TranslationSystem, folder / name).align(sources, targets)
        drawn[name] = [
            Alignment(each.alignment, each.source_tokens, each.target_tokens) for each in followed
        ]
    if drawn and pairs:
        side_by_side.save(drawn, folder / ALIGNMENTS)


def _summary(outcome: Outcome) -> str:
    if outcome.diverged:
        return outcome.diverged
    validation = outcome.metrics["validation"]
    return (
        f"validation BLEU {validation['tokenised_bleu']:.2f}, perplexity "
        f"{validation['perplexity']:.2f}; {outcome.metrics['minutes']:.1f} minutes"
    )
