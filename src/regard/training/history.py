"""What a training logged while it went on, read back."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from regard.training.run_directory import RunDirectory, RunError

__all__ = ["History", "read_history"]

History = dict[str, list[tuple[int, float]]]
"""Figures by name: each is steps, rising, and its values there."""

_FILES = "events.out.tfevents.*"
# A record is the length of its content, a checksum of that, the content, and a checksum of it.
_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
_HEAD = _LENGTH.size + _CHECKSUM.size
_LONGEST = 2**31 - 1  # bytes that protobuf takes for one message


class _Logged(NamedTuple):
    seconds: float
    step: int
    value: float


def read_history(run: RunDirectory) -> History:
    """Return all figures that a run has logged.

    What was logged twice, because the training went on from an earlier step, is as it was last.
    A file may end anywhere, as that of a training does which goes on or was killed: what stands
    before its end is read, and it cannot be told whether there has been more.

    Raises:
        RunError: this is no run directory, its log is damaged or missing, or nothing has been
            logged yet.
    """
    run.config()
    logged: dict[str, list[_Logged]] = {}
    for path in sorted(run.log.glob(_FILES)):
        for event in _events(path) if path.is_file() else ():
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    figure = _Logged(event.wall_time, event.step, value.simple_value)
                    logged.setdefault(value.tag, []).append(figure)
    if not logged:
        raise RunError(_nothing_logged(run))
    return {name: _latest(figures) for name, figures in logged.items()}


def _nothing_logged(run: RunDirectory) -> str:
    if run.finished:
        return f"{run.path} was trained to its end, but its log, {run.log}, is missing or empty"
    return f"{run.path} has logged nothing yet: go on with --run {run.path} --resume"


def _events(path: Path) -> Iterator[Any]:
    """Read what was logged to a file; TensorBoard's own reader takes damage for the end."""
    start = 0
    try:
        for content in _records(path):
            yield Event.FromString(content)
            start += _HEAD + len(content) + _CHECKSUM.size
    except (ValueError, DecodeError) as error:
        raise RunError(
            f"{path} is damaged from byte {start} on; move it away to read what other files of "
            "the log hold"
        ) from error


def _records(path: Path) -> Iterator[bytes]:
    """Read record after record, up to the first that is not whole.

    Raises:
        ValueError: one is not what was written.
    """
    with path.open("rb") as file:
        while len(head := file.read(_HEAD)) == _HEAD:
            (length,) = _LENGTH.unpack(_checked(head))
            if length > _LONGEST:
                raise ValueError(f"a record of {length} bytes")
            if len(rest := file.read(length + _CHECKSUM.size)) < length + _CHECKSUM.size:
                return
            yield _checked(rest)


def _checked(written: bytes) -> bytes:
    """Return what stands before its checksum."""
    content, checksum = written[: -_CHECKSUM.size], written[-_CHECKSUM.size :]
    if (masked_crc32c(content),) != _CHECKSUM.unpack(checksum):
        raise ValueError("the checksum is that of something else")
    return content


def _latest(logged: list[_Logged]) -> list[tuple[int, float]]:
    written = sorted(logged, key=lambda figure: figure.seconds)
    return sorted({figure.step: figure.value for figure in written}.items())
