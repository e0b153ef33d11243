"""Compare translators: train them under one budget, and lay out what each is worth."""

from collections.abc import Callable, Container, Mapping, Sequence
from itertools import islice
from pathlib import Path

from regard.data.links import read_links
from regard.inspection.alignment import Alignment
from regard.inspection.figures import side_by_side
from regard.inspection.notices import told
from regard.interfaces import Pair
from regard.recipes.alone import in_training
from regard.recipes.fitting import Report
from regard.recipes.kept import differences
from regard.recipes.translate.alignments import alignment_figures
from regard.recipes.translate.comparison import Outcome
from regard.recipes.translate.comparison_files import ALIGNMENTS, read_comparison, write_comparison
from regard.recipes.translate.model import make_model
from regard.recipes.translate.parts import load_splits, read_tokenizers
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.system import (
    TranslationSystem,
    open_translator,
    translator_settings,
)
from regard.recipes.translate.train import train_translator
from regard.training.divergence import DivergedError
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["compare_translators"]

SENTENCES_DRAWN, TOKENS_DRAWN = 5, 16

OF_NO_ACCOUNT = ("data.folder", "training.progress", "training.workers")
"""Settings that change no figure: where the same data lie, what is shown."""


def compare_translators(
    shared: TranslateSettings,
    variants: Mapping[str, TranslateSettings],
    folder: Path,
    *,
    links: Path | None = None,
    report: Report = print,
) -> list[Outcome]:
    """Train every variant in a run directory of its own, `folder / name`, and compare them.

    What has been trained there already is taken as it is, and what was interrupted goes on. All
    that has been compared there, and still has its run directory, stands in the table, which is
    written again whenever a variant has ended, and returned. Where they look is drawn at the end,
    of these variants alone. One that diverges does not keep the others from being trained.

    Args:
        shared: by which it is said what is special about each variant.
        links: which words belong together in the validation pairs, to judge alignments by.

    Raises:
        DataError: the data cannot be used, or the links do not fit them.
        RunError: a run directory there cannot be used, or is one of other settings, or another
            process trains there.
        ValueError: settings do not go together.
    """
    earlier = [outcome for outcome in read_comparison(folder) if outcome.name not in variants]
    _check(shared, variants, earlier, folder)
    judge = _judge_of_alignments(shared, links, folder)
    if links is not None and earlier:
        _write(folder, [judge(outcome) for outcome in earlier], report)
    planned = [
        Outcome(name, {key: value for key, (_, value) in differences(shared, settings).items()}, {})
        for name, settings in variants.items()
    ]
    for number, plan in enumerate(planned, start=1):
        title = f"{plan.name} ({number} of {len(planned)})"
        outcome = _ended(plan, folder)
        if outcome is None:
            report(title)
            outcome = _train(plan, variants[plan.name], folder, report)
        outcome = judge(outcome)
        report(f"{title}: {_summary(outcome)}")
        _write(folder, [outcome], report)
    trained = {each.name for each in read_comparison(folder) if not each.diverged}
    with told(report):
        _draw_alignments([name for name in variants if name in trained], shared, folder)
    return _write(folder, [], report)


def _write(folder: Path, outcomes: Sequence[Outcome], report: Report) -> list[Outcome]:
    with told(report):
        return write_comparison(folder, outcomes)


def _check(
    shared: TranslateSettings,
    variants: Mapping[str, TranslateSettings],
    earlier: Sequence[Outcome],
    folder: Path,
) -> None:
    """Find what would otherwise end the comparison after hours, or make it one of two budgets."""
    if (folder / "config.json").exists():
        raise RunError(f"{folder} is a run, not a comparison; choose another --run")
    for name, settings in variants.items():
        run = RunDirectory(folder / name)
        if run.path.exists():
            _check_begun(run, settings, ())
            _check_free(run, name)
        else:
            run.require_new()
        try:
            make_model(settings, source_vocab=8, target_vocab=8)
        except ValueError as error:
            raise ValueError(f"variant {name}: {error}") from error
    for outcome in earlier:
        _check_begun(RunDirectory(folder / outcome.name), shared, outcome.changes)


def _check_begun(run: RunDirectory, settings: TranslateSettings, own: Container[str]) -> None:
    """Make sure that a run was begun with these settings, apart from its own."""
    for key, (kept, asked) in differences(translator_settings(run), settings).items():
        if key not in OF_NO_ACCOUNT and key not in own:
            raise RunError(
                f"{run.path} was begun with {key} {kept}, not {asked}; compare under its "
                "settings, choose another --run, or delete it"
            )


def _check_free(run: RunDirectory, name: str) -> None:
    if not run.finished and in_training(run):
        raise RunError(
            f"{run.path} is being trained by another process; wait until that has ended, or leave "
            f"{name} out of --variants"
        )


def _ended(plan: Outcome, folder: Path) -> Outcome | None:
    """Return what has come of a variant; None if it is still to be trained."""
    run = RunDirectory(folder / plan.name)
    if run.finished:
        return plan._replace(metrics=run.metrics())
    diverged = {outcome.name: outcome.diverged for outcome in read_comparison(folder)}
    return plan._replace(diverged=diverged[plan.name]) if plan.name in diverged else None


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
        return plan._replace(diverged=f"{error}; to train it again, delete its folder")
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
        system = _opened(folder / outcome.name)
        figures = {
            **outcome.metrics["validation"],
            **alignment_figures(system, pairs, known),
        }
        return outcome._replace(metrics={**outcome.metrics, "validation": figures})

    return judge


def _draw_alignments(names: Sequence[str], shared: TranslateSettings, folder: Path) -> None:
    """Draw where the variants look when they write the same short validation sentences."""
    if not names:
        return
    tokenizers = read_tokenizers(RunDirectory(folder / names[0]))

    def fits(pair: Pair) -> bool:
        lengths = [len(side.tokens(text)) for side, text in zip(tokenizers, pair, strict=True)]
        return min(lengths) > 0 and max(lengths) <= TOKENS_DRAWN

    fitting = filter(fits, load_splits(shared.data).validation.pairs)
    pairs = list(islice(fitting, SENTENCES_DRAWN))
    if not pairs:
        return
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    drawn = {}
    for name in names:
        followed = _opened(folder / name).align(sources, targets)
        drawn[name] = [
            Alignment(each.alignment, each.source_tokens, each.target_tokens) for each in followed
        ]
    side_by_side.save(drawn, folder / ALIGNMENTS)


def _opened(path: Path) -> TranslationSystem:
    run = RunDirectory(path)
    return open_translator(run, translator_settings(run))


def _summary(outcome: Outcome) -> str:
    if outcome.diverged:
        return outcome.diverged
    validation = outcome.metrics["validation"]
    return (
        f"validation BLEU {validation['tokenised_bleu']:.2f}, perplexity "
        f"{validation['perplexity']:.2f}; {outcome.metrics['minutes']:.1f} minutes"
    )
