"""Grades: labels that are numbers between two ends, and what a model is to say of them."""

import json
import math
from dataclasses import dataclass

from regard.data.files import DataError, StrPath, read_lines
from regard.files import replacing

__all__ = ["Grades"]


@dataclass(frozen=True)
class Grades:
    """The least grade and the greatest; a model says how far from the one to the other it is."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (self.low < self.high and math.isfinite(self.high - self.low)):
            raise DataError(f"grades must be from a number to a greater one, got {self}")

    def __str__(self) -> str:
        return f"{self.low:g}…{self.high:g}"

    @property
    def num_outputs(self) -> int:
        """How many logits a model gives: that of the greatest grade."""
        return 1

    def target(self, label: str) -> list[float]:
        """Return what a model is to say: 0 for the least grade, 1 for the greatest.

        Raises:
            DataError: if the label is no number, or beyond the ends.
        """
        try:
            value = float(label)
        except ValueError:
            raise DataError(f"label '{label}' is no number; the grades are {self}") from None
        if not self.low <= value <= self.high:
            raise DataError(f"label '{label}' lies outside the grades {self}")
        return [(value - self.low) / (self.high - self.low)]

    def grade(self, share: float) -> float:
        """Return the grade that is so far from the least to the greatest: `target`, undone."""
        return self.low + share * (self.high - self.low)

    def save(self, path: StrPath) -> None:
        """Write the grades to a JSON file, wholly or not at all."""
        with replacing(path) as draft:
            draft.write_text(json.dumps({"low": self.low, "high": self.high}), encoding="utf-8")

    @classmethod
    def load(cls, path: StrPath) -> "Grades":
        """Read grades that `save` wrote.

        Raises:
            DataError: if the file cannot be read or is damaged.
        """
        content = "\n".join(read_lines(path))
        try:
            read = json.loads(content)
            low, high = read["low"], read["high"]
            if not all(type(end) in (int, float) for end in (low, high)):
                raise TypeError("an end is no number")
            return cls(float(low), float(high))
        except (ValueError, RecursionError, KeyError, TypeError, OverflowError) as error:
            raise DataError(f"{path}: damaged or not a file of grades ({error})") from None
