"""A Lightning Trainer stopped anywhere in an epoch goes on with exactly the next batch."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from regard.data import BatchLoader, BatchSampler, EncodedPair, by_sentences, collate
from regard.interfaces import BOS, EOS, TranslationBatch

NUM_PAIRS, NUM_EPOCHS = 20, 3
BATCHES_PER_EPOCH = 7
PAIRS = [EncodedPair([10 + number, EOS], [BOS, EOS]) for number in range(NUM_PAIRS)]

# When a ModelCheckpoint writes.
EVERY_SECOND_STEP = {"every_n_train_steps": 2}
END_OF_EPOCH = {"every_n_epochs": 1, "save_on_train_epoch_end": True}
AFTER_VALIDATION = {"every_n_epochs": 1, "save_on_train_epoch_end": False}


class Killed(Exception):  # noqa: N818
    """What ends a run in the middle."""


class Reader(lightning.LightningModule):
    """Notes which pairs it is given, and dies after a number of batches."""

    def __init__(self, dies_after: int | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.dies_after = dies_after
        self.seen: list[list[int]] = []

    def training_step(self, batch: TranslationBatch) -> torch.Tensor:
        if len(self.seen) == self.dies_after:
            raise Killed
        self.seen.append(batch.source.ids[:, 0].tolist())
        return self.weight * 1.0

    def validation_step(self, batch: TranslationBatch) -> None:
        """Do nothing: validation only has to take place."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def loader(seed: int | None, workers: int) -> BatchLoader[EncodedPair, TranslationBatch]:
    sampler = BatchSampler(NUM_PAIRS, by_sentences(3), seed=seed)
    return BatchLoader(PAIRS, sampler, collate, workers=workers)


def train(
    model: Reader,
    checkpoint: ModelCheckpoint | None = None,
    resume: Path | None = None,
    *,
    workers: int = 0,
) -> None:
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=NUM_EPOCHS,
        callbacks=[checkpoint] if checkpoint else [],
        enable_checkpointing=checkpoint is not None,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, loader(1, workers), loader(None, workers), ckpt_path=resume)


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
@pytest.mark.parametrize(
    ("moment", "dies_after", "saved_after"),
    [
        (EVERY_SECOND_STEP, 3, 2),
        (EVERY_SECOND_STEP, 7, 6),
        (EVERY_SECOND_STEP, 8, 8),
        (EVERY_SECOND_STEP, 14, 14),
        (EVERY_SECOND_STEP, 19, 18),
        (END_OF_EPOCH, 8, 7),
        (END_OF_EPOCH, 20, 14),
        (AFTER_VALIDATION, 7, 7),
        (AFTER_VALIDATION, 13, 7),
        (AFTER_VALIDATION, 16, 14),
    ],
)
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(
    tmp_path: Path, moment: dict[str, Any], dies_after: int, saved_after: int
) -> None:
    whole, killed, resumed = Reader(), Reader(dies_after), Reader()
    train(whole)
    with pytest.raises(Killed):
        train(killed, ModelCheckpoint(tmp_path, filename="last", **moment))
    train(resumed, resume=max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime))
    assert len(whole.seen) == NUM_EPOCHS * BATCHES_PER_EPOCH
    assert killed.seen == whole.seen[:dies_after]
    assert resumed.seen == whole.seen[saved_after:]


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
@pytest.mark.parametrize(("dies_after", "saved_after"), [(3, 2), (9, 8)])
def test_batches_that_workers_made_ahead_do_not_count_as_given(
    tmp_path: Path, dies_after: int, saved_after: int
) -> None:
    whole, killed, resumed = Reader(), Reader(dies_after), Reader()
    train(whole)
    keep = ModelCheckpoint(tmp_path, filename="last", **EVERY_SECOND_STEP)
    with pytest.raises(Killed):
        train(killed, keep, workers=2)
    train(resumed, resume=max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime), workers=2)
    assert killed.seen == whole.seen[:dies_after]
    assert resumed.seen == whole.seen[saved_after:]
