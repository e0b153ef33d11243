"""The classes a text may be of: their names, their numbers, and what a model is to say."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from regard.data.files import DataError, StrPath, read_lines
from regard.files import replacing

__all__ = ["Labels"]

_NUM_LISTED = 20  # names that a message lists
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Labels:
    """The names of the classes in the order of their numbers.

    Args:
        several: a text may have several labels, or none.
    """

    names: tuple[str, ...]
    several: bool = False

    def __post_init__(self) -> None:
        if len(self.names) < 2:
            only = f"one class only, '{self.names[0]}'" if self.names else "no classes"
            raise DataError(f"{only}; a classifier needs at least two")
        if len(set(self.names)) < len(self.names):
            raise DataError(f"a class stands twice among {', '.join(self.names)}")

    @classmethod
    def learn(cls, labels: Iterable[tuple[str, ...]], *, several: bool | None = None) -> "Labels":
        """Gather the labels of all texts; numbers are put in their order, other names sorted.

        Args:
            several: texts may have several labels; without it, they may if one has.

        Raises:
            DataError: if there is one class only.
        """
        names: set[str] = set()
        most = 0
        for found in labels:
            names.update(found)
            most = max(most, len(found))
        return cls(_in_order(names), most > 1 if several is None else several)

    @property
    def num_outputs(self) -> int:
        """How many logits a model gives: of two classes one suffices, that of the second."""
        return 1 if len(self.names) == 2 and not self.several else len(self.names)

    def index(self, name: str) -> int:
        """Return the number of a class.

        Raises:
            DataError: if no text of it was learnt from.
        """
        try:
            return self._numbers[name]
        except KeyError:
            listed = ", ".join(self.names[:_NUM_LISTED])
            more = f" and {len(self.names) - _NUM_LISTED:,} more"
            known = listed + more if len(self.names) > _NUM_LISTED else listed
            raise DataError(
                f"label '{name}' does not stand in the training text; known are {known}"
            ) from None

    def indices(self, labels: tuple[str, ...]) -> list[int]:
        """Return the numbers of a text's classes: one, or any number where there may be several.

        Raises:
            DataError: if a label is unknown, or there are not as many as there may be.
        """
        if not self.several and len(labels) != 1:
            raise DataError(
                f"expected one label a text, as in the training text, got {', '.join(labels)}"
            )
        return [self.index(label) for label in labels]

    def target(self, labels: tuple[str, ...]) -> int | list[float]:
        """Return what a model is to say: the number of the class, or 0 or 1 for each class.

        Raises:
            DataError: if a label is unknown, or there are not as many as there may be.
        """
        return self.target_of(self.indices(labels))

    def target_of(self, indices: list[int]) -> int | list[float]:
        """Return the target of a text whose classes have these numbers."""
        if not self.several:
            return indices[0]
        return [float(number in indices) for number in range(len(self.names))]

    def save(self, path: StrPath) -> None:
        """Write the labels to a JSON file, wholly or not at all."""
        content = {"several": self.several, "names": self.names}
        with replacing(path) as draft:
            draft.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: StrPath) -> "Labels":
        """Read labels that `save` wrote.

        Raises:
            DataError: if the file cannot be read or is damaged.
        """
        try:
            content = json.loads("\n".join(read_lines(path)))
            several, names = content["several"], content["names"]
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}: damaged or not a file of labels ({error})") from None
        is_sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not is_sound or not isinstance(several, bool):
            raise DataError(f"{path}: damaged or not a file of labels")
        return cls(tuple(names), several)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}


def _in_order(names: set[str]) -> tuple[str, ...]:
    if all(map(_NUMBER.fullmatch, names)):
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    return tuple(sorted(names))
