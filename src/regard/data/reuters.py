"""Newswire stories by topic: Reuters-21578, divided as ModApte divides it."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from regard.data.files import DataError, plain_or_gz
from regard.data.labelled import LabelledText
from regard.data.labelled_splits import LabelledSplits, hold_out_labelled
from regard.data.tables import read_rows, text_of
from regard.interfaces import Labelled

__all__ = ["load_reuters"]

_COLUMNS = ("modapte", "topics", "title", "body")


def load_reuters(folder: Path | None) -> LabelledSplits:
    """Load the stories, of which each may have several topics; validation is held out of train.

    Only topics that stand in ModApte's train and in its test count: of the whole collection, 90 of
    118. A story with none of them, or without text, is skipped. A text is a title, an empty line
    and a body.

    Raises:
        DataError: if the file cannot be used.
    """
    if folder is None:
        raise DataError(
            "reuters needs a folder with reuters.jsonl or reuters.jsonl.gz: of each story of"
            " Reuters-21578 modapte (train, test or unused), topics (a list), title and body"
        )
    path = plain_or_gz(folder / "reuters.jsonl")

    @cache
    def shared_topics() -> set[str]:
        train, test = (
            {topic for _, topics in _stories(path, split) for topic in topics}
            for split in ("train", "test")
        )
        return train & test

    def stories(split: str) -> LabelledText:
        def read() -> Iterator[Labelled]:
            for text, topics in _stories(path, split):
                yield Labelled(text, tuple(each for each in topics if each in shared_topics()))

        return LabelledText(read, f"{path}, {split}").check()

    return LabelledSplits(*hold_out_labelled(stories("train")), stories("test"))


def _stories(path: Path, split: str) -> Iterator[Labelled]:
    for where, (part, topics, title, body) in read_rows(path, _COLUMNS, usual=_COLUMNS):
        if part == split:
            parts = text_of(title, "title", where), text_of(body, "body", where)
            yield Labelled("\n\n".join(filter(None, parts)), _topics(topics, where))


def _topics(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise DataError(f"{where}: 'topics' must be a list, got {type(value).__name__}")
    return tuple(text_of(topic, "topics", where) for topic in value)
