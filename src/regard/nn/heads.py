"""What attention with several heads is made of: projections into heads, and memories of them."""

from collections.abc import Callable
from functools import partial
from inspect import isfunction

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.functional.attention import check
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.interfaces import Memory, Normalizer
from regard.kernels.call import take_apart
from regard.kernels.weights import OfQueries
from regard.nn.attention import dropped
from regard.nn.dropout import Dropout
from regard.nn.scores import ScaledDotScore, ScoreModule

__all__ = ["Heads"]


class Heads(nn.Module):
    """Project queries, keys and values into heads, and let each head attend by itself.

    Heads that share keys and values stand on an axis of their own behind that of the shared ones,
    over which those broadcast: nothing is repeated.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        num_kv_heads: int | None = None,
        key_dim: int | None = None,
        value_dim: int | None = None,
        score: ScoreModule | None = None,
        normalizer: Normalizer = softmax,
        rotate: Callable[[Tensor, Tensor], Tensor] | None = None,
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"num_heads must divide embed_dim; got {num_heads} and {embed_dim}")
        if num_kv_heads < 1 or num_heads % num_kv_heads:
            raise ValueError(
                f"num_kv_heads must divide num_heads; got {num_kv_heads} and {num_heads}"
            )
        self.head_dim = embed_dim // num_heads
        self.num_kv_heads = num_kv_heads
        self.num_shared = num_heads // num_kv_heads
        key_dim = embed_dim if key_dim is None else key_dim
        value_dim = key_dim if value_dim is None else value_dim
        self.query = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.key = nn.Linear(key_dim, num_kv_heads * self.head_dim, bias=bias)
        self.value = nn.Linear(value_dim, num_kv_heads * self.head_dim, bias=bias)
        self.output = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.score = ScaledDotScore() if score is None else score
        self.normalizer = normalizer
        self.rotate = rotate
        self.dropout = Dropout(dropout)

    @property
    def num_heads(self) -> int:
        """How many heads there are."""
        return self.num_kv_heads * self.num_shared

    def memory(
        self,
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        mask: Tensor | None = None,
        *,
        first: int = 0,
    ) -> Memory:
        """Project keys and values, once for all the queries that will read.

        Args:
            mask: boolean, True = may attend, broadcastable to `*batch query key`.
            first: the position of the first key.
        """
        return Memory(self.keys(key, first), self._shared(self._heads(self.value(value))), mask)

    def keys(
        self, key: Float[Tensor, "*batch key key_dim"], first: int = 0
    ) -> Float[Tensor, "*heads key head_dim"]:
        """Project keys alone, as `memory` does."""
        return self._shared(self._rotated(self._heads(self.key(key)), first))

    def nothing(self, key: Float[Tensor, "*batch 0 key_dim"]) -> Memory:
        """Return the memory of no positions, which others are to follow.

        As `memory` would, but nothing is projected: ONNX Runtime cannot tell what is empty apart
        into heads.
        """
        shape = (*key.shape[:-2], self.num_kv_heads, 0, self.head_dim)
        empty = key.new_zeros(shape, dtype=_projected(key))
        return Memory(self._shared(empty), self._shared(empty))

    def contexts(
        self,
        query: Float[Tensor, "*batch query embed"],
        memory: Memory,
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch heads query head_dim"]:
        """Return what each head reads; `mask` stands in place of the memory's own."""
        mask = memory.mask if mask is None else mask
        context = kernels.attention(
            self._grouped_queries(self._query_heads(query, memory)),
            memory.key,
            memory.value,
            score=self.score,
            bias=self._grouped(bias),
            mask=self._grouped_mask(_for_all_heads(mask, query, memory.key)),
            normalizer=self._ungrouping(dropped(self.normalizer, self.dropout)),
        )
        return context if self.num_shared == 1 else context.flatten(-4, -3)

    def weights_of(
        self,
        query: Float[Tensor, "*batch query embed"],
        keys: Tensor,
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> kernels.Weights:
        """Return the weights of every head in such a reading, without dropout.

        Queries are projected when they are asked for.
        """
        mask = _for_all_heads(mask, query, keys)
        num_queries, num_keys = query.shape[-2], keys.shape[-2]
        if self.num_shared > 1:
            keys = keys.squeeze(-3).repeat_interleave(self.num_shared, dim=-3)
        batch = torch.broadcast_shapes((*query.shape[:-2], self.num_heads), keys.shape[:-2])
        shape = torch.Size([*batch, num_queries, num_keys])
        check(shape, bias=bias, mask=mask)
        keys = self.score.project_key(keys)
        # Queries are aligned to the end of the keys, as everywhere.
        return OfQueries(
            take_apart(query, keys, keys, self.score.comparison, bias, mask, self.normalizer),
            shape,
            lambda some, index: self._asked(some, num_keys - num_queries + index),
        )

    def joined(
        self, contexts: Float[Tensor, "*batch heads query head_dim"]
    ) -> Float[Tensor, "*batch query embed"]:
        """Return the output of what the heads have read."""
        output: Tensor = self.output(contexts.transpose(-3, -2).flatten(-2))
        return output

    def _asked(self, query: Tensor, positions: Tensor) -> Tensor:
        """Return what the heads compare of queries at these positions."""
        heads = self._heads(self.query(query))
        turned = heads if self.rotate is None else self.rotate(heads, positions)
        return self.score.project_query(turned)

    def _query_heads(self, query: Tensor, memory: Memory) -> Tensor:
        heads = self._heads(self.query(query))
        if self.rotate is None:
            return heads
        # Queries are aligned to the end of the keys, as everywhere.
        return self._rotated(heads, memory.key.shape[-2] - query.shape[-2])

    def _rotated(self, heads: Tensor, first: int) -> Tensor:
        if self.rotate is None:
            return heads
        positions = torch.arange(first, first + heads.shape[-2], device=heads.device)
        return self.rotate(heads, positions)

    def _grouped_queries(self, heads: Tensor) -> Tensor:
        return heads if self.num_shared == 1 else heads.unflatten(-3, (-1, self.num_shared))

    def _shared(self, heads: Tensor) -> Tensor:
        return heads if self.num_shared == 1 else heads.unsqueeze(-3)

    def _heads(self, projected: Tensor) -> Float[Tensor, "*batch heads length head_dim"]:
        heads: Tensor = projected.unflatten(-1, (-1, self.head_dim)).transpose(-3, -2)
        return heads

    def _grouped(self, of_heads: Tensor | None) -> Tensor | None:
        if self.num_shared == 1 or of_heads is None or of_heads.dim() < 3:
            return of_heads
        if of_heads.shape[-3] == 1:
            return of_heads.unsqueeze(-3)
        grouped: Tensor = of_heads.unflatten(-3, (-1, self.num_shared))
        return grouped

    def _grouped_mask(self, mask: Tensor | Window | None) -> Tensor | Window | None:
        if isinstance(mask, Window):
            return mask._replace(mask=self._grouped(mask.mask))
        return self._grouped(mask)

    def _ungrouping(self, normalizer: Normalizer) -> Normalizer:
        """Show all heads on one axis to a normalizer that may know which is which."""
        if self.num_shared == 1 or isfunction(normalizer):
            return normalizer
        return partial(_normalize_all_heads, normalizer)


def _projected(vectors: Tensor) -> torch.dtype:
    """Return the type of what a linear map makes of vectors."""
    device = vectors.device.type
    if torch.is_autocast_enabled(device) and vectors.dtype != torch.float64:
        return torch.get_autocast_dtype(device)
    return vectors.dtype


def _normalize_all_heads(
    normalizer: Normalizer, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    if mask is not None:
        mask = mask.expand(scores.shape).flatten(-4, -3)
    weights: Tensor = normalizer(scores.flatten(-4, -3), mask)
    grouped: Tensor = weights.unflatten(-3, scores.shape[-4:-2])
    return grouped


def _for_all_heads(
    mask: Tensor | Window | None, query: Tensor, keys: Tensor
) -> Tensor | Window | None:
    """Give a mask an axis for the heads."""
    if isinstance(mask, Window):
        return mask._replace(mask=_with_axis(mask.mask, query, keys))
    return _with_axis(mask, query, keys)


def _with_axis(mask: Tensor | None, query: Tensor, keys: Tensor) -> Tensor | None:
    if mask is None:
        return None
    # Checked before it gets an axis for the heads, which its caller knows nothing of.
    check(torch.Size([*query.shape[:-1], keys.shape[-2]]), bias=None, mask=mask)
    return mask if mask.dim() < 3 else mask.unsqueeze(-3)
