"""Opening a run directory, whatever it holds."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from regard.recipes.classify.settings import ClassifySettings
from regard.recipes.classify.system import (
    ClassificationSystem,
    classifier_settings,
    open_classifier,
)
from regard.recipes.generate.settings import GenerateSettings
from regard.recipes.generate.system import (
    GenerationSystem,
    generator_settings,
    open_generator,
)
from regard.recipes.match.settings import MatchSettings
from regard.recipes.match.system import MatchingSystem, matcher_settings, open_matcher
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.system import TranslationSystem, open_translator, translator_settings
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["Settings", "System", "device_named", "load", "load_as", "read_settings"]

Settings = ClassifySettings | GenerateSettings | MatchSettings | TranslateSettings
System = ClassificationSystem | GenerationSystem | MatchingSystem | TranslationSystem
Wanted = TypeVar("Wanted", bound=System)

SYSTEMS = {
    "classify": ClassificationSystem,
    "generate": GenerationSystem,
    "match": MatchingSystem,
    "translate": TranslationSystem,
}
"""What a run may hold, by the command that uses it."""


def load(path: str | Path, *, device: str = "cpu") -> System:
    """Load a trained system from its run directory; no pickle is read.

    Args:
        device: where it is to run: cpu, cuda, cuda:1, mps, …; auto takes an accelerator if there
            is one.

    Raises:
        RunError: there is no such run, it is damaged or unfinished, or a newer version wrote it.
        ValueError: there is no such device.
    """
    chosen = device_named(device)
    run = RunDirectory(path)
    settings = read_settings(run)
    system: System
    if isinstance(settings, ClassifySettings):
        system = open_classifier(run, settings)
    elif isinstance(settings, GenerateSettings):
        system = open_generator(run, settings)
    elif isinstance(settings, MatchSettings):
        system = open_matcher(run, settings)
    else:
        system = open_translator(run, settings)
    system.model.to(chosen)
    return system


def load_as(kind: type[Wanted], path: str | Path, *, device: str = "cpu") -> Wanted:
    """Load a trained system that must be of one kind.

    Raises:
        RunError: the run holds another kind, or `load` refuses it.
    """
    held = _held(RunDirectory(path))
    if SYSTEMS[held] is not kind:
        raise RunError(f"{path} holds a system to {held} with: regard {held} {path}")
    system = load(path, device=device)
    if not isinstance(system, kind):
        raise TypeError(f"{path} was replaced while it was opened")
    return system


def read_settings(run: RunDirectory) -> Settings:
    """Read the settings of a run, strict about unknown keys.

    Raises:
        RunError: the run cannot be read.
    """
    read: dict[str, Callable[[RunDirectory], Settings]] = {
        "classify": classifier_settings,
        "generate": generator_settings,
        "match": matcher_settings,
        "translate": translator_settings,
    }
    return read[_held(run)](run)


def device_named(name: str) -> torch.device:
    """Return the device of that name; auto takes an accelerator if there is one.

    Raises:
        ValueError: there is no such device.
    """
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    # What torch raises for a device that it does not know, or was not built for.
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {name} cannot be used here: {reason}") from None
    return device


def _held(run: RunDirectory) -> str:
    held = run.config().get("system")
    if not isinstance(held, str) or held not in SYSTEMS:
        raise RunError(f"{run.path} holds a {held!r} system, unknown to this version")
    return held
