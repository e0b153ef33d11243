from pathlib import Path

import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only

from regard.training.run_directory import RunDirectory
from regard.training.settings import TrainingSettings
from regard.training.trainer import is_first_process, make_trainer


@pytest.mark.parametrize(
    ("accelerator", "devices"), [("tpu", "auto"), ("abacus", "auto"), ("cpu", "0"), ("cpu", "many")]
)
def test_what_this_machine_cannot_do_is_refused(
    tmp_path: Path, accelerator: str, devices: str
) -> None:
    settings = TrainingSettings(accelerator=accelerator, devices=devices)
    with pytest.raises(ValueError, match="does not work here") as error:
        make_trainer(settings, RunDirectory(tmp_path / "run"))
    beginning = f"training.accelerator {accelerator} with training.devices {devices} "
    assert str(error.value).startswith(beginning)


def test_a_checkpoint_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(TrainingSettings(accelerator="cpu"), RunDirectory(tmp_path / "run"))
    path = tmp_path / "last.ckpt"
    trainer.strategy.checkpoint_io.save_checkpoint({"step": 1}, path)

    def run_out_of_space(_: object, at: Path) -> None:
        at.write_bytes(b"half of it")
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", run_out_of_space)
        with pytest.raises(OSError, match="no space left"):
            trainer.strategy.checkpoint_io.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_making_a_trainer_writes_nothing(tmp_path: Path) -> None:
    trainer = make_trainer(TrainingSettings(accelerator="cpu"), RunDirectory(tmp_path / "run"))
    assert trainer.max_epochs == TrainingSettings().epochs
    assert list(tmp_path.iterdir()) == []


def test_under_torchrun_the_trainer_joins_every_process_of_every_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What torchrun sets for the last process of two nodes with two processes each.
    ranks = {"RANK": "3", "LOCAL_RANK": "1", "GROUP_RANK": "1"}
    sizes = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "TORCHELASTIC_RUN_ID": "none"}
    for name, value in (ranks | sizes | meeting).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 0)  # put back afterwards: the trainer changes it
    trainer = make_trainer(TrainingSettings(accelerator="cpu"), RunDirectory(tmp_path / "run"))
    assert (trainer.num_nodes, trainer.num_devices, trainer.world_size) == (2, 2, 4)
    assert trainer.global_rank == 3
    assert not is_first_process()
