"""Weights as text that a page carries and its script unpacks: small, and exact where it counts."""

import base64
import ctypes
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

__all__ = ["BUDGET", "NoRoomError", "Packing", "pack", "packings", "pooled"]

BUDGET = 4_900_000
"""How many bytes the examples of a page may take: with style and script, five megabytes."""

# So many weights of a page travel exactly, and at most so many of a row.
_MAX_LINKS, _MAX_OF_ROW = 250_000, 64
# However well they are deflated, a browser must hold them.
_MAX_CELLS = 40_000_000
# However many pictures a page has, none is coarser than this.
_LEAST_SIDE = 48
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
# One byte is kept for what may not be attended.
_LEVELS = 254


class NoRoomError(Exception):
    """What is packed takes more bytes than there are."""


@dataclass
class Packing:
    """How finely weights travel.

    Args:
        side: most cells of a picture on a side; of more tokens, several make one cell.
        keys: so many weights of each row travel exactly, the largest.
        room: bytes that are left; None = as many as it takes.
    """

    side: int
    keys: int
    room: int | None = None

    def take(self, num_bytes: int) -> None:
        """Take some of the room.

        Raises:
            NoRoomError: there is less.
        """
        if self.room is None:
            return
        self.room -= num_bytes
        if self.room < 0:
            raise NoRoomError

    def steps(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return of how many rows and of how many columns each cell is made."""
        return math.ceil(size[0] / self.side), math.ceil(size[1] / self.side)

    def num_cells(self, sizes: Sequence[tuple[int, int]]) -> int:
        """Return of how many cells the pictures of matrices of these sizes are in all."""
        return sum(
            math.ceil(rows / down) * math.ceil(columns / across)
            for rows, columns in sizes
            for down, across in [self.steps((rows, columns))]
        )


def packings(sizes: Sequence[tuple[int, int]], budget: int = BUDGET) -> Iterator[Packing]:
    """Return how matrices of these sizes may be packed, from fine to coarse; the last always fits.

    >>> [(each.side, each.keys) for each in packings([(100, 100)])]
    [(100, 64), (50, 64), (48, 64)]
    """
    longest = max((max(size) for size in sizes), default=0)
    keys = _kept(sizes)
    for step in _STEPS:
        packing = Packing(math.ceil(longest / step), keys, budget)
        if packing.side <= _LEAST_SIDE:
            break
        if packing.num_cells(sizes) <= _MAX_CELLS:
            yield packing
    yield Packing(_LEAST_SIDE, keys)


def pack(
    heads: Sequence[Float[Tensor, "query key"]],
    mask: Bool[Tensor, "query key"] | None,
    largest: float,
    packing: Packing,
) -> dict[str, str]:
    """Return the cells of the pictures of all heads, and the largest weights of their rows.

    A cell is the largest of the weights it stands for, as a byte: 0 where nothing may be attended,
    1 for weight 0, 255 for the weight `largest`. Everything is deflated, in base 64.

    Raises:
        NoRoomError: it takes more room than the packing has.
    """
    size = (heads[0].shape[0], heads[0].shape[1])
    steps = packing.steps(size)
    allowed = None if mask is None else pooled(mask.cpu().float(), steps)
    index = torch.uint16 if size[1] <= 1 << 16 else torch.uint32
    cells, weights, keys = _Stream(packing), _Stream(packing), _Stream(packing)
    for head in heads:
        wide = head.detach().cpu().float().clamp(min=0)
        levels = pooled(wide, steps) * (_LEVELS / (largest or 1))
        picture = levels.clamp(max=_LEVELS).round() + 1
        cells.add((picture if allowed is None else picture * allowed).to(torch.uint8))
        links = wide.topk(min(packing.keys, size[1]), dim=-1)
        weights.add(links.values)
        keys.add(links.indices.to(index))
    return {"cells": cells.text(), "weights": weights.text(), "keys": keys.text()}


class _Stream:
    """Numbers that are deflated as they come, so that too many are noticed early."""

    def __init__(self, packing: Packing) -> None:
        self._packing = packing
        self._deflate = zlib.compressobj()
        self._parts: list[bytes] = []

    def add(self, numbers: Tensor) -> None:
        self._keep(self._deflate.compress(_bytes(numbers)))

    def text(self) -> str:
        self._keep(self._deflate.flush())
        return base64.b64encode(b"".join(self._parts)).decode()

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._packing.take(len(part) * 4 // 3)


def pooled(
    table: Float[Tensor, "query key"], steps: tuple[int, int]
) -> Float[Tensor, "rows columns"]:
    """Return the largest of so many rows and columns each; at the ends, of those there are.

    >>> pooled(torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.0, 0.0]]), (1, 2))
    tensor([[0.2000, 0.3000],
            [0.4000, 0.0000]])
    """
    cells: Tensor = F.max_pool2d(table.unsqueeze(0), steps, ceil_mode=True)
    return cells.squeeze(0)


def _kept(sizes: Sequence[tuple[int, int]]) -> int:
    """Return how many weights of each row travel, so that all of them are not too many."""
    for keys in range(_MAX_OF_ROW, 0, -1):
        if sum(rows * min(keys, columns) for rows, columns in sizes) <= _MAX_LINKS:
            return keys
    return 0


def _bytes(numbers: Tensor) -> bytes:
    """Return the numbers as they lie in memory."""
    numbers = numbers.contiguous()
    return ctypes.string_at(numbers.data_ptr(), numbers.nbytes) if numbers.numel() else b""
