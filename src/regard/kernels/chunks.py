"""Queries cut into chunks, each with the keys that their windows reach: which ones, and views."""

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.kernels.call import Call

__all__ = ["Chunks", "chunks_of"]

SHORTEST, LONGEST = 32, 128
"""A chunk has half as many queries as a window has keys, but within these bounds."""


class Chunks(NamedTuple):
    """Which queries and keys are together."""

    query_len: int
    key_len: int
    offset: int
    """The key that the first query stands at; it may be outside."""
    before: int
    after: int
    length: int

    @property
    def number(self) -> int:
        """How many chunks there are; the last may reach beyond the queries."""
        return (self.query_len + self.length - 1) // self.length

    @property
    def num_keys(self) -> int:
        """How many keys stand around a chunk."""
        return self.before + self.length + self.after

    def of(self, query: Tensor) -> Tensor:
        """Return `*batch chunks length width`."""
        padded = _padded(query, 0, self.number * self.length - self.query_len)
        chunks: Tensor = padded.unflatten(-2, (self.number, self.length))
        return chunks

    def around(self, key: Tensor) -> Tensor:
        """Return `*batch chunks num_keys width`: views of the keys, which overlap."""
        # The first is negative where keys stand before all windows: they are cut off.
        missing_before = self.before - self.offset
        missing_after = self.offset + self.number * self.length + self.after - self.key_len
        padded = _padded(key, missing_before, missing_after)
        return padded.unfold(-2, self.num_keys, self.length).mT

    def of_matrix(self, matrix: Tensor) -> Tensor:
        """Return `*batch chunks length num_keys` of what broadcasts to query x key."""
        matrix = torch.atleast_2d(matrix)
        if matrix.shape[-2] == 1:  # one row, which stands for all queries
            return matrix.unsqueeze(-3) if matrix.shape[-1] == 1 else self.around(matrix.mT).mT
        if matrix.shape[-1] == 1:
            return self.of(matrix)
        rows, columns = self.positions(matrix.device)
        return matrix[..., rows.clamp(max=self.query_len - 1), columns.clamp(0, self.key_len - 1)]

    def positions(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return which rows and columns of query x key each chunk is; some are outside."""
        first = self.length * torch.arange(self.number, device=device).view(-1, 1, 1)
        rows = first + torch.arange(self.length, device=device).view(1, -1, 1)
        columns = first + torch.arange(self.num_keys, device=device).view(1, 1, -1)
        return rows, columns + (self.offset - self.before)

    def reached(self, row: int, end: int) -> tuple[int, int]:
        """Return from where to where keys are within reach of some rows: one at least."""
        first = max(row + self.offset - self.before, 0)
        return first, max(min(end + self.offset + self.after, self.key_len), first + 1)

    def slab(self, rows: tuple[int, int], keys: tuple[int, int]) -> "Chunks":
        """Return the chunks of some rows alone, of which no other keys are within reach."""
        (row, end), (first, last) = rows, keys
        # Before all keys it is as well to stand just out of reach of them.
        offset = max(row + self.offset - first, row - end - self.after)
        return self._replace(query_len=end - row, key_len=last - first, offset=offset)


def chunks_of(call: Call) -> Chunks:
    """Cut a call whose window is bounded.

    Source: see `windowed.attention`.
    """
    # Bounded, or it is refused.
    before, after, _ = cast(tuple[int, int, Tensor | None], call.window)
    half = -(-(before + after) // (2 * SHORTEST)) * SHORTEST
    query_len, key_len = call.query.shape[-2], call.key.shape[-2]
    length = min(max(half, SHORTEST), LONGEST, query_len)
    # No key is further away; `min` would compile a program for either case.
    before = torch.sym_min(before, key_len - 1)
    after = torch.sym_min(after, query_len - 1)
    return Chunks(query_len, key_len, key_len - query_len, before, after, length)


def _padded(tensor: Tensor, before: int, after: int) -> Tensor:
    # One that needs nothing would be copied, which in a compiled program spares a case.
    if torch.compiler.is_compiling() or before or after:
        return F.pad(tensor, (0, 0, before, after))
    return tensor
