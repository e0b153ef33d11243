"""Attention in which every query looks at a few keys that stand together, wherever that is.

Either way there is to compute it is one call of attention with few keys and one leading axis, and a
normalizer that sees nothing but the keys in question; any other kernel may take it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from regard.kernels.call import Call
from regard.kernels.dispatch import attend

__all__ = ["Around", "block_length", "in_blocks", "one_by_one", "weights_one_by_one"]

CHUNK = 32
"""How many queries are put together."""

SHORTEST = 16
"""How many keys a block has at least."""


class Around(NamedTuple):
    """A call, and which keys its queries look at; its own mask and normalizer are not used."""

    call: Call
    positions: Tensor
    """Which keys, one after the other, `*batch query num_keys`; some may be outside."""
    weigh: Callable[[Tensor], Tensor]
    """From scores to weights, both `*batch query num_keys`; 0 for what is outside."""

    @property
    def key_len(self) -> int:
        """How many keys there are to look at."""
        return self.call.key.shape[-2]

    @property
    def first(self) -> Tensor:
        """Where the keys of each query begin, `*batch query`."""
        return self.positions[..., 0]

    @property
    def num_keys(self) -> int:
        """How many keys each query looks at."""
        return self.positions.shape[-1]

    def queries(self) -> Tensor:
        """Return the queries of the whole batch in one list."""
        query = self.call.query
        return query.expand(*self.first.shape, query.shape[-1]).reshape(-1, query.shape[-1])

    def begins(self, tensor: Tensor, length: int) -> Tensor:
        """Return where in a list of sequences, each so long, that of each batch element begins."""
        batch = tensor.shape[:-2]
        index = torch.arange(math.prod(batch), device=tensor.device).view(batch)
        return length * index.expand(self.first.shape[:-1]).reshape(-1)


def one_by_one(around: Around) -> Tensor:
    """Give each query its own keys.

    Source: Luong et al. 2015, section 3.2.
    Cost: query x num_keys scores; so many keys and values are copied, however many there are.
    """
    context = _with_own_keys(around, _own(around, around.call.value))
    return context.reshape(*around.first.shape, -1)


def weights_one_by_one(around: Around) -> Tensor:
    """Return the weights of `one_by_one`, `*batch query key`.

    Source: Luong et al. 2015, section 3.2.
    Cost: query x num_keys scores, and a number for every query and key.
    """
    # Read from values that name the keys.
    names = torch.eye(around.num_keys, dtype=around.call.value.dtype, device=around.first.device)
    found = _with_own_keys(around, names.expand(around.first.numel(), -1, -1))
    nowhere = found.new_zeros(*around.first.shape, around.key_len)
    # Added, because those outside all have the position of the first or last key, and weight 0.
    inside = around.positions.clamp(0, around.key_len - 1)
    return nowhere.scatter_add(-1, inside, found.reshape(inside.shape))


def _own(around: Around, tensor: Tensor) -> Tensor:
    """Return what belongs to the keys of each query, `query num_keys width`."""
    positions = around.positions.clamp(0, around.key_len - 1)
    inside = positions.reshape(-1, *positions.shape[-2:])
    rows = around.begins(tensor, around.key_len).view(-1, 1, 1) + inside
    return F.embedding(rows.flatten(0, 1), tensor.reshape(-1, tensor.shape[-1]))


def _with_own_keys(around: Around, values: Tensor) -> Tensor:
    """Return what each query reads from values that belong to its own keys."""

    def normalize(scores: Tensor, _: Tensor | None = None) -> Tensor:
        return around.weigh(scores.reshape(around.positions.shape)).reshape(scores.shape)

    return attend(
        around.call._replace(
            query=around.queries().unsqueeze(1),
            key=_own(around, around.call.key),
            value=values,
            mask=None,
            normalizer=normalize,
        )
    )


def in_blocks(around: Around) -> Tensor:
    """Cut the keys into blocks, and put queries together whose keys begin in the same.

    Source: Luong et al. 2015, section 3.2.
    Cost: (query + key) x num_keys scores, but for a small factor, in time and in memory.
    """
    length = block_length(around.num_keys)
    num_blocks = (around.key_len + length - 1) // length
    block = around.first.clamp(0, around.key_len - 1) // length
    chunks = _chunks(block.reshape(-1, block.shape[-1]), num_blocks)
    # The remainder, so that those outside the keys have places of their own.
    columns = (around.positions - length * block.unsqueeze(-1)) % (2 * length)
    where = (
        chunks.place.unsqueeze(-1) * 2 * length + columns.reshape(-1, around.num_keys)
    ).flatten()

    def both(tensor: Tensor) -> Tensor:
        """Return a block and the next for every chunk."""
        missing = (num_blocks + 1) * length - around.key_len
        blocks = F.pad(tensor, (0, 0, 0, missing)).reshape(-1, length * tensor.shape[-1])
        first = around.begins(tensor, num_blocks + 1)[chunks.element] + chunks.block
        index = first.unsqueeze(-1) + torch.arange(2, device=first.device)
        return F.embedding(index, blocks).reshape(len(first), 2 * length, -1)

    def normalize(scores: Tensor, _: Tensor | None = None) -> Tensor:
        weights = around.weigh(scores.flatten().gather(0, where).view(around.positions.shape))
        spread = weights.new_zeros(scores.numel()).scatter(0, where, weights.flatten())
        return spread.view(scores.shape)

    context = attend(
        around.call._replace(
            query=F.embedding(chunks.query, around.queries()),
            key=both(around.call.key),
            value=both(around.call.value),
            mask=None,
            normalizer=normalize,
        )
    )
    return F.embedding(chunks.place, context.flatten(0, 1)).reshape(*around.first.shape, -1)


def block_length(num_keys: int) -> int:
    """Return how long a block is, so that with the next it has all keys of those that begin in it.

    Source: see `in_blocks`.
    """
    return max(num_keys - 1, SHORTEST)


class _Chunks(NamedTuple):
    """Queries that are put together, each chunk from one batch element and block."""

    query: Tensor
    """Which query stands at each place, `chunk CHUNK`; any where none does."""
    place: Tensor
    """At which place each query stands."""
    element: Tensor
    block: Tensor


def _chunks(block: Tensor, num_blocks: int) -> _Chunks:
    """Put queries together by their blocks, `element query`, in order."""
    elements = torch.arange(len(block), device=block.device).unsqueeze(-1)
    group = (num_blocks * elements + block).flatten()
    num_groups = len(block) * num_blocks
    ordered, order = group.sort(stable=True)
    sizes = group.new_zeros(num_groups).scatter_add(0, group, torch.ones_like(group))
    chunks = (sizes + CHUNK - 1) // CHUNK
    first_place = CHUNK * (chunks.cumsum(0) - chunks)
    rank = torch.arange(len(group), device=block.device) - (sizes.cumsum(0) - sizes)[ordered]
    places = first_place[ordered] + rank
    num_chunks = _num_chunks(
        places, min(len(group), (len(group) + CHUNK - 1) // CHUNK + num_groups)
    )
    query = group.new_zeros(num_chunks * CHUNK).scatter(0, places, order)
    # Those of one chunk write the same.
    of_chunk = group.new_zeros(num_chunks).scatter(0, places // CHUNK, ordered)
    return _Chunks(
        query=query.view(num_chunks, CHUNK),
        place=torch.empty_like(places).scatter(0, order, places),
        element=of_chunk // num_blocks,
        block=of_chunk % num_blocks,
    )


def _num_chunks(places: Tensor, most: int) -> int:
    """Return how many chunks there are; as many as there may be, where that cannot be told."""
    if places.device.type != "cpu" or torch.compiler.is_compiling():
        return most
    try:
        return int(places[-1]) // CHUNK + 1
    except RuntimeError:  # torch.func.vmap tells no numbers
        return most
