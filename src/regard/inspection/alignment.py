"""The drawing model: what every picture of an alignment is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from regard.inspection.checks import check_floating_point, check_range

__all__ = ["Alignment"]


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
        check_floating_point(self.weights)
        for name, tokens in (("source", self.source), ("target", self.target)):
            _check_texts(name, tokens)
        _check_shape(tuple(self.weights.shape), len(self.target), len(self.source))
        check_range(self.weights.detach())

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
