"""The drawing model: what every picture of an alignment is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Alignment"]

# Softmax in half precision can end this far above one.
_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where each target token looked in the source: weights `target source` and the tokens' texts.

    The texts may come from anywhere; whatever draws them makes them harmless.

    Raises:
        TypeError: the weights are no floating-point tensor, or a token is no text.
        ValueError: the weights do not fit the tokens, or do not lie in 0…1.
    """

    weights: Tensor
    source: Sequence[str]
    target: Sequence[str]
    title: str = ""

    def __post_init__(self) -> None:
        received = getattr(self.weights, "dtype", type(self.weights).__name__)
        if not getattr(received, "is_floating_point", False):
            raise TypeError(f"weights must be a floating-point tensor; got {received}")
        for name, tokens in (("source", self.source), ("target", self.target)):
            _check_texts(name, tokens)
        _check_shape(tuple(self.weights.shape), len(self.target), len(self.source))
        _check_range(self.weights.detach())

    def rows(self) -> list[list[float]]:
        """Return the weights as numbers in 0…1, one list per target token."""
        rows: list[list[float]] = self.weights.detach().cpu().double().clamp(0, 1).tolist()
        return rows

    def why_empty(self) -> str:
        """Return what to say in place of a picture that would have no cells, else an empty text."""
        if self.source and self.target:
            return ""
        return f"nothing to draw: {len(self.target)} target × {len(self.source)} source tokens"


def _check_texts(name: str, tokens: Sequence[str]) -> None:
    for position, token in enumerate(tokens):
        if not isinstance(token, str):
            raise TypeError(
                f"{name} must hold the texts of tokens; got {type(token).__name__} at position "
                f"{position}. Decode token ids before drawing."
            )


def _check_shape(shape: tuple[int, ...], num_target: int, num_source: int) -> None:
    expected = (num_target, num_source)
    if shape == expected:
        return
    hint = ""
    if len(shape) > 2:
        hint = " Choose one sentence and one head first."
    elif shape == expected[::-1]:
        hint = " Did you swap source and target?"
    raise ValueError(
        f"weights must have shape (target={num_target}, source={num_source}), one row per target "
        f"token and one column per source token; got {shape}.{hint}"
    )


def _check_range(weights: Tensor) -> None:
    if weights.numel() == 0:
        return
    if not torch.isfinite(weights).all():
        raise ValueError("weights must be finite; got NaN or infinity")
    low, high = weights.min().item(), weights.max().item()
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise ValueError(
            f"weights must lie in 0…1; got {low:.4g}…{high:.4g}. "
            "Normalise scores before drawing them."
        )
