"""The average of the weights is what is validated, chosen and kept; training goes on without it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from regard.training.averaging import MovingAverage, decay_at
from regard.training.module import Training
from regard.training.run_directory import RunDirectory
from regard.training.settings import TrainingSettings
from regard.training.trainer import best_checkpoint, make_trainer
from tests.training.waiting import Waits

EPOCHS, NUM_BATCHES = 3, 6
Weights = dict[str, Tensor]


class Counting(nn.Module):
    """Two layers with one weight, which count the batches that they are trained on."""

    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("batches", torch.tensor(0))

    def forward(self, values: Tensor) -> Tensor:
        if self.training:
            self.batches += 1
        hidden = torch.tanh(self.first(values))
        return F.linear(hidden, self.second.weight, self.second.bias)


class Fitting(Training):
    """Learn numbers by heart."""

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return F.mse_loss(self.model(batch), batch.flip(-1))

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("validation_loss", F.mse_loss(self.model(batch), batch.flip(-1)))


class Watcher(Callback):
    """Keep the weights after each step, and those that stand at the end of each validation."""

    def __init__(self) -> None:
        self.trained: list[Weights] = []
        self.validated: list[Weights] = []
        self.figures: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step > len(self.trained):
            self.trained.append(copied(pl_module))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validated.append(copied(pl_module))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.figures.append(float(trainer.callback_metrics["validation_loss"]))


class Fitted:
    """A training with what was seen of it and what it has left behind."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.settings = TrainingSettings(
            epochs=EPOCHS,
            learning_rate=0.05,
            warmup_steps=0,
            accelerator="cpu",
            devices="1",
            progress=False,
            **changes,
        )
        self.watcher, self.run = Watcher(), RunDirectory(folder / "run")
        self.trainer = make_trainer(self.settings, self.run, [self.watcher])
        torch.manual_seed(0)
        self.batches = list(torch.randn(NUM_BATCHES, 4, 3))
        self.model = Counting()
        self.module = Fitting(self.model, self.settings, num_batches=NUM_BATCHES)
        loader: DataLoader[Tensor] = DataLoader(self.batches, batch_size=None)  # type: ignore[arg-type]
        self.trainer.fit(self.module, loader, loader)

    def by_hand(self) -> Iterator[Weights]:
        """Average the weights after each step as the formula says, in double precision."""
        steps = [
            {name: tensor.double() for name, tensor in each.items()}
            for each in self.watcher.trained
        ]
        average = steps[0]
        yield average
        for step, weights in enumerate(steps[1:], start=1):
            decay = min(self.settings.ema, (1 + step) / (10 + step))
            average = {
                name: decay * average[name] + (1 - decay) * tensor
                for name, tensor in weights.items()
            }
            yield average


def copied(module: nn.Module) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def assert_same(found: Weights, expected: Weights) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        if "batches" not in name:
            expected_tensor = expected[name].to(tensor.dtype)
            torch.testing.assert_close(tensor, expected_tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_what_is_validated_is_the_average_of_what_was_trained(
    tmp_path: Path, accumulate: int
) -> None:
    fitted = Fitted(tmp_path, ema=0.7, accumulate=accumulate)
    averages = list(fitted.by_hand())[NUM_BATCHES // accumulate - 1 :: NUM_BATCHES // accumulate]
    assert len(averages) == len(fitted.watcher.validated) == EPOCHS
    model = Counting().eval()
    for average, seen, figure in zip(
        averages, fitted.watcher.validated, fitted.watcher.figures, strict=True
    ):
        assert_same(seen, average)
        model.load_state_dict({name.removeprefix("model."): seen[name] for name in seen})
        losses = [F.mse_loss(model(batch), batch.flip(-1)).item() for batch in fitted.batches]
        assert figure == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_the_average_does_not_change_what_is_trained(tmp_path: Path) -> None:
    plain, averaged = Fitted(tmp_path / "plain"), Fitted(tmp_path / "averaged", ema=0.9)
    for expected, found in zip(plain.watcher.trained, averaged.watcher.trained, strict=True):
        for name, tensor in expected.items():
            assert torch.equal(found[name], tensor), name


def test_the_best_epoch_is_kept_as_it_was_validated(tmp_path: Path) -> None:
    fitted = Fitted(tmp_path, ema=0.7)
    best = torch.load(best_checkpoint(fitted.trainer), weights_only=True)
    assert best["epoch"] == fitted.watcher.figures.index(min(fitted.watcher.figures))
    validated = fitted.watcher.validated[best["epoch"]]
    for name, tensor in best["state_dict"].items():
        assert torch.equal(tensor, validated[name]), name


def test_resuming_finds_the_weights_and_their_average(tmp_path: Path) -> None:
    fitted = Fitted(tmp_path, ema=0.7)
    path = fitted.run.checkpoint(fitted.module)
    assert path is not None
    last = torch.load(path, weights_only=True)
    *_, average = fitted.by_hand()
    assert_same(last["state_dict"], average)
    assert_same(last["current_model_state"], fitted.watcher.trained[-1])


def test_training_ends_with_the_average(tmp_path: Path) -> None:
    fitted = Fitted(tmp_path, ema=0.7)
    *_, average = fitted.by_hand()
    assert_same(copied(fitted.module), average)
    assert fitted.model.second.weight is fitted.model.first.weight


def test_what_is_no_weight_is_not_averaged(tmp_path: Path) -> None:
    fitted = Fitted(tmp_path, ema=0.7)
    counts = [int(seen["model.batches"]) for seen in fitted.watcher.validated]
    assert counts == [NUM_BATCHES * epoch for epoch in range(1, EPOCHS + 1)]


def test_no_step_waits_for_the_device() -> None:
    average = MovingAverage(0.7)
    module = Fitting(Counting(), TrainingSettings(), num_batches=NUM_BATCHES)
    device = SimpleNamespace(root_device=torch.device("cpu"))
    trainer = Mock(spec=Trainer, strategy=device)
    average.setup(trainer, module, "fit")
    with Waits() as waits:
        for trainer.global_step in (1, 2, 3):
            average.on_train_batch_end(trainer, module, None, None, 0)
    assert waits.number == 0
    assert average.state_dict() == {"latest_update_step": 3}


@pytest.mark.parametrize("num_averaged", [2, 3, 5])
def test_the_mean_of_the_last_epochs_is_validated(tmp_path: Path, num_averaged: int) -> None:
    fitted = Fitted(tmp_path, average_epochs=num_averaged)
    ends = fitted.watcher.trained[NUM_BATCHES - 1 :: NUM_BATCHES]
    assert len(ends) == EPOCHS
    for epoch, seen in enumerate(fitted.watcher.validated):
        first = min(epoch, max(0, EPOCHS - num_averaged))
        averaged = ends[first : epoch + 1]
        mean = {
            name: torch.stack([each[name].double() for each in averaged]).mean(dim=0)
            for name in ends[0]
        }
        assert_same(seen, mean)
    assert_same(copied(fitted.module), fitted.watcher.validated[-1])


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_decay_rises_to_what_was_asked_for(decay: float) -> None:
    decays = [decay_at(step, decay) for step in range(2_000)]
    assert decays == sorted(decays)
    assert decays[-1] == decay


def test_the_average_of_a_short_training_lags_behind_by_a_tenth_of_it() -> None:
    decays = [decay_at(step, 0.9999) for step in range(1_000)]
    weights = [1.0]
    for decay in decays[1:]:
        weights = [decay * weight for weight in weights] + [1 - decay]
    assert sum(weights) == pytest.approx(1)
    ages = sum(weight * age for age, weight in enumerate(reversed(weights)))
    assert ages == pytest.approx(1_000 / 10, rel=0.05)
