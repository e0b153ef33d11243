"""Steps are timed, and their losses watched, without waiting for an accelerator in each."""

import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from regard.training.clock import Clock
from regard.training.divergence import DivergedError, FiniteLoss
from tests.training.waiting import Waits

BATCHES = 8
FINITE = [1.0] * BATCHES


class Line(LightningModule):
    """A line through nothing, whose losses and pace a test decides."""

    def __init__(self, losses: list[float], *, step: float = 0.0, validation: float = 0.0) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)
        self.losses, self.step_seconds, self.validation_seconds = losses, step, validation
        self.num_steps = self.num_validated = 0

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        time.sleep(self.step_seconds)
        self.num_steps += 1
        return self.line(batch).mean() * 0 + self.losses[batch_idx]

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        time.sleep(self.validation_seconds)
        self.num_validated += 1

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(module: Line, callback: Callback, folder: Path) -> None:
    """Train on a few batches."""
    trainer = Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        max_epochs=1,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
    )
    batches = DataLoader(torch.zeros(len(module.losses), 1))
    trainer.fit(module, batches, batches)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_step_is_timed_without_validation(tmp_path: Path) -> None:
    clock = Clock()
    assert clock.step_ms is None
    begun = time.perf_counter()
    fit(Line(FINITE, step=0.02, validation=0.05), clock, tmp_path)
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert clock.step_ms is not None
    # Two steps and more stand beside each that is measured: a validation step of 50 ms.
    assert 20 <= clock.step_ms < whole_ms / BATCHES - 45
    assert 1e3 * 60 * clock.minutes >= BATCHES * (20 + 50)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_what_was_timed_is_not_forgotten(tmp_path: Path) -> None:
    before, after = Clock(), Clock()
    fit(Line(FINITE, step=0.01), before, tmp_path)
    after.load_state_dict(before.state_dict())
    assert after.step_ms == before.step_ms
    assert after.minutes == pytest.approx(before.minutes, rel=1e-6)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(("batch", "found"), [(3, 10), (10, 10), (11, 20), (23, 24)])
def test_a_training_that_has_diverged_ends_soon(
    tmp_path: Path, loss: float, batch: int, found: int
) -> None:
    losses = [1.0] * 24
    losses[batch - 1] = loss
    module = Line(losses)
    with pytest.raises(DivergedError) as error:
        fit(module, FiniteLoss(), tmp_path)
    said = str(error.value)
    assert said.startswith(f"the loss is {loss} at or before batch {found} of epoch 1: ")
    assert "try a lower training.learning_rate" in said
    assert said.endswith("with a new --run")
    assert (module.num_steps, module.num_validated) == (found, 0)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_training_that_has_not_goes_on(tmp_path: Path) -> None:
    module = Line(FINITE)
    fit(module, FiniteLoss(), tmp_path)
    assert module.num_steps == BATCHES


def test_the_loss_is_not_waited_for_in_every_batch() -> None:
    finite = FiniteLoss()
    trainer = Mock(spec=Trainer, is_last_batch=False)
    with Waits() as waits:
        for batch_idx in range(30):
            outputs = {"loss": torch.tensor(1.0)}
            finite.on_train_batch_end(trainer, Line(FINITE), outputs, None, batch_idx)
    assert waits.number == 3


def test_an_accelerator_is_waited_for_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    loop = SimpleNamespace(total_batch_idx=0)
    trainer = Mock(
        spec=Trainer,
        strategy=SimpleNamespace(root_device=torch.device("cuda")),
        fit_loop=SimpleNamespace(epoch_loop=loop),
    )
    monkeypatch.setattr(
        torch.accelerator, "synchronize", lambda device: waited.append(loop.total_batch_idx)
    )
    clock = Clock()
    for number in range(40):
        loop.total_batch_idx = number
        clock.on_train_batch_start(trainer, Line(FINITE), None, 0)
        time.sleep(0.02 if number in (1, 12, 23, 34) else 0)
        clock.on_train_batch_end(trainer)
    assert waited == [1, 1, 12, 12, 23, 23, 34, 34]
    assert clock.step_ms is not None
    assert clock.step_ms >= 20
    assert len(clock.state_dict()["seconds"]) == 4
