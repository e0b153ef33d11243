"""Attention weights on demand: any rows and heads of them, and what all of them say together.

The whole matrix never stands in memory: it is gone through a few rows at a time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import isfunction
from typing import NamedTuple, overload

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.functional import attention as reference
from regard.functional import masks, scores
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.precision import at_least_float32
from regard.functional.scores import scaled_dot
from regard.interfaces import Normalizer
from regard.kernels.call import Call, take_apart
from regard.kernels.dispatch import weigh

__all__ = [
    "OfCall",
    "OfHeads",
    "OfQueries",
    "TopKeys",
    "Weights",
    "chosen",
    "given_weights",
    "weights_on_demand",
]

COMPARISONS = (
    scores.inner_product,
    scores.scaled_dot,
    scores.tanh_energy,
    scores.inverse_distance,
)
"""Those that treat every head alike."""

PIECE = 2**22
"""How many weights are computed at once for what is said of all of them."""


class TopKeys(NamedTuple):
    """The largest weights of each query, and the keys that have them."""

    weights: Float[Tensor, "*batch query top"]
    keys: Int[Tensor, "*batch query top"]


class Weights(ABC):
    """The weights of one call of attention, computed when and where they are asked for.

    Exact, and differentiable like the call itself: under `torch.no_grad` nothing is kept.
    """

    shape: torch.Size
    """`*batch query key`."""

    @abstractmethod
    def rows(self, queries: Sequence[int] | Tensor) -> Float[Tensor, "*batch rows key"]:
        """Return the weights of some queries.

        Cost: that of attention with these queries alone.

        Raises:
            IndexError: there is no such query.
            TypeError: they are not whole numbers.
        """

    def heads(self, heads: Sequence[int] | Tensor) -> "Weights":
        """Return the weights of some heads, which stand on the third axis from the end.

        Raises:
            IndexError: there is no such head, or no axis for heads.
        """
        if len(self.shape) < 3:
            raise IndexError(f"weights of shape {tuple(self.shape)} have no axis for heads")
        return self._of_heads(_counted_from_0("head", heads, self.shape[-3], self._device))

    def _of_heads(self, index: Tensor) -> "Weights":
        return OfHeads(self, index)

    @abstractmethod
    def all(self) -> Float[Tensor, "*batch query key"]:
        """Return the whole matrix."""

    def column_sums(self) -> Float[Tensor, "*batch key"]:
        """Return how much attention each key gets from all queries together.

        Cost: time of the whole matrix, memory of a few rows.
        """
        total = torch.zeros((), device=self._device)
        for piece in self._pieces():
            total = total + at_least_float32(piece).sum(dim=-2)
        return total.expand(*self.shape[:-2], self.shape[-1])

    def top(self, num_keys: int) -> TopKeys:
        """Return the largest weights of each query, in falling order, and their keys.

        Cost: time of the whole matrix, memory of a few rows.

        Raises:
            ValueError: there are not so many keys.
        """
        if not 0 <= num_keys <= self.shape[-1]:
            raise ValueError(f"num_keys must lie in 0..{self.shape[-1]}; got {num_keys}")
        found = [piece.topk(num_keys, dim=-1) for piece in self._pieces()]
        return TopKeys(*(torch.cat(parts, dim=-2) for parts in zip(*found, strict=True)))

    def entropy(self) -> Float[Tensor, "*batch query"]:
        r"""Return how widely each query looks, in nats.

        $$H_i = -\sum_j w_{ij} \log w_{ij}, \quad 0 \log 0 = 0$$

        Cost: time of the whole matrix, memory of a few rows.
        """
        of_pieces = [torch.special.entr(at_least_float32(piece)) for piece in self._pieces()]
        return torch.cat([terms.sum(dim=-1) for terms in of_pieces], dim=-1)

    @property
    @abstractmethod
    def _device(self) -> torch.device: ...

    def _pieces(self) -> Iterator[Tensor]:
        *batch, num_queries, num_keys = self.shape
        step = max(1, PIECE // max(1, torch.Size([*batch, num_keys]).numel()))
        # At least one piece, so that there is something to put together.
        for first in range(0, max(1, num_queries), step):
            rows = torch.arange(first, min(first + step, num_queries), device=self._device)
            yield self.rows(rows)


class OfCall(Weights):
    """Weights computed from what was asked, its query and key projected once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.shape = reference.scores_shape(call.query, call.key)

    @property
    def _device(self) -> torch.device:
        return self._call.query.device

    def rows(self, queries: Sequence[int] | Tensor) -> Tensor:
        index = _counted_from_0("query", queries, self.shape[-2], self._device)
        if _knows_queries(self._call.normalizer):
            return self.all().index_select(-2, index)
        return weigh(self._of_rows(index))

    def _of_rows(self, index: Tensor) -> Call:
        """Return the call of some queries alone."""
        call, (num_queries, num_keys) = self._call, self.shape[-2:]
        mask = masks.dense(
            _chosen_of_mask(call.mask, -2, index, num_queries),
            num_queries,
            num_keys,
            rows=index,
            device=self._device,
        )
        bias = chosen(call.bias, -2, index, num_queries)
        return call._replace(query=self._queries(index), bias=bias, mask=mask)

    def _queries(self, index: Tensor) -> Tensor:
        return self._call.query.index_select(-2, index)

    def _of_heads(self, index: Tensor) -> Weights:
        call = self._call
        # A normalizer or score of one's own may know which head is which.
        if not isfunction(call.normalizer) or call.comparison not in COMPARISONS:
            return super()._of_heads(index)
        heads = -3, index, self.shape[-3]
        of_heads = call._replace(
            query=chosen(call.query, *heads),
            key=chosen(call.key, *heads),
            bias=chosen(call.bias, *heads),
            mask=_chosen_of_mask(call.mask, *heads),
        )
        return OfCall(of_heads)

    def all(self) -> Tensor:
        return weigh(self._call)


class OfQueries(OfCall):
    """Weights of a call whose queries are projected when they are asked for.

    Args:
        call: with its queries as they were before.
        shape: of the weights.
        project: takes some of the queries and their positions, each query by itself.
    """

    def __init__(
        self, call: Call, shape: torch.Size, project: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        self._call, self.shape, self._project = call, shape, project

    def _queries(self, index: Tensor) -> Tensor:
        return self._project(super()._queries(index), index)

    def _of_heads(self, index: Tensor) -> Weights:
        return self._of_all().heads(index)

    def all(self) -> Tensor:
        return self._of_all().all()

    def _of_all(self) -> OfCall:
        positions = torch.arange(self.shape[-2], device=self._device)
        return OfCall(self._call._replace(query=self._project(self._call.query, positions)))


class OfHeads(Weights):
    """Some of the heads, taken from all."""

    def __init__(self, weights: Weights, index: Tensor) -> None:
        self._weights, self._index = weights, index
        self.shape = torch.Size([*weights.shape[:-3], len(index), *weights.shape[-2:]])

    @property
    def _device(self) -> torch.device:
        return self._index.device

    def rows(self, queries: Sequence[int] | Tensor) -> Tensor:
        return self._weights.rows(queries).index_select(-3, self._index)

    def all(self) -> Tensor:
        return self._weights.all().index_select(-3, self._index)


class _Given(Weights):
    """Weights that stand already."""

    def __init__(self, weights: Tensor) -> None:
        self._weights, self.shape = weights, weights.shape

    @property
    def _device(self) -> torch.device:
        return self._weights.device

    def rows(self, queries: Sequence[int] | Tensor) -> Tensor:
        index = _counted_from_0("query", queries, self.shape[-2], self._device)
        return self._weights.index_select(-2, index)

    def all(self) -> Tensor:
        return self._weights


def weights_on_demand(
    query: Float[Tensor, "*#batch query query_dim"],
    key: Float[Tensor, "*#batch key key_dim"],
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
) -> Weights:
    """Return the weights of a call of attention as something to be asked: nothing is computed yet.

    The arguments are those of `regard.attention_weights`. A score or normalizer of one's own is
    asked for some queries at a time, and must take each by itself.

    Source: Bahdanau et al. 2015, eq. 6, row by row.
    Cost: the projections of query and key; then that of what is asked.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `bias` or `mask` does not broadcast to the scores, or query and key not to each
            other.

    >>> weights = weights_on_demand(torch.zeros(1000, 2), torch.zeros(4, 2))
    >>> weights.rows([7])
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    >>> weights.column_sums()
    tensor([250., 250., 250., 250.])
    """
    # There are no values; whoever weighs does not look at them.
    call = take_apart(query, key, key, score, bias, mask, normalizer)
    reference.check(reference.scores_shape(call.query, call.key), bias=bias, mask=mask)
    return OfCall(call)


def given_weights(weights: Float[Tensor, "*batch query key"]) -> Weights:
    """Let weights that stand already be asked like those on demand.

    Source: see `weights_on_demand`.
    """
    return _Given(weights)


def _counted_from_0(
    what: str, chosen: Sequence[int] | Tensor, number: int, device: torch.device
) -> Tensor:
    """Return positions as an index, those counted from the end counted from 0."""
    index = torch.as_tensor(chosen, device=device).reshape(-1)
    if index.numel() == 0:
        return index.long()
    if index.is_floating_point() or index.dtype == torch.bool:
        raise TypeError(f"name each {what} by its number; got {index.dtype}")
    outside = (index < -number) | (index >= number)
    if not torch.compiler.is_compiling() and outside.any():
        position = int(index[outside][0])
        raise IndexError(f"there are {number} of them; there is no {what} {position}")
    return index.where(index >= 0, index + number).long()


def _knows_queries(normalizer: Normalizer) -> bool:
    """Whether a tensor is bound to the normalizer that differs from query to query."""
    if not isinstance(normalizer, partial):
        return False
    bound = (*normalizer.args, *normalizer.keywords.values())
    tensors = [given for given in bound if isinstance(given, Tensor)]
    return any(tensor.dim() > 1 and tensor.shape[-2] > 1 for tensor in tensors)


@overload
def chosen(tensor: Tensor, axis: int, index: Tensor, number: int) -> Tensor: ...
@overload
def chosen(tensor: None, axis: int, index: Tensor, number: int) -> None: ...
def chosen(tensor: Tensor | None, axis: int, index: Tensor, number: int) -> Tensor | None:
    """Take what the index names of so many, unless there is one for all."""
    if tensor is None or tensor.dim() < -axis or tensor.shape[axis] == 1 != number:
        return tensor
    return tensor.index_select(axis, index)


def _chosen_of_mask(
    mask: Tensor | Window | None, axis: int, index: Tensor, number: int
) -> Tensor | Window | None:
    if isinstance(mask, Window):
        return mask._replace(mask=chosen(mask.mask, axis, index, number))
    return chosen(mask, axis, index, number)
