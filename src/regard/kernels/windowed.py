"""A window that is narrower than the keys: queries in chunks, each with the keys around it.

The chunks are one more leading axis, so that any other kernel computes them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.functional import normalizers
from regard.functional.masks import Window
from regard.functional.splitting import split
from regard.interfaces import Normalizer
from regard.kernels.call import Call

__all__ = ["attention", "declines", "refuses"]

SHORTEST, LONGEST = 32, 128
"""A chunk has half as many queries as a window has keys, but within these bounds."""

SMALL = 2**14
"""Calls that spare fewer scores than that are left to the other kernels."""


def refuses(call: Call) -> str | None:
    """Say why this kernel does not take the call; None if it does."""
    if call.window is None:
        return "it takes a window"
    if call.window.before is None or call.window.after is None:
        return "the window has no bound on one side"
    if split(call.compare, call.query, call.key) is None:
        return f"scores by {call.compared_by} may depend on where a key stands among all keys"
    if call.query.shape[-2] == 0 or call.key.shape[-2] == 0:
        return "there is nothing to cut into chunks"
    return None


def declines(call: Call) -> str | None:
    """Say why another kernel is better; None if it is not."""
    if torch.compiler.is_exporting():
        return "an exported program is to serve all lengths, of which chunks depend on some"
    if torch.compiler.is_compiling():
        return None  # sizes may stand for any
    chunks = _chunks(call)
    spared = chunks.key_len - chunks.num_keys
    if spared < chunks.num_keys:
        return "the window is not much narrower than the keys"
    if spared * call.batch.numel() * chunks.query_len < SMALL:
        return "so small a call is not worth its preparation"
    return None


def attention(call: Call, attend: Callable[[Call], Tensor]) -> Tensor:
    """Compute the call, its chunks by another kernel.

    Source: Luong et al. 2015, section 3.2 (local-m), in the chunks of Beltagy et al. 2020
    (Longformer), section 3.1.
    Cost: query x (before + after + chunk) scores, in time and, where the other kernel keeps them,
    in memory; linear in the length, but for a mask or bias that is spelt out for every query.
    """
    chunks = _chunks(call)
    normalizer = call.normalizer
    if normalizer is not normalizers.softmax:
        normalizer = partial(_normalize_rows, normalizer, chunks.query_len)
    cut = Call(
        query=chunks.of(call.query),
        key=chunks.around(call.key),
        value=chunks.around(call.value),
        compare=call.compare,
        bias=None if call.bias is None else chunks.of_matrix(call.bias),
        mask=_allowed(call, chunks),
        normalizer=normalizer,
    )
    context = _attend_together(cut, attend) if _is_shared(call) else attend(cut)
    return context.flatten(-3, -2)[..., : chunks.query_len, :]


class _Chunks(NamedTuple):
    """Which queries and keys are together."""

    query_len: int
    key_len: int
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
        missing = self.number * self.length - self.query_len
        chunks: Tensor = F.pad(query, (0, 0, 0, missing)).unflatten(-2, (self.number, self.length))
        return chunks

    def around(self, key: Tensor) -> Tensor:
        """Return `*batch chunks num_keys width`: views of the keys, which overlap."""
        # The first is negative where keys stand before all windows: they are cut off.
        missing_before = self.before + self.query_len - self.key_len
        missing_after = self.number * self.length + self.after - self.query_len
        padded = F.pad(key, (0, 0, missing_before, missing_after))
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
        return rows, columns + (self.key_len - self.query_len - self.before)


def _chunks(call: Call) -> _Chunks:
    # Bounded, or it is refused.
    before, after, _ = cast(tuple[int, int, Tensor | None], call.window)
    half = -(-(before + after) // (2 * SHORTEST)) * SHORTEST
    query_len, key_len = call.query.shape[-2], call.key.shape[-2]
    length = min(max(half, SHORTEST), LONGEST, query_len)
    return _Chunks(query_len, key_len, before, after, length)


def _allowed(call: Call, chunks: _Chunks) -> Tensor:
    rows, columns = chunks.positions(call.query.device)
    offset = columns - rows - (chunks.key_len - chunks.query_len)
    allowed = (offset >= -chunks.before) & (offset <= chunks.after)
    allowed = allowed & (columns >= 0) & (columns < chunks.key_len)
    mask = cast(Window, call.window).mask
    return allowed if mask is None else allowed & chunks.of_matrix(mask)


def _normalize_rows(normalizer: Normalizer, num_rows: int, scores: Tensor, mask: Tensor) -> Tensor:
    """Show the normalizer `*batch query key`: it may know which head or query is which."""
    chunks, length = scores.shape[-3:-1]
    shown = (tensor.flatten(-3, -2)[..., :num_rows, :] for tensor in (scores, mask))
    weights = normalizer(*shown)
    missing = chunks * length - num_rows
    spread: Tensor = F.pad(weights, (0, 0, 0, missing)).unflatten(-2, (chunks, length))
    return spread


def _is_shared(call: Call) -> bool:
    """Whether the last of the leading axes is for queries that share keys and values."""
    if call.normalizer is not normalizers.softmax or call.query.dim() < 3:
        return False
    shared = call.key.shape[-3:-2] == call.value.shape[-3:-2] == torch.Size([1])
    return shared and call.query.shape[-3] > 1


def _attend_together(cut: Call, attend: Callable[[Call], Tensor]) -> Tensor:
    """Make one chunk of those that share keys, which would else be copied for each."""
    groups, _, length, _ = cut.query.shape[-4:]

    def together(tensor: Tensor) -> Tensor:
        """Return `*batch chunks (groups length) ...`."""
        tensor = tensor if tensor.dim() > 3 else tensor.unsqueeze(0)
        chunks, _, width = tensor.shape[-3:]
        of_each = tensor.expand(*tensor.shape[:-4], groups, chunks, length, width)
        return of_each.transpose(-4, -3).flatten(-3, -2)

    context = attend(
        cut._replace(
            query=together(cut.query),
            key=cut.key.squeeze(-4),
            value=cut.value.squeeze(-4),
            bias=None if cut.bias is None else together(cut.bias),
            mask=together(cast(Tensor, cut.mask)),
        )
    )
    apart: Tensor = context.unflatten(-2, (groups, length)).transpose(-4, -3)
    return apart
