"""Learn to match: from labelled pairs to a run directory with a matcher in it."""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import lightning.pytorch as lightning
import torch
from jaxtyping import Float
from lightning.pytorch import Trainer
from torch import Tensor

from regard.data.batching import BatchLoader
from regard.data.files import DataError
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.matched_encoding import (
    EncodedMatched,
    by_groups,
    collate_groups,
    collate_matched,
    in_groups,
    pair_lengths,
)
from regard.data.matched_splits import MatchedSplits
from regard.interfaces import MatchBatch
from regard.recipes.alone import Begin, alone_in
from regard.recipes.fitting import (
    Report,
    as_json,
    batch_plan,
    conclude,
    fit,
    for_first_process,
    make_loader,
    num_parameters,
)
from regard.recipes.match.figures import (
    LabelledPairs,
    encoded_pairs,
    evaluate_matcher,
    figure_names,
)
from regard.recipes.match.model import make_model
from regard.recipes.match.parts import Parts, learn_parts, load_splits, read_parts
from regard.recipes.match.settings import MATCHERS, MatchSettings
from regard.recipes.match.system import MatchingSystem, make_system
from regard.recipes.match.watcher import ValidationMatcher
from regard.recipes.vectors import use_vectors
from regard.training.clock import Clock
from regard.training.divergence import FiniteLoss
from regard.training.matching import MatchTraining
from regard.training.run_directory import RunDirectory
from regard.training.trainer import make_trainer

__all__ = ["train_matcher"]


class _Prepared(NamedTuple):
    parts: Parts
    system: MatchingSystem
    splits: dict[str, LabelledPairs]


def train_matcher(
    settings: MatchSettings, run: RunDirectory, *, resume: bool = False, report: Report = print
) -> dict[str, Any]:
    """Train a matcher, keep it in the run directory, and return what it scores.

    The best epoch is chosen on the validation set; the test set is read once, by that epoch.

    Raises:
        DataError: the data cannot be used.
        RunError: the run directory exists already, or cannot be resumed, or another process trains
            there.
        ValueError: settings do not go together.
        DivergedError: the loss ceased to be finite.
    """
    with alone_in(run, resume=resume) as begin:
        return _train(settings, run, begin, resume=resume, report=for_first_process(report))


def _train(
    settings: MatchSettings, run: RunDirectory, begin: Begin, *, resume: bool, report: Report
) -> dict[str, Any]:
    splits = load_splits(settings.data)
    lightning.seed_everything(settings.training.seed, verbose=False)
    kept = read_parts(run, settings) if resume else None
    prepared = _prepare(settings, splits, kept, report, begins=not (resume and run.has_checkpoint))
    system, encoded = prepared.system, prepared.splits
    chosen: Any = dataclasses.replace(settings.training, **_select(settings, system, encoded))
    clock = Clock()
    watcher = ValidationMatcher(system, encoded["validation"], report)
    trainer = make_trainer(chosen, run, [clock, FiniteLoss(), watcher])
    train = _learnt_from(settings, encoded["train"], trainer)
    pairs = encoded["validation"].pairs
    plan = batch_plan(pair_lengths(pairs), settings.training)
    validation = make_loader(pairs, plan, collate_matched, settings.training, trainer, None)
    module = MatchTraining(
        system.model,
        settings.training,
        num_batches=len(train),
        class_weights=_class_weights(encoded["train"].pairs)
        if settings.training.balanced
        else None,
    )
    checkpoint = run.checkpoint(module) if resume else None
    # Only now, when nothing that a user may have to mend is left to go wrong.
    begin(_config(settings), prepared.parts.save)
    system.model = fit(trainer, module, (train, validation), checkpoint)
    if not trainer.is_global_zero:
        return {}
    evaluated = {
        name: partial(evaluate_matcher, system, *split)
        for name, split in encoded.items()
        if name != "train"
    }
    return conclude(run, trainer, clock, system.model, evaluated)


def _prepare(
    settings: MatchSettings,
    splits: MatchedSplits,
    kept: Parts | None,
    report: Report,
    *,
    begins: bool,
) -> _Prepared:
    """Encode all splits, and make the model; say how much that is.

    Args:
        begins: there is no checkpoint from which the model will get its weights.
    """
    parts = kept or learn_parts(settings, splits.train)
    model = make_model(settings, parts)
    system = make_system(settings, parts, model)
    if settings.training.balanced and isinstance(parts.truth, Grades):
        raise DataError("training.balanced is of classes; these pairs have grades")
    known = ""
    if settings.vocabulary.vectors is not None and begins:
        found = use_vectors(model, settings.vocabulary.vectors, parts.tokenizer)
        known = f" ({found:,} with pretrained vectors)"
    model.get_parameter("embedding.weight").requires_grad_(settings.vocabulary.tuned)
    # The test set too, before a training of hours, lest a row that cannot be used end it.
    encoded = {
        name: encoded_pairs(system, rows)
        for name, rows in splits._asdict().items()
        if rows is not None
    }
    skipped = sum(rows.skipped for rows in splits if rows is not None)
    report(
        f"{_amounts(encoded, skipped)}{_filled(encoded, settings.data.max_len)}; "
        f"{_what(parts.truth)}; "
        f"vocabulary of {parts.tokenizer.vocab_size:,}{known}; "
        f"{num_parameters(model):,} parameters"
    )
    return _Prepared(parts, system, encoded)


def _amounts(splits: dict[str, LabelledPairs], skipped: int) -> str:
    judging = f", {len(splits['test'].pairs):,} to judge by" if "test" in splits else ""
    left_out = f" ({skipped:,} rows without text or label left out)" if skipped else ""
    return (
        f"{len(splits['train'].pairs):,} pairs to learn from, "
        f"{len(splits['validation'].pairs):,} to choose by{judging}{left_out}"
    )


def _filled(splits: dict[str, LabelledPairs], max_len: int) -> str:
    """Say how many texts are so long that something of them may not be read."""
    texts = [
        text
        for split in splits.values()
        for pair in split.pairs
        for text in (pair.left, pair.right)
    ]
    num_filled = sum(len(text) >= max_len for text in texts)
    if not num_filled:
        return ""
    return f", {num_filled:,} of {len(texts):,} texts with all of data.max_len, {max_len} tokens"


def _what(truth: Labels | Grades) -> str:
    if isinstance(truth, Grades):
        return f"grades {truth.low:g} to {truth.high:g}"
    if len(truth.names) == 2:
        return f"2 classes, '{truth.names[1]}' is right"
    return f"{len(truth.names):,} classes"


def _learnt_from(
    settings: MatchSettings, learnt: LabelledPairs, trainer: Trainer
) -> BatchLoader[Any, MatchBatch]:
    """Return batches of pairs, or of whole groups where right answers are learnt among wrong ones.

    Raises:
        DataError: there are no groups.
    """
    training = settings.training
    if training.loss == "listwise" and not learnt.is_ranked:
        raise DataError("training.loss listwise is of two classes, ranked by data.group")
    if not learnt.is_ranked or training.loss == "pointwise":
        plan = batch_plan(pair_lengths(learnt.pairs), training)
        return make_loader(learnt.pairs, plan, collate_matched, training, trainer, training.seed)
    groups = in_groups(learnt.pairs, learnt.groups, max_tokens=training.max_tokens)
    plan = by_groups(groups, max_tokens=training.max_tokens, max_pairs=training.max_sentences)
    return make_loader(groups, plan, collate_groups, training, trainer, training.seed)


def _select(
    settings: MatchSettings, system: MatchingSystem, splits: dict[str, LabelledPairs]
) -> dict[str, Any]:
    """Return which figure chooses the best epoch, as a setting."""
    asked = settings.training.select
    chosen_by = splits["validation"]
    known = figure_names(system, ranked=chosen_by.is_ranked)
    if asked in ("auto", "map", "mrr") and any(chosen_by.groups) and not chosen_by.is_ranked:
        raise DataError(
            "no pair of the validation set is right, so nothing can be chosen by a ranking; give "
            "another data.validation, or training.select loss"
        )
    if asked == "auto":
        return {"select": known[0]}
    if asked not in (*known, "loss"):
        raise DataError(f"training.select {asked} is not of these pairs; choose {', '.join(known)}")
    return {"select": asked}


def _class_weights(pairs: list[EncodedMatched]) -> Float[Tensor, " classes"]:
    """Return weights by which each class counts the same."""
    counts = torch.bincount(torch.tensor([pair.target for pair in pairs])).clamp(min=1)
    return len(pairs) / (len(counts) * counts.float())


def _config(settings: MatchSettings) -> dict[str, Any]:
    matcher = next(name for name, kind in MATCHERS.items() if isinstance(settings.model, kind))
    return {"system": "match", "matcher": matcher, "settings": as_json(settings)}
