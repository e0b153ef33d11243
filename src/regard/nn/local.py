"""Attention layers that look around a centre: one that predicts it (local-p), one that moves on."""

from collections.abc import Callable
from typing import Literal, cast

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor, nn

from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.interfaces import Memory, Normalizer
from regard.kernels import Weights, local
from regard.nn.attention import MemoryAttention, autocast, dropped, left_behind
from regard.nn.scores import ScoreModule

__all__ = ["LocalAttention", "LocalMonotonicAttention"]

Functions = tuple[Callable[..., Tensor], Callable[..., Weights]]
"""Contexts and weights."""

FORMS: dict[str, Functions] = {
    "damped": (local.damped_attention, local.damped_weights_on_demand),
    "biased": (local.biased_attention, local.biased_weights_on_demand),
}
"""How keys further off are weakened."""


class _Around(MemoryAttention):
    """Read around a centre; who derives from it says where that is."""

    def __init__(
        self, score: ScoreModule, half_width: int, normalizer: Normalizer, dropout: float
    ) -> None:
        super().__init__(score, normalizer, dropout=dropout)
        if half_width < 1:
            raise ValueError(f"half_width counts keys on either side, 1 or more; got {half_width}")
        self.half_width = half_width

    @property
    def functions(self) -> Functions:
        """What computes contexts, and weights on demand."""
        return local.attention, local.weights_on_demand

    def centre(self, query: Tensor, memory: Memory) -> Real[Tensor, "*batch query"]:
        """Return where each query looks, in key positions from 0."""
        raise TypeError(f"{type(self).__name__} has no centre")

    def forward(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "*batch query value_dim"]:
        attend, _ = self.functions
        return attend(
            autocast(self.score.project_query(query)),
            memory.key,
            memory.value,
            self.centre(query, memory),
            half_width=self.half_width,
            score=self.score.comparison,
            mask=memory.mask,
            normalizer=dropped(self.normalizer, self.dropout),
        )

    def weights(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "*batch query key"]:
        """Return the weights of this reading, without dropout."""
        return self.weights_on_demand(query, memory).all()

    def weights_on_demand(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Weights:
        """Return the weights of this reading, without dropout, to be asked for in part."""
        _, on_demand = self.functions
        return on_demand(
            self.score.project_query(query),
            memory.key,
            self.centre(query, memory),
            half_width=self.half_width,
            score=self.score.comparison,
            mask=memory.mask,
            normalizer=self.normalizer,
        )


class LocalAttention(_Around):
    """Read from a memory around the place where the query expects what it is looking for.

    Its memory is that of `Attention`. A sequence is as long as its mask has keys, so padding stands
    at the end.

    Args:
        score: how well each key matches each query.
        query_dim: width of the queries, of which the place is predicted.
        hidden_dim: width of the hidden layer that predicts it.
        half_width: how many keys on either side of it are within reach.
        form: how those further off are weakened, `damped` (Luong) or `biased`; see `regard.local`.
        normalizer: from scores to weights; a function of `regard.normalizers` or a module.
        dropout: the probability that a weight is dropped in training.

    Source: Luong et al. 2015, section 3.2 (local-p), for any score and normalizer.
    Cost: that of `regard.local.attention`; with a single query, that of 2 half_width + 1 keys.

    Raises:
        ValueError: `form` is none of these, or `half_width` is not positive.

    >>> from regard.nn import BilinearScore
    >>> attention = LocalAttention(BilinearScore(4, 6), query_dim=4, hidden_dim=8)
    >>> memory = attention.memory(torch.zeros(2, 50, 6), torch.zeros(2, 50, 6))
    >>> attention(torch.zeros(2, 1, 4), memory).shape
    torch.Size([2, 1, 6])
    """

    def __init__(
        self,
        score: ScoreModule,
        query_dim: int,
        hidden_dim: int,
        *,
        half_width: int = 10,
        form: Literal["damped", "biased"] = "damped",
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}; got {form!r}")
        super().__init__(score, half_width, normalizer, dropout)
        self.hidden = nn.Linear(query_dim, hidden_dim, bias=False)
        self.energy = nn.Parameter(torch.empty(hidden_dim))
        nn.init.uniform_(self.energy, -(hidden_dim**-0.5), hidden_dim**-0.5)
        self.form = form

    @property
    def functions(self) -> Functions:
        return FORMS[self.form]

    def centre(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "*batch query"]:
        """Return where each query looks, in key positions from 0."""
        return local.predicted_centre(
            query, _lengths(memory), weight=self.hidden.weight, energy=self.energy
        )


class LocalMonotonicAttention(_Around):
    """Read from a memory around the place that the query has among all queries.

    The first query reads around the first key, the next around the second: for texts that say the
    same in the same order.

    Args:
        score: how well each key matches each query.
        half_width: how many keys on either side are within reach.
        normalizer: from scores to weights; a function of `regard.normalizers` or a module.
        dropout: the probability that a weight is dropped in training.

    Source: Luong et al. 2015, section 3.2 (local-m), for any score and normalizer.
    Cost: that of `regard.local.attention`; with a single query, that of 2 half_width + 1 keys.

    Raises:
        ValueError: `half_width` is not positive.

    >>> from regard.nn import DotScore
    >>> attention = LocalMonotonicAttention(DotScore())
    >>> memory = attention.memory(torch.zeros(2, 50, 6), torch.zeros(2, 50, 6))
    >>> context, memory = attention.read(torch.zeros(2, 1, 6), memory)
    >>> memory.before
    tensor([1, 1])
    """

    def __init__(
        self,
        score: ScoreModule,
        *,
        half_width: int = 10,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(score, half_width, normalizer, dropout)

    def memory(
        self,
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        mask: Tensor | None = None,
    ) -> Memory:
        """Project the keys, once for all the queries that will read; the next is the first.

        Args:
            mask: boolean, True = may attend, broadcastable to `*batch query key`.
        """
        first = torch.zeros(key.shape[:-2], dtype=torch.long, device=key.device)
        return super().memory(key, value, mask)._replace(before=first)

    def read(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]:
        """Read, and return the memory for the next query, which reads further on."""
        before = left_behind(memory) + query.shape[-2]
        return self(query, memory), memory._replace(before=before)

    def centre(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Int[Tensor, "*batch query"]:
        """Return where each query looks, in key positions from 0."""
        steps = torch.arange(query.shape[-2], device=query.device)
        return left_behind(memory).unsqueeze(-1) + steps


def _lengths(memory: Memory) -> Int[Tensor, "*#batch"]:
    """Return how many keys any query may attend."""
    key_len = memory.key.shape[-2]
    # A window says who may attend what is there, not how much there is.
    mask = cast(Tensor | Window | None, memory.mask)
    given = mask.mask if isinstance(mask, Window) else mask
    if given is None:
        return torch.full((), key_len, device=memory.key.device)
    given = torch.atleast_2d(given)
    real = given.squeeze(-2) if given.shape[-2] == 1 else given.any(dim=-2)
    lengths: Tensor = real.expand(*real.shape[:-1], key_len).sum(dim=-1)
    return lengths
