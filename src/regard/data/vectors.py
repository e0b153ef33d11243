"""Pretrained word vectors, for the words of a vocabulary."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from regard.data.files import DataError, StrPath, iterate_lines
from regard.data.tokenizers import SPECIALS, Tokenizer

__all__ = ["Vectors", "read_vectors", "vector_words"]


class Vectors(NamedTuple):
    """A row for each token of a vocabulary, 0 where none was found, and which were found."""

    rows: Float[Tensor, "vocab dim"]
    is_found: Bool[Tensor, " vocab"]


def read_vectors(path: StrPath, tokenizer: Tokenizer) -> Vectors:
    """Read word vectors in the text format of GloVe or of word2vec, plain or `.gz`.

    A line is a word and its numbers, divided by blanks; in word2vec's format the first line says
    how many lines follow and how many numbers each has. Only vectors of words that the tokenizer
    knows, written as it writes them, are kept; of a word that stands twice, the first.

    Raises:
        DataError: if the file cannot be read, a line is malformed, or no word is known.
    """
    path, known = Path(path), tokenizer.vocab()
    for special in SPECIALS:
        del known[special]
    found: dict[int, NDArray[np.float32]] = {}
    dim = num_words = 0
    for number, line in enumerate(iterate_lines(path), start=1):
        parts = line.rstrip(" ").split(" ")
        if number == 1 and _is_header(parts):
            dim = int(parts[1])
            continue
        where = f"{path}, line {number}"
        dim = dim or len(parts) - 1
        if dim < 1:
            raise DataError(f"{where}: expected a word and its numbers, got {line[:40]!r}")
        # A word may hold blanks itself: GloVe's largest file has ". . ." and others.
        words, num_words = parts[:-dim], num_words + 1
        if not words or any(map(_is_number, words[1:])):
            raise DataError(
                f"{where}: found {len(parts) - 1} numbers, where those before it have {dim}"
            )
        id_ = known.get(" ".join(words))
        if id_ is not None and id_ not in found:
            found[id_] = _numbers(parts[-dim:], where)
    if not num_words:
        raise DataError(f"{path}: no vectors in it")
    if not found:
        raise DataError(
            f"{path}: none of its {num_words:,} words is in the vocabulary; are they of another"
            " language, or written in another case?"
        )
    rows, is_found = torch.zeros(tokenizer.vocab_size, dim), torch.zeros(tokenizer.vocab_size)
    ids = torch.tensor(list(found))
    rows[ids] = torch.from_numpy(np.stack(list(found.values())))
    is_found[ids] = 1
    return Vectors(rows, is_found.bool())


def vector_words(path: StrPath) -> Iterator[str]:
    """Give the words of a file that `read_vectors` reads, but those that hold a blank.

    Raises:
        DataError: if the file cannot be read.
    """
    dim = 0
    for number, line in enumerate(iterate_lines(path), start=1):
        parts = line.rstrip(" ").split(" ")
        if number == 1 and _is_header(parts):
            continue
        dim = dim or len(parts)
        if len(parts) == dim:
            yield parts[0]


def _is_header(parts: list[str]) -> bool:
    return len(parts) == 2 and all(part.isdecimal() for part in parts)


def _is_number(part: str) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _numbers(parts: list[str], where: str) -> NDArray[np.float32]:
    try:
        numbers = np.array([float(part) for part in parts], dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    if not np.isfinite(numbers).all():
        raise DataError(f"{where}: a number is not finite")
    return numbers
