"""What tests and the examples in docstrings need where layers of Keras are made."""

import inspect
import os
from collections.abc import Callable
from typing import Any

import pytest

# Before anything imports Keras, which asks once; PyTorch is always there.
os.environ.setdefault("KERAS_BACKEND", "torch")

arguments_of = inspect.getfullargspec


@pytest.fixture(autouse=True)
def keras_sees_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show Keras the arguments of constructors, which runtime type checks wrap."""

    def unwrapped(function: Callable[..., Any]) -> inspect.FullArgSpec:
        return arguments_of(inspect.unwrap(function))

    monkeypatch.setattr(inspect, "getfullargspec", unwrapped)
