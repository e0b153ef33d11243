"""A run directory: everything one training leaves behind, and what `regard.load` reads back.

    config.json          the resolved configuration and the format it is written in
    tokenizer*.json      from text to ids and back
    model.safetensors    the weights of the best epoch
    metrics.json         what was measured, and on what
    log/                 TensorBoard
    checkpoints/         what resuming needs (Lightning's)
    .lock                while a process trains it: see regard.recipes.alone

Files are written whole or not at all. No pickle is read from a run directory when a model is
loaded; only resuming reads Lightning's checkpoints, with weights_only.
"""

import json
import pickle
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from regard.files import making, replacing

__all__ = ["COMPARISON", "FORMAT", "RunDirectory", "RunError"]

FORMAT = 1
"""The format of run directories that this version writes, and the newest that it reads."""

COMPARISON = "comparison.json"
"""What stands in a folder that is no run, but has some below it, which are compared."""

_DAMAGE = (
    *(OSError, RuntimeError, ValueError, pickle.UnpicklingError),
    *(AttributeError, LookupError, TypeError),  # of what holds something else
)
"""What is raised when a checkpoint is read that is none."""


class RunError(ValueError):
    """A run directory cannot be used; the message says why and what to do."""


class RunDirectory:
    """The folder of one run. Making the object touches nothing."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def finished(self) -> bool:
        """Whether training has ended and left its weights."""
        return self._weights.is_file()

    @property
    def has_checkpoint(self) -> bool:
        """Whether training has come so far that resuming does not start from the beginning."""
        return self._last.exists()

    @property
    def _last(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @property
    def _weights(self) -> Path:
        return self.path / "model.safetensors"

    def require_new(self) -> None:
        """Make sure that nothing stands here yet.

        Raises:
            RunError: something does, or a file stands where folders must.
        """
        for above in self.path.parents:
            if above.exists() and not above.is_dir():
                raise RunError(f"{above} is a file; choose another --run")
        if self.path.exists() and not (self.path / "config.json").exists():
            raise RunError(f"{self.path} exists already and is no run; choose another --run")
        if self.path.exists():
            raise RunError(
                f"{self.path} exists already: continue it with --resume, or choose another --run"
            )

    def create(self, config: dict[str, Any], save_parts: Callable[[Path], None]) -> None:
        """Make the folder, whole or not at all: configuration, and what `save_parts` writes.

        Raises:
            RunError: something stands there already.
        """
        self.require_new()
        try:
            with making(self.path) as draft:
                save_parts(draft)
                (draft / "config.json").write_text(_dump({"format": FORMAT, **config}), "utf-8")
        except OSError:
            # Another process may have made it meanwhile.
            self.require_new()
            raise

    def config(self) -> dict[str, Any]:
        """Read the configuration.

        Raises:
            RunError: this is no run directory, it is damaged, or a newer version wrote it.
        """
        if not self.path.is_dir():
            raise RunError(f"there is no run directory {self.path}")
        if (self.path / COMPARISON).exists() and not (self.path / "config.json").exists():
            runs = sorted(str(config.parent) for config in self.path.glob("[!.]*/config.json"))
            named = f"name one of its runs: {', '.join(runs)}" if runs else "its runs are deleted"
            raise RunError(f"{self.path} is a comparison, not a run; {named}")
        config = self._read("config.json")
        version = config.pop("format", None)
        if not isinstance(version, int) or version < 1:
            raise RunError(f"{self.path / 'config.json'} does not say its format; is it damaged?")
        if version > FORMAT:
            raise RunError(
                f"{self.path} was written by a newer version of Regard (format {version}, this one "
                f"reads up to {FORMAT}): pip install --upgrade regard"
            )
        return config

    def checkpoint(self, module: nn.Module) -> Path | None:
        """Return the checkpoint to resume from; None if training was stopped before the first.

        Args:
            module: what is trained, which the checkpoint must fit.

        Raises:
            RunError: it is damaged or another model's, or that of the best epoch is.
        """
        if not self.has_checkpoint:
            return None
        callbacks = _read_checkpoint(self._last, module).get("callbacks", {}).values()
        for best in {state.get("best_model_path") for state in callbacks} - {None, ""}:
            _read_checkpoint(self.checkpoints / Path(best).name, module)
        return self._last

    def metrics(self) -> dict[str, Any]:
        """Read what was measured; nothing before training has ended.

        Raises:
            RunError: training has ended, but what was measured is missing or damaged.
        """
        if not self.finished:
            return {}
        return self._read("metrics.json")

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        with replacing(self.path / "metrics.json") as draft:
            draft.write_text(_dump(metrics), "utf-8")

    def save_weights(self, model: nn.Module) -> None:
        with replacing(self._weights) as draft:
            safetensors.torch.save_model(model, str(draft))
            # safetensors makes files that nobody but their owner may read.
            shutil.copymode(self.path / "config.json", draft)

    def load_weights(self, model: nn.Module) -> None:
        """Put the weights of the best epoch into the model.

        Raises:
            RunError: training has not ended, or the weights are damaged or another model's.
        """
        if not self.finished:
            raise RunError(
                f"{self.path} has no weights yet: finish its training with "
                f"--run {self.path} --resume"
            )
        try:
            safetensors.torch.load_model(model, str(self._weights))
        except (safetensors.SafetensorError, RuntimeError, OSError) as error:
            raise RunError(
                f"{self._weights} is damaged or another model's: {_brief(error)}"
            ) from error

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            content = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path} is not a whole run directory: {name} is missing") from None
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise RunError(f"{path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise RunError(f"{path} is damaged: it holds {type(content).__name__}, not an object")
        return content


def _read_checkpoint(path: Path, module: nn.Module) -> dict[str, Any]:
    advice = "train again with another --run"
    try:
        # Mapped, not read: a cut file is found out all the same, and a large one costs nothing.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        kept = {name: tensor.shape for name, tensor in content["state_dict"].items()}
        content["pytorch-lightning_version"]
    except _DAMAGE as error:
        raise RunError(
            f"{path} is damaged and cannot be resumed: {_brief(error)}; {advice}"
        ) from error
    if kept != {name: tensor.shape for name, tensor in module.state_dict().items()}:
        raise RunError(f"{path} is another model's and cannot be resumed; {advice}")
    return dict(content)


def _brief(error: Exception) -> str:
    return textwrap.shorten(str(error), width=200, placeholder=" …")


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
