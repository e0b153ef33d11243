"""What a training logged while it went on, read back."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator, ScalarEvent

from regard.training.run_directory import RunDirectory, RunError

__all__ = ["History", "read_history"]

History = dict[str, list[tuple[int, float]]]
"""Figures by name: each is steps, rising, and its values there."""

_ALL = {"scalars": 0}


def read_history(run: RunDirectory) -> History:
    """Return all figures that a run has logged.

    What was logged twice, because the training went on from an earlier step, is as it was last.

    Raises:
        RunError: this is no run directory, or nothing has been logged yet.
    """
    run.config()
    events = EventAccumulator(str(run.log), size_guidance=_ALL, purge_orphaned_data=False)
    if run.log.is_dir():
        events.Reload()
    names = events.Tags()["scalars"]
    if not names:
        raise RunError(f"{run.path} has logged nothing yet: go on with --run {run.path} --resume")
    return {name: _latest(events.Scalars(name)) for name in names}


def _latest(logged: list[ScalarEvent]) -> list[tuple[int, float]]:
    written = sorted(logged, key=lambda event: event.wall_time)
    return sorted({event.step: event.value for event in written}.items())
