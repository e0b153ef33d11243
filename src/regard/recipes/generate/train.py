"""Learn to write: from plain text to a run directory with a language model in it."""

from functools import partial
from typing import Any, NamedTuple

import lightning.pytorch as lightning

from regard.data.batching import BatchLoader, BatchSampler, by_sentences
from regard.data.blocks import Blocks, encode_blocks
from regard.data.encoding import pad
from regard.data.plain_splits import PlainSplits
from regard.data.plain_text import PlainText
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
from regard.recipes.generate.figures import bits_per_character, perplexity
from regard.recipes.generate.parts import (
    learn_tokenizer,
    load_splits,
    longest,
    make_model,
    read_tokenizer,
)
from regard.recipes.generate.settings import GenerateSettings
from regard.recipes.generate.system import GenerationSystem
from regard.recipes.generate.watcher import SampleWriter
from regard.training.clock import Clock
from regard.training.divergence import FiniteLoss
from regard.training.language import LanguageTraining, text_loss
from regard.training.run_directory import RunDirectory
from regard.training.trainer import make_trainer

__all__ = ["evaluate_generator", "evaluate_text", "train_generator"]

EVALUATED_AT_ONCE = 32


class _Encoded(NamedTuple):
    train: Blocks
    validation: Blocks
    test: Blocks | None


def train_generator(
    settings: GenerateSettings, run: RunDirectory, *, resume: bool = False, report: Report = print
) -> dict[str, Any]:
    """Train a language model, keep it in the run directory, and return what it scores.

    The best epoch is chosen on the validation text; the test text is read once, by that epoch.

    Raises:
        DataError: the text cannot be used.
        RunError: the run directory exists already, or cannot be resumed, or another process trains
            there.
        DivergedError: the loss ceased to be finite.
    """
    with alone_in(run, resume=resume) as begin:
        return _train(settings, run, begin, resume=resume, report=for_first_process(report))


def evaluate_text(
    system: GenerationSystem, text: PlainText, settings: GenerateSettings
) -> dict[str, Any]:
    """Score the model on other text, in blocks as long as those it was trained on.

    Raises:
        DataError: the text cannot be used.
    """
    return evaluate_generator(
        system, encode_blocks(text, system.tokenizer, settings.data.block_len)
    )


def evaluate_generator(system: GenerationSystem, blocks: Blocks) -> dict[str, Any]:
    """Score the model on texts, of which each block is read by itself."""
    sampler = BatchSampler(len(blocks), by_sentences(EVALUATED_AT_ONCE), seed=None)
    loss = text_loss(system.model.eval(), BatchLoader(blocks, sampler, pad))
    return {
        "characters": blocks.num_characters,
        "loss": loss,
        "perplexity": perplexity(loss),
        "bits_per_character": bits_per_character(loss, blocks),
    }


def _train(
    settings: GenerateSettings, run: RunDirectory, begin: Begin, *, resume: bool, report: Report
) -> dict[str, Any]:
    splits = load_splits(settings.data)
    lightning.seed_everything(settings.training.seed, verbose=False)
    tokenizer = (
        read_tokenizer(run) if resume else learn_tokenizer(settings.vocabulary, splits.train.pieces)
    )
    model = make_model(settings, tokenizer.vocab_size)
    system = GenerationSystem(model, tokenizer, longest=longest(settings))
    encoded = _encode(settings, splits, system, report)
    clock = Clock()
    watcher = SampleWriter(system, encoded.validation, report)
    trainer = make_trainer(settings.training, run, [clock, FiniteLoss(), watcher])
    train, validation = (
        make_loader(
            blocks,
            batch_plan(blocks.lengths, settings.training),
            pad,
            settings.training,
            trainer,
            seed,
        )
        for blocks, seed in ((encoded.train, settings.training.seed), (encoded.validation, None))
    )
    module = LanguageTraining(model, settings.training, num_batches=len(train))
    checkpoint = run.checkpoint(module) if resume else None
    # Only now, when nothing that a user may have to mend is left to go wrong.
    config = {"system": "generate", "settings": as_json(settings)}
    begin(config, lambda at: tokenizer.save(at / "tokenizer.json"))
    system.model = fit(trainer, module, (train, validation), checkpoint)
    if not trainer.is_global_zero:
        return {}
    evaluated = {
        split: partial(evaluate_generator, system, blocks)
        for split, blocks in {"validation": encoded.validation, "test": encoded.test}.items()
        if blocks is not None
    }
    return conclude(run, trainer, clock, system.model, evaluated)


def _encode(
    settings: GenerateSettings, splits: PlainSplits, system: GenerationSystem, report: Report
) -> _Encoded:
    """Encode the texts, and say how much that is."""

    def encode(text: PlainText) -> Blocks:
        return encode_blocks(text, system.tokenizer, settings.data.block_len)

    # Before the training, which may take hours, lest a test text that cannot be read end it.
    encoded = _Encoded(
        encode(splits.train),
        encode(splits.validation),
        None if splits.test is None else encode(splits.test),
    )
    judging = "" if encoded.test is None else f", {encoded.test.num_characters:,} to judge by"
    report(
        f"{encoded.train.num_characters:,} characters to learn from, "
        f"{encoded.validation.num_characters:,} to choose by{judging}; "
        f"{len(encoded.train):,} blocks of up to {settings.data.block_len} tokens; "
        f"vocabulary of {system.tokenizer.vocab_size:,}; "
        f"{num_parameters(system.model):,} parameters"
    )
    return encoded
