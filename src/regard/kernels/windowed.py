"""A window that is narrower than the keys: queries in chunks, each with the keys around it.

The chunks are one more leading axis, so that any other kernel computes them. Of many, some are
computed at a time: what is held in between is then small, and is not new memory every time.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, pairwise
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.functional import normalizers
from regard.functional.masks import Window
from regard.functional.splitting import split
from regard.interfaces import Normalizer
from regard.kernels.call import Call
from regard.kernels.chunks import Chunks, chunks_of

__all__ = ["attention", "declines", "refuses"]

SMALL = 2**14
"""Calls that spare fewer scores than that are left to the other kernels."""

SLAB = 2**12
"""So many queries, of all batch elements together, are computed at a time, or somewhat more."""


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
    chunks = chunks_of(call)
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
    Differs: what is not finite in a key or value may reach all queries of the chunks around it. By
    the definition, masked keys reach none, and masked values all.
    """
    slabs = [_attend_slab(slab, chunks, attend) for slab, chunks in _slabs(call, chunks_of(call))]
    return slabs[0] if len(slabs) == 1 else torch.cat(slabs, dim=-2)


def _attend_slab(call: Call, chunks: Chunks, attend: Callable[[Call], Tensor]) -> Tensor:
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


def _slabs(call: Call, whole: Chunks) -> Iterator[tuple[Call, Chunks]]:
    """Put some chunks together, with the keys around them, where there are too many for one."""
    # Of all keys a quarter at most stands in two slabs.
    least = max(SLAB // max(1, call.batch.numel()), 4 * (whole.before + whole.after), 1)
    rows = -(-least // whole.length) * whole.length
    # A program is to serve all lengths, and a normalizer may know which query is which.
    one = torch.compiler.is_compiling() or call.normalizer is not normalizers.softmax
    if one or rows >= whole.query_len:
        yield call, whole
        return
    of_query = list(pairwise([*range(0, whole.query_len, rows), whole.query_len]))
    of_key = [whole.reached(*span) for span in of_query]
    window = cast(Window, call.window)
    parts = (
        _parts(call.query, of_query),
        _parts(call.key, of_key),
        _parts(call.value, of_key),
        _parts_of_matrix(call.bias, of_query, of_key),
        _parts_of_matrix(window.mask, of_query, of_key),
    )
    for rows_of, keys_of, query, key, value, bias, mask in zip(
        of_query, of_key, *parts, strict=True
    ):
        within = window._replace(mask=mask)
        slab = Call(query, key, value, call.compare, bias, within, call.normalizer)
        yield slab, whole.slab(rows_of, keys_of)


def _parts(tensor: Tensor, spans: list[tuple[int, int]], axis: int = -2) -> list[Tensor]:
    """Return what stands within each span, which may overlap.

    Cut out one by one, each would have a gradient of the size of the whole.
    """
    cuts = sorted({0, tensor.shape[axis], *chain.from_iterable(spans)})
    pieces = tensor.split([last - first for first, last in pairwise(cuts)], dim=axis)
    number = {cut: index for index, cut in enumerate(cuts)}
    within = (pieces[number[first] : number[last]] for first, last in spans)
    return [some[0] if len(some) == 1 else torch.cat(some, dim=axis) for some in within]


def _parts_of_matrix(
    matrix: Tensor | None, of_query: list[tuple[int, int]], of_key: list[tuple[int, int]]
) -> list[Tensor] | list[None]:
    """Return the parts of what broadcasts to query x key."""
    if matrix is None:
        return [None] * len(of_query)
    matrix = torch.atleast_2d(matrix)
    if matrix.shape[-2] == 1:  # one row, which stands for all queries
        return [matrix] * len(of_key) if matrix.shape[-1] == 1 else _parts(matrix, of_key, axis=-1)
    of_rows = _parts(matrix, of_query)
    if matrix.shape[-1] == 1:
        return of_rows
    return [rows[..., slice(*span)] for rows, span in zip(of_rows, of_key, strict=True)]


def _allowed(call: Call, chunks: Chunks) -> Tensor:
    rows, columns = chunks.positions(call.query.device)
    offset = columns - rows - chunks.offset
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
