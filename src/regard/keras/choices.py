"""From a name, a function or what a file holds to a score or normalizer, and back."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import keras

from regard.keras import normalizers
from regard.keras.score_layers import SCORES, Score

__all__ = [
    "NORMALIZERS",
    "NormalizerChoice",
    "ScoreChoice",
    "check_choice",
    "get_normalizer",
    "get_score",
    "saved",
]

ScoreChoice = str | Score | dict[str, Any]
"""A score: its name, itself, or what a file says of it."""

NormalizerChoice = str | Callable[..., Any] | dict[str, Any]
"""A normalizer: its name, itself, or what a file says of it."""

NORMALIZERS: dict[str, Callable[..., Any]] = {
    name: getattr(normalizers, name) for name in normalizers.__all__
}
"""Names of normalizers."""


def get_score(
    identifier: ScoreChoice,
    names: Mapping[str, Callable[..., Score]] = SCORES,
    dtype: Any = None,
) -> Score:
    """Return a score by its name, its configuration or itself.

    Args:
        dtype: that of a score by its name; others have their own.

    Raises:
        TypeError: it is none of these.
        ValueError: nothing has this name.
    """
    if isinstance(identifier, str):
        check_choice("score", identifier, names, "a layer of `regard.keras.score_layers`")
        return names[identifier](dtype=dtype)
    score = _deserialized(identifier)
    if not isinstance(score, Score):
        raise TypeError(
            "Invalid value for argument `score`. Expected a name or a layer of "
            f"`regard.keras.score_layers`. Received: score={identifier}"
        )
    return score


def get_normalizer(identifier: NormalizerChoice) -> Callable[..., Any]:
    """Return a normalizer by its name, its configuration or itself.

    Raises:
        TypeError: it is none of these.
        ValueError: nothing has this name.
    """
    if isinstance(identifier, str):
        check_choice("normalizer", identifier, NORMALIZERS, "a function of scores and mask")
        return NORMALIZERS[identifier]
    normalizer = _deserialized(identifier)
    if not callable(normalizer):
        raise TypeError(
            "Invalid value for argument `normalizer`. Expected a name or a function of scores and "
            f"mask. Received: normalizer={identifier}"
        )
    return normalizer


def saved(choice: Any) -> Any:
    """Return what a configuration says of a score or normalizer that an argument has named."""
    named = (name for name, normalizer in NORMALIZERS.items() if normalizer is choice)
    if isinstance(choice, str):
        return choice
    if name := next(named, None):
        return name
    said = keras.saving.serialize_keras_object(choice)
    if isinstance(said, dict):
        said.pop("build_config", None)  # the layer builds its score
    return said


def check_choice(argument: str, value: str, names: Mapping[str, Any], other: str = "") -> None:
    """Refuse a name that is none of these, and say which is nearest.

    Raises:
        ValueError: it is none of these.
    """
    if value in names:
        return
    message = f"Invalid value for argument `{argument}`. Expected one of {sorted(names)}"
    message += f", or {other}. " if other else ". "
    message += f"Received: {argument}={value!r}"
    if near := get_close_matches(value, names, n=1):
        message += f". Did you mean {near[0]!r}?"
    raise ValueError(message)


def _deserialized(identifier: Any) -> Any:
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    return identifier
