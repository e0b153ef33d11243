"""Learn to translate: from parallel text to a run directory with a translator in it."""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as lightning

from regard.data.batching import BatchLoader, BatchSampler, by_sentences
from regard.data.encoding import EncodedPair, collate, encode_pairs, longer_sides
from regard.data.splits import Splits
from regard.data.tokenizers import Tokenizer
from regard.decoding import Beam
from regard.interfaces import Pair
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
from regard.recipes.translate.alignments import alignment_entropy
from regard.recipes.translate.architectures import (
    ARCHITECTURES,
    RecurrentSettings,
    WeightedTransformerSettings,
)
from regard.recipes.translate.model import make_model
from regard.recipes.translate.parts import (
    load_splits,
    make_tokenizers,
    read_tokenizers,
)
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.system import TranslationSystem
from regard.recipes.translate.watcher import ValidationTranslator
from regard.training.clock import Clock
from regard.training.divergence import FiniteLoss
from regard.training.reinforce import Reinforce
from regard.training.run_directory import RunDirectory
from regard.training.shares import ShareLearning
from regard.training.trainer import make_trainer
from regard.training.translation import TranslationTraining, teacher_forced_loss
from regard.training.translation_metrics import exact_match, score_translations

__all__ = ["evaluate_translator", "train_translator"]

EVALUATED_AT_ONCE = 128


class _Encoded(NamedTuple):
    train: list[EncodedPair]
    validation: list[EncodedPair]


def train_translator(
    settings: TranslateSettings, run: RunDirectory, *, resume: bool = False, report: Report = print
) -> dict[str, Any]:
    """Train a translator, keep it in the run directory, and return what it scores.

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


def evaluate_translator(
    system: TranslationSystem, pairs: Sequence[Pair], settings: TranslateSettings
) -> dict[str, Any]:
    """Score the model on pairs: teacher-forced, and by what it translates on its own.

    Pairs longer than the model was trained for are left out of the teacher-forced figures alone,
    and counted.
    """
    encoded = encode_pairs(
        pairs, system.source_tokenizer, system.target_tokenizer, max_len=settings.data.max_len
    )
    sampler = BatchSampler(len(encoded.pairs), by_sentences(EVALUATED_AT_ONCE), seed=None)
    loss = teacher_forced_loss(system.model.eval(), BatchLoader(encoded.pairs, sampler, collate))
    found = system.translate(
        [pair.source for pair in pairs], Beam(**dataclasses.asdict(settings.decoding))
    )
    hypotheses, references = [best.text for best, *_ in found], [pair.target for pair in pairs]
    scores = score_translations(hypotheses, references, lowercase=settings.vocabulary.lowercase)
    written = [system.target_tokenizer.as_written(reference) for reference in references]
    scores["exact"] = exact_match(hypotheses, written)
    looks = alignment_entropy(best for best, *_ in found)
    figures = {"loss": loss, "perplexity": _perplexity(loss), **scores, "alignment_entropy": looks}
    return figures | ({"left_out": encoded.dropped} if encoded.dropped else {})


def _train(
    settings: TranslateSettings, run: RunDirectory, begin: Begin, *, resume: bool, report: Report
) -> dict[str, Any]:
    splits = load_splits(settings.data)
    lightning.seed_everything(settings.training.seed, verbose=False)
    system = _new_system(settings, splits, read_tokenizers(run) if resume else None)
    encoded = _encode(settings, splits, system, report)
    clock = Clock()
    watcher = ValidationTranslator(system, splits.validation.pairs, report)
    trainer = make_trainer(settings.training, run, [clock, FiniteLoss(), watcher])
    train, validation = (
        make_loader(
            pairs,
            batch_plan(longer_sides(pairs), settings.training),
            collate,
            settings.training,
            trainer,
            seed,
        )
        for pairs, seed in ((encoded.train, settings.training.seed), (encoded.validation, None))
    )
    module = TranslationTraining(
        system.model,
        settings.training,
        num_batches=len(train),
        teacher_forcing=settings.training.teacher_forcing,
        shares=_shares(settings),
        reinforce=_reinforce(settings, system.target_tokenizer.vocab_size),
    )
    checkpoint = run.checkpoint(module) if resume else None
    # Only now, when nothing that a user may have to mend is left to go wrong.
    begin(_config(settings), lambda at: _save(system, at))
    model = fit(trainer, module, (train, validation), checkpoint)
    if not trainer.is_global_zero:
        return {}
    tokenizers = system.source_tokenizer, system.target_tokenizer
    trained = TranslationSystem(model, *tokenizers, max_len=system.max_len)
    evaluated = {
        split: partial(evaluate_translator, trained, pairs, settings)
        for split, (pairs, _) in {"validation": splits.validation, "test": splits.test}.items()
        if pairs
    }
    return conclude(run, trainer, clock, model, evaluated)


def _perplexity(loss: float) -> float:
    """Return the exponential of the loss: infinity where no number is as large."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def _new_system(
    settings: TranslateSettings, splits: Splits, tokenizers: tuple[Tokenizer, Tokenizer] | None
) -> TranslationSystem:
    """Make an untrained system, with tokenizers learnt from the data if there are none yet."""
    source, target = tokenizers or make_tokenizers(settings.vocabulary, splits.train.pairs)
    model = make_model(settings, source.vocab_size, target.vocab_size)
    return TranslationSystem(model, source, target, max_len=settings.data.max_len)


def _encode(
    settings: TranslateSettings, splits: Splits, system: TranslationSystem, report: Report
) -> _Encoded:
    """Encode what is learnt from and chosen by, and say how much that is."""
    tokenizers = system.source_tokenizer, system.target_tokenizer
    train = encode_pairs(splits.train.pairs, *tokenizers, max_len=settings.data.max_len)
    validation = encode_pairs(splits.validation.pairs, *tokenizers, max_len=settings.data.max_len)
    left_out = [
        f"{number:,} {reason}"
        for number, reason in (
            (splits.train.skipped, "with an empty side left out"),
            (train.dropped, f"longer than {settings.data.max_len} tokens left out"),
        )
        if number
    ]
    report(
        f"{len(train.pairs):,} pairs to learn from"
        + "".join(f" ({reason})" for reason in left_out)
        + f", {len(validation.pairs):,} to choose by, {len(splits.test.pairs):,} to judge by; "
        f"vocabularies of {tokenizers[0].vocab_size:,} and {tokenizers[1].vocab_size:,}; "
        f"{num_parameters(system.model):,} parameters"
    )
    return _Encoded(train.pairs, validation.pairs)


def _shares(settings: TranslateSettings) -> ShareLearning | None:
    """Return how the shares of branches are learnt, where there are branches."""
    chosen = settings.model
    if not isinstance(chosen, WeightedTransformerSettings):
        return None
    return ShareLearning(
        chosen.shares_learning_rate, chosen.shares_warmup_steps, chosen.shares_frozen
    )


def _reinforce(settings: TranslateSettings, num_words: int) -> Reinforce | None:
    """Return how choices are rewarded, where attention makes any."""
    chosen = settings.model
    draws = isinstance(chosen, RecurrentSettings) and chosen.attention == "hard"
    return Reinforce(num_words) if draws else None


def _config(settings: TranslateSettings) -> dict[str, Any]:
    """Return what the run keeps of the settings: also which dataclass those of the model are."""
    named = (name for name, kind in ARCHITECTURES.items() if type(settings.model) is kind)
    return {"system": "translate", "architecture": next(named), "settings": as_json(settings)}


def _save(system: TranslationSystem, folder: Path) -> None:
    system.source_tokenizer.save(folder / "tokenizer.source.json")
    system.target_tokenizer.save(folder / "tokenizer.target.json")
