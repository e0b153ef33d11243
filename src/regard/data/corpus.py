"""Encoded texts in a file that is mapped into memory: a corpus may be larger than memory."""

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from regard.data.encoders import Encoder
from regard.data.encoding import EncodedLabelled
from regard.data.files import DataError, StrPath
from regard.data.labelled import LabelledText
from regard.data.labels import Labels
from regard.data.spool import chunks, lasts_with, spooled
from regard.interfaces import Labelled

__all__ = ["Corpus", "encode_corpus"]

_TEXTS_AT_ONCE, _CHARACTERS_AT_ONCE = 1_000, 4_000_000

_LIST = pa.list_(pa.int32())
_SCHEMA = pa.schema({"ids": _LIST, "classes": _LIST})


def encode_corpus(
    texts: LabelledText, encoder: Encoder, labels: Labels, *, folder: StrPath | None = None
) -> "Corpus":
    """Encode texts, a thousand at a time, into a file that lasts as long as the corpus.

    A text without a token is kept, with length 0.

    Args:
        folder: where the file lies; without it, where the system keeps temporary files, which may
            be memory.

    Raises:
        DataError: if a text cannot be used, or a label does not stand in the training text.
    """
    with spooled(".arrow", folder) as path:
        with Path(path).open("wb") as file, pa.ipc.new_file(file, _SCHEMA) as writer:
            for chunk in chunks(
                texts,
                lambda row: len(row.text),
                max_characters=_CHARACTERS_AT_ONCE,
                max_items=_TEXTS_AT_ONCE,
            ):
                writer.write_batch(_encode(chunk, encoder, labels, texts.name))
        corpus = Corpus(path, labels)
    lasts_with(corpus, path)
    return corpus


def _encode(
    chunk: Sequence[Labelled], encoder: Encoder, labels: Labels, name: str
) -> pa.RecordBatch:
    ids = encoder.encode([row.text for row in chunk])
    try:
        classes = [labels.indices(row.labels) for row in chunk]
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    columns = [pa.array(ids, _LIST), pa.array(classes, _LIST)]
    return pa.record_batch(columns, schema=_SCHEMA)


class Corpus:
    """Encoded texts that can be had in any order, read from their file when they are asked for.

    Args:
        path: a file that `encode_corpus` wrote.
        labels: the classes whose numbers stand in it.
    """

    def __init__(self, path: StrPath, labels: Labels) -> None:
        self.labels = labels
        self._path = path
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._ids = [_Lists(batch.column("ids")) for batch in batches]
        self._classes = [_Lists(batch.column("classes")) for batch in batches]
        self._starts = np.cumsum([0, *map(len, self._ids)]).tolist()
        self.lengths = _joined([lists.lengths() for lists in self._ids])
        """How many ids each text has."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> EncodedLabelled:
        if not 0 <= index < len(self):
            raise IndexError(f"index must be from 0 to {len(self) - 1}, got {index}")
        number = bisect_right(self._starts, index) - 1
        within = index - self._starts[number]
        classes = self._classes[number][within].tolist()
        return EncodedLabelled(self._ids[number][within], self.labels.target_of(classes))

    def class_counts(self) -> NDArray[np.int64]:
        """Return how many texts there are of each class."""
        found = _joined([lists.values for lists in self._classes])
        return np.bincount(found, minlength=len(self.labels.names))

    def __reduce__(self) -> tuple[type["Corpus"], tuple[StrPath, Labels]]:
        # A process that makes batches maps the file itself.
        return Corpus, (self._path, self.labels)


class _Lists:
    """One column of one batch of an Arrow file, without a copy."""

    def __init__(self, column: pa.ListArray) -> None:
        self.values = column.values.to_numpy()
        self._offsets = column.offsets.to_numpy()

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        items: NDArray[np.int32] = self.values[self._offsets[index] : self._offsets[index + 1]]
        return items

    def lengths(self) -> NDArray[np.int32]:
        lengths: NDArray[np.int32] = np.diff(self._offsets)
        return lengths


def _joined(arrays: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate([np.empty(0, np.int32), *arrays])
