"""Questions by the kind of their answer: TREC (Li & Roth 2002)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from regard.data.files import DataError, iterate_lines, plain_or_gz
from regard.data.hub import load_from_hub
from regard.data.labelled import LabelledText
from regard.data.labelled_splits import LabelledSplits, hold_out_labelled
from regard.interfaces import Labelled

__all__ = ["load_trec", "load_trec_fine"]

_HUB = "SetFit/TREC-QC"


def load_trec(folder: Path | None) -> LabelledSplits:
    """Load the questions with their 6 classes; validation is held out of train.

    Raises:
        DataError: if a file cannot be used, or the hub cannot be reached.
    """
    return _load(folder, lambda kind: kind.partition(":")[0])


def load_trec_fine(folder: Path | None) -> LabelledSplits:
    """Load the questions with their 50 classes, of which each names the one of the 6 it is part of.

    Raises:
        DataError: if a file cannot be used, or the hub cannot be reached.
    """
    return _load(folder, lambda kind: kind)


def _load(folder: Path | None, class_of: Callable[[str], str]) -> LabelledSplits:
    read = _hub() if folder is None else _folder(folder)

    def questions(split: str) -> LabelledText:
        return LabelledText(
            lambda: (Labelled(text, (class_of(kind),)) for kind, text in read(split)),
            f"{folder or _HUB}, {split}",
        ).check()

    return LabelledSplits(*hold_out_labelled(questions("train")), questions("test"))


def _folder(folder: Path) -> Callable[[str], Iterator[tuple[str, str]]]:
    def read(split: str) -> Iterator[tuple[str, str]]:
        path = plain_or_gz(folder / f"TREC.{split}")
        for number, line in enumerate(iterate_lines(path, encoding="latin-1"), start=1):
            kind, _, question = line.partition(" ")
            if line and ":" not in kind:
                raise DataError(f"{path}, line {number}: expected COARSE:fine and a question")
            yield kind, question

    return read


def _hub() -> Callable[[str], Iterable[tuple[str, str]]]:
    loaded = load_from_hub(_HUB)
    return lambda split: ((row["label_original"], row["text"]) for row in loaded[split])
