"""What a training logged is read back, in the order of its steps, or is said to be damaged."""

import re
import struct
from itertools import groupby
from pathlib import Path

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from regard.training.history import read_history
from regard.training.run_directory import RunDirectory, RunError


def log(run: RunDirectory, losses: dict[int, float]) -> None:
    """Log as one process does that trains."""
    logger = TensorBoardLogger(run.log, name=None, version="")
    for step, loss in losses.items():
        logger.log_metrics({"loss": loss}, step=step)
    logger.finalize("success")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    made.create({}, lambda folder: None)
    return made


def test_figures_come_back_by_their_steps(run: RunDirectory) -> None:
    log(run, {0: 4.0, 10: 2.0})
    assert read_history(run) == {"loss": [(0, 4.0), (10, 2.0)]}


def test_what_was_trained_again_counts_as_it_was_last(run: RunDirectory) -> None:
    log(run, {0: 4.0, 10: 2.0, 20: 1.0})
    log(run, {10: 3.0, 30: 0.5})
    assert read_history(run) == {"loss": [(0, 4.0), (10, 3.0), (20, 1.0), (30, 0.5)]}


def test_many_figures_are_all_there(run: RunDirectory) -> None:
    losses = {step: float(step) for step in range(12_000)}
    log(run, losses)
    assert read_history(run)["loss"] == list(losses.items())


def test_what_is_read_is_what_tensorboard_reads(run: RunDirectory) -> None:
    log(run, {0: 4.0, 10: float("inf"), 20: 0.1})
    theirs = EventAccumulator(str(run.log)).Reload()
    read = {
        name: [(event.step, event.value) for event in theirs.Scalars(name)]
        for name in theirs.Tags()["scalars"]
    }
    assert read_history(run) == read


def test_nothing_logged_is_said(run: RunDirectory) -> None:
    answer = f"{run.path} has logged nothing yet: go on with --run {run.path} --resume"
    with pytest.raises(RunError, match=re.escape(answer)):
        read_history(run)


def test_a_finished_run_without_its_log_is_not_to_be_resumed(run: RunDirectory) -> None:
    (run.path / "model.safetensors").touch()
    answer = f"{run.path} was trained to its end, but its log, {run.log}, is missing or empty"
    with pytest.raises(RunError, match=re.escape(answer)):
        read_history(run)


def logged(run: RunDirectory) -> Path:
    """Log two losses; return the file that has them."""
    log(run, {0: 4.0, 10: 2.0})
    [file] = run.log.glob("events*")
    return file


def test_a_file_may_end_anywhere(run: RunDirectory) -> None:
    file = logged(run)
    whole = file.read_bytes()
    read: list[object] = []
    for length in range(len(whole) + 1):
        file.write_bytes(whole[:length])
        try:
            read.append(read_history(run)["loss"])
        except RunError as error:
            read.append(str(error))
    nothing, *found = [each for each, _ in groupby(read)]
    assert "has logged nothing yet" in str(nothing)
    assert found == [[(0, 4.0)], [(0, 4.0), (10, 2.0)]]


def test_a_changed_byte_anywhere_is_damage(run: RunDirectory) -> None:
    file = logged(run)
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        file.write_bytes(changed)
        with pytest.raises(RunError, match=rf"{re.escape(str(file))} is damaged from byte \d+ on"):
            read_history(run)


def test_damage_is_told_by_its_place(run: RunDirectory) -> None:
    file = logged(run)
    whole = file.read_bytes()
    for damage in (bytes(12), bytes(200), b"something else"):
        file.write_bytes(whole + damage)
        with pytest.raises(RunError, match=f"is damaged from byte {len(whole)} on; move it away"):
            read_history(run)
    file.unlink()
    log(run, {20: 1.0})
    assert read_history(run) == {"loss": [(20, 1.0)]}


def test_what_is_no_event_is_damage(run: RunDirectory) -> None:
    file = logged(run)
    with file.open("ab") as end:
        RecordWriter(end).write(b"\xff no event")
    with pytest.raises(RunError, match=rf"{re.escape(str(run.log))}.* is damaged"):
        read_history(run)


def test_no_record_is_longer_than_messages_can_be(run: RunDirectory) -> None:
    file = logged(run)
    head = struct.pack("<Q", 2**62)
    with file.open("ab") as end:
        end.write(head + struct.pack("<I", masked_crc32c(head)))
    with pytest.raises(RunError, match="is damaged"):
        read_history(run)


def test_what_is_no_file_of_the_log_is_passed_over(run: RunDirectory) -> None:
    logged(run)
    (run.log / "events.out.tfevents.0.folder").mkdir()
    (run.log / "hparams.yaml").write_text("no events", "utf-8")
    assert read_history(run) == {"loss": [(0, 4.0), (10, 2.0)]}
