"""What a run has kept: which system it is, and its settings."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from regard.training.run_directory import RunDirectory, RunError

__all__ = ["MAY_CHANGE", "differences", "settings_kept"]

MAY_CHANGE = (
    *("data.folder", "data.train", "data.validation", "data.test", "vocabulary.vectors"),
    *("training.progress", "training.workers"),
)
"""Settings that may differ when a run goes on: where the same data lie now, what is shown."""


def settings_kept(run: RunDirectory, groups: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Read the settings of a run, group by group, strict about unknown keys.

    Args:
        groups: the dataclass of each group.

    Raises:
        RunError: the run cannot be read, or its settings are others.
    """
    where = run.path / "config.json"
    kept: Any = run.config().get("settings")
    if not isinstance(kept, dict) or not all(isinstance(group, dict) for group in kept.values()):
        raise RunError(f"{where} is damaged: it holds no settings")
    parser = ArgumentParser(exit_on_error=False)
    for name, group in groups.items():
        parser.add_class_arguments(group, name)
    try:
        made = parser.instantiate(parser.parse_object(kept))
    except (ArgumentError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{where} does not fit this version: {reason}") from None
    return {name: made[name] for name in groups}


def differences(first: Any, second: Any) -> dict[str, tuple[Any, Any]]:
    """Return settings that differ, by group and name: what the first has, and the second.

    Both are of one dataclass, whose fields are groups.
    """
    return {
        f"{group.name}.{name}": (value, vars(getattr(second, group.name))[name])
        for group in dataclasses.fields(first)
        for name, value in vars(getattr(first, group.name)).items()
        if value != vars(getattr(second, group.name))[name]
    }
