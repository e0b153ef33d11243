"""Encoded text in blocks of one length, mapped into memory: a text may be larger than it."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from regard.data.files import DataError, StrPath
from regard.data.line_ends import LineTokenizer
from regard.data.plain_text import PlainText
from regard.data.spool import chunks, lasts_with, spooled
from regard.interfaces import BOS, EOS

__all__ = ["Blocks", "encode_blocks"]

_CHARACTERS_AT_ONCE = 200_000


class Blocks:
    """Encoded texts, cut into blocks that can be had in any order; each begins with `BOS`.

    Args:
        path: a file of ids that `encode_blocks` wrote.
        bounds: where each block begins among them, and where the last one ends.
        num_characters: how many characters the texts have.
    """

    def __init__(self, path: StrPath, bounds: NDArray[np.int64], num_characters: int) -> None:
        self.num_characters = num_characters
        self._path, self._bounds = path, bounds
        self._ids = np.memmap(path, np.int32, mode="r")
        self.lengths = np.diff(bounds).astype(np.int32) + 1
        """How many ids each block has."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        if not 0 <= index < len(self):
            raise IndexError(f"index must be from 0 to {len(self) - 1}, got {index}")
        first, last = self._bounds[index : index + 2]
        return np.concatenate([np.array([BOS], np.int32), self._ids[first:last]])

    @property
    def num_tokens(self) -> int:
        """How many tokens the texts have, each with its `EOS`."""
        return int(self._bounds[-1])

    def __reduce__(self) -> tuple[type["Blocks"], tuple[StrPath, NDArray[np.int64], int]]:
        # A process that makes batches maps the file itself.
        return Blocks, (self._path, self._bounds, self.num_characters)


def encode_blocks(
    text: PlainText, tokenizer: LineTokenizer, block_len: int, *, folder: StrPath | None = None
) -> Blocks:
    """Encode texts, piece by piece, into a file that lasts as long as the blocks.

    Each text, with `EOS` at its end, is cut into blocks of `block_len` tokens; the last may be
    shorter. So what follows the `BOS` of a block stands anywhere in a text. An empty text is left
    out.

    Args:
        folder: where the file lies; without it, where the system keeps temporary files.

    Raises:
        DataError: if a text cannot be read, or there is none.
    """
    with spooled(".ids", folder) as path:
        with Path(path).open("wb") as file:
            bounds, num_characters = _write(text, tokenizer, block_len, file)
        if len(bounds) == 1:
            raise DataError(f"{text.name}: empty")
        blocks = Blocks(path, bounds, num_characters)
    lasts_with(blocks, path)
    return blocks


def _write(
    text: PlainText, tokenizer: LineTokenizer, block_len: int, file: BinaryIO
) -> tuple[NDArray[np.int64], int]:
    """Write the ids; return where blocks begin and end, and the number of characters."""
    starts, place, num_characters = [np.empty(0, np.int64)], 0, 0
    for each in text.texts:
        first = place
        for pieces in chunks(each, len, max_characters=_CHARACTERS_AT_ONCE):
            num_characters += sum(map(tokenizer.num_characters, pieces))
            for ids in tokenizer.encode_batch(pieces):
                file.write(np.array(ids, np.int32).tobytes())
                place += len(ids)
        if place > first:
            file.write(np.array([EOS], np.int32).tobytes())
            place += 1
            starts.append(np.arange(first, place, block_len))
    return np.append(np.concatenate(starts), place), num_characters
