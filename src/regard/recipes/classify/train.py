"""Learn to classify: from labelled text to a run directory with a classifier in it."""

from functools import partial
from typing import Any, NamedTuple, cast

import lightning.pytorch as lightning
import numpy as np
import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from regard.data.corpus import Corpus, encode_corpus
from regard.data.encoding import collate_labelled
from regard.data.files import DataError
from regard.data.labelled import LabelledText
from regard.data.labelled_splits import LabelledSplits
from regard.data.labels import Labels
from regard.data.ngrams import count_ngrams
from regard.models.ngram_classifier import NgramClassifier
from regard.recipes.alone import Begin, alone_in
from regard.recipes.classify.parts import (
    Parts,
    learn_tokenizer,
    load_splits,
    make_encoder,
    make_model,
    read_parts,
)
from regard.recipes.classify.settings import READERS, ClassifySettings, NgramSettings
from regard.recipes.classify.system import ClassificationSystem
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
from regard.recipes.vectors import use_vectors
from regard.training.classification import ClassificationTraining
from regard.training.classification_metrics import score_classes, score_labels
from regard.training.clock import Clock
from regard.training.divergence import FiniteLoss
from regard.training.run_directory import RunDirectory
from regard.training.trainer import make_trainer

__all__ = ["evaluate_classifier", "train_classifier"]

EVALUATED_AT_ONCE = 4096


def train_classifier(
    settings: ClassifySettings, run: RunDirectory, *, resume: bool = False, report: Report = print
) -> dict[str, Any]:
    """Train a classifier, keep it in the run directory, and return what it scores.

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


def evaluate_classifier(system: ClassificationSystem, texts: Corpus) -> dict[str, Any]:
    """Score the classifier on labelled texts."""
    shares = []
    for first in range(0, len(texts), EVALUATED_AT_ONCE):
        some = [texts[at] for at in range(first, min(first + EVALUATED_AT_ONCE, len(texts)))]
        shares.append(system.probabilities([np.asarray(ids).tolist() for ids, _ in some]))
    found = torch.cat(shares)
    target = torch.tensor([texts[at].target for at in range(len(texts))])
    names = list(system.labels.names)
    if system.labels.several:
        loss = torch.nn.functional.binary_cross_entropy(found, target)
        return {"loss": float(loss), "texts": len(texts), **score_labels(found, target, names)}
    loss = torch.nn.functional.nll_loss(found.clamp(min=1e-12).log(), target)
    return {"loss": float(loss), "texts": len(texts), **score_classes(found, target, names)}


def _train(
    settings: ClassifySettings, run: RunDirectory, begin: Begin, *, resume: bool, report: Report
) -> dict[str, Any]:
    splits = load_splits(settings.data)
    lightning.seed_everything(settings.training.seed, verbose=False)
    kept = read_parts(run, settings) if resume else None
    prepared = _prepare(settings, splits, kept, report, begins=not (resume and run.has_checkpoint))
    system = prepared.system
    clock = Clock()
    trainer = make_trainer(settings.training, run, [clock, FiniteLoss(), _Progress(report)])
    train, validation = (
        make_loader(
            corpus,
            batch_plan(corpus.lengths, settings.training),
            collate_labelled,
            settings.training,
            trainer,
            seed,
        )
        for corpus, seed in (
            (prepared.train, settings.training.seed),
            (prepared.validation, None),
        )
    )
    module = ClassificationTraining(
        system.model,
        settings.training,
        num_batches=len(train),
        num_classes=len(system.labels.names),
        several=system.labels.several,
        class_weights=_class_weights(prepared.train) if settings.training.balanced else None,
    )
    checkpoint = run.checkpoint(module) if resume else None
    # Only now, when nothing that a user may have to mend is left to go wrong.
    begin(_config(settings), prepared.parts.save)
    system.model = fit(trainer, module, (train, validation), checkpoint)
    if not trainer.is_global_zero:
        return {}
    judging = {"validation": prepared.validation, "test": prepared.test}
    evaluated = {
        split: partial(evaluate_classifier, system, texts)
        for split, texts in judging.items()
        if texts is not None
    }
    return conclude(run, trainer, clock, system.model, evaluated)


class _Prepared(NamedTuple):
    parts: Parts
    system: ClassificationSystem
    train: Corpus
    validation: Corpus
    test: Corpus | None


class _Progress(Callback):
    """Say after every epoch how good the classifier is on the validation set."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seen: dict[str, Any] = trainer.callback_metrics
        if trainer.is_global_zero:
            self._report(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
                f"  validation loss {seen['validation_loss']:.3f}"
                f"  accuracy {seen['validation_accuracy']:.2f} %"
                f"  macro F1 {seen['validation_macro_f1']:.2f} %"
            )


def _prepare(
    settings: ClassifySettings,
    splits: LabelledSplits,
    kept: Parts | None,
    report: Report,
    *,
    begins: bool,
) -> _Prepared:
    """Learn vocabulary and labels, or take what a run has kept; encode; make the model.

    Args:
        begins: there is no checkpoint from which the model will get its weights.
    """
    learnt = kept or _learn(settings, splits.train)
    tokenizer, labels = learnt.tokenizer, learnt.labels
    encoder = make_encoder(settings, tokenizer)
    train = encode_corpus(splits.train, encoder, labels)
    validation = encode_corpus(splits.validation, encoder, labels)
    # Encoded before the training, which may take hours, lest a row that cannot be used end it.
    test = None if splits.test is None else encode_corpus(splits.test, encoder, labels)
    if begins:
        parts, model = _begin(settings, learnt, train, is_new=kept is None)
    else:
        parts, model = learnt, make_model(settings, learnt)
    known = ""
    if settings.vocabulary.vectors is not None and begins:
        found = use_vectors(model, settings.vocabulary.vectors, tokenizer)
        known = f" ({found:,} with pretrained vectors)"
    skipped = sum(split.skipped for split in splits if split is not None)
    left_out = f" ({skipped:,} rows without text or label left out)" if skipped else ""
    judging = "" if test is None else f", {len(test):,} to judge by"
    report(
        f"{len(train):,} texts to learn from, {len(validation):,} to choose by{judging}{left_out}; "
        f"{len(labels.names):,} classes; vocabulary of "
        f"{tokenizer.vocab_size:,}{known}; {num_parameters(model):,} parameters"
    )
    return _Prepared(parts, ClassificationSystem(model, encoder, labels), train, validation, test)


def _learn(settings: ClassifySettings, train: LabelledText) -> Parts:
    """Learn which labels and which words there are."""
    labels = Labels.learn(
        (row.labels for row in train), several=True if settings.data.separator else None
    )
    return Parts(learn_tokenizer(settings.vocabulary, train.texts), labels, [])


def _begin(
    settings: ClassifySettings, learnt: Parts, train: Corpus, *, is_new: bool
) -> tuple[Parts, nn.Module]:
    """Make the model; a reader of n-grams learns which there are, and begins with their counts.

    Raises:
        DataError: the run was begun with other n-grams.
    """
    if not isinstance(settings.model, NgramSettings):
        return learnt, make_model(settings, learnt)
    counts = count_ngrams(
        train,
        vocab=learnt.tokenizer.vocab_size,
        num_classes=len(learnt.labels.names),
        longest=settings.model.longest,
        min_texts=settings.model.min_texts,
    )
    if not is_new and not all(map(torch.equal, learnt.ngrams, counts.keys)):
        raise DataError("the training text has changed since the run began; start a new --run")
    parts = Parts(learnt.tokenizer, learnt.labels, counts.keys)
    model = cast(NgramClassifier, make_model(settings, parts))
    model.start_from(counts.by_class, counts.texts)
    return parts, model


def _class_weights(train: Corpus) -> Float[Tensor, " classes"]:
    """Return weights by which each class counts the same; where texts have several, each label."""
    counts = torch.from_numpy(train.class_counts()).float().clamp(min=1)
    if train.labels.several:
        return (len(train) - counts).clamp(min=1) / counts
    return len(train) / (len(counts) * counts)


def _config(settings: ClassifySettings) -> dict[str, Any]:
    reader = next(name for name, kind in READERS.items() if isinstance(settings.model, kind))
    return {"system": "classify", "reader": reader, "settings": as_json(settings)}
