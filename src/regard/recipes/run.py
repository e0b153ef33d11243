"""Opening a run directory: the settings, the trained system, and what it scores."""

from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser

from regard.data.files import DataError
from regard.data.tokenizers import Tokenizer
from regard.recipes.settings import TranslateSettings
from regard.recipes.translation_parts import make_model
from regard.recipes.translation_system import TranslationSystem
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["device_named", "load", "read_settings", "read_tokenizers"]


def load(path: str | Path, *, device: str = "cpu") -> TranslationSystem:
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
    source, target = read_tokenizers(run)
    model = make_model(settings, source.vocab_size, target.vocab_size)
    run.load_weights(model)
    system = TranslationSystem(model.eval(), source, target, max_len=settings.data.max_len)
    system.model.to(chosen)
    return system


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


def read_settings(run: RunDirectory) -> TranslateSettings:
    """Read the settings of a run, strict about unknown keys.

    Raises:
        RunError: the run cannot be read.
    """
    config: dict[str, Any] = run.config()
    if config.get("system") != "translate":
        raise RunError(
            f"{run.path} holds a {config.get('system')!r} system, unknown to this version"
        )
    settings_kept = config.get("settings")
    if not isinstance(settings_kept, dict) or not all(
        isinstance(group, dict) for group in settings_kept.values()
    ):
        raise RunError(f"{run.path / 'config.json'} is damaged: it holds no settings")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(TranslateSettings, "settings")
    try:
        parsed = parser.parse_object({"settings": settings_kept})
        settings: TranslateSettings = parser.instantiate(parsed).settings
    except (ArgumentError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{run.path / 'config.json'} does not fit this version: {reason}") from None
    return settings


def read_tokenizers(run: RunDirectory) -> tuple[Tokenizer, Tokenizer]:
    """Read the tokenizers of source and target.

    Raises:
        RunError: one is missing or damaged.
    """
    try:
        source, target = (
            Tokenizer.load(run.path / f"tokenizer.{side}.json") for side in ("source", "target")
        )
    except DataError as error:
        raise RunError(f"{run.path} is not a whole run directory: {error}") from None
    return source, target
