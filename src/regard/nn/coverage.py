"""Attention that knows how much of each key has been read: coverage."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.functional.normalizers import softmax
from regard.interfaces import Memory, Normalizer
from regard.nn.attention import MemoryAttention, autocast, check_one_query, left_behind
from regard.nn.scores import AdditiveScore

__all__ = ["CoverageAttention"]


class CoverageAttention(MemoryAttention):
    r"""Read from a memory, one query after the other, knowing what those before have looked at.

    $$e_i = v \cdot \tanh(W q + U k_i + u \, C_i), \quad w = \operatorname{normalizer}(e), \quad
    C_i' = C_i + w_i$$

    Args:
        query_dim, key_dim: widths of queries and keys.
        hidden_dim: width of the hidden layer that compares them.
        normalizer: from scores to weights; a function of `regard.normalizers` or a module.
        dropout: the probability that a weight is dropped in training; it counts as looked at.

    Source: Tu et al. 2016, section 3.1 (their linguistic coverage, with a fertility of 1), in the
    form of See et al. 2017, eq. 10-11.
    Cost: that of the additive score, and key x hidden_dim additions for each query.

    >>> attention = CoverageAttention(4, 6, 8)
    >>> memory = attention.memory(torch.zeros(2, 5, 6), torch.zeros(2, 5, 6))
    >>> context, memory = attention.read(torch.zeros(2, 1, 4), memory)
    >>> memory.before[0]
    tensor([0.2000, 0.2000, 0.2000, 0.2000, 0.2000], grad_fn=<SelectBackward0>)
    """

    def __init__(
        self,
        query_dim: int,
        key_dim: int,
        hidden_dim: int,
        *,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        score = AdditiveScore(query_dim, key_dim, hidden_dim)
        super().__init__(score, normalizer, dropout=dropout)
        self.of_coverage = nn.Parameter(torch.empty(hidden_dim))
        nn.init.uniform_(self.of_coverage, -(hidden_dim**-0.5), hidden_dim**-0.5)

    def memory(
        self,
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        mask: Tensor | None = None,
    ) -> Memory:
        """Project the keys, once for all the queries that will read; nothing is read yet.

        Args:
            mask: boolean, True = may attend, broadcastable to `*batch 1 key`.
        """
        nothing = torch.zeros(key.shape[:-1], device=key.device)
        return super().memory(key, value, mask)._replace(before=nothing)

    def forward(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]:
        """Read; return the context, and the memory for the next query.

        Raises:
            ValueError: there is more than one query, or the memory is not of `memory`.
        """
        weights = self.weights(query, memory)
        context = self.dropout(weights).to(memory.value.dtype) @ memory.value
        covered = left_behind(memory) + weights.squeeze(-2)
        return context, memory._replace(before=covered)

    def read(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]:
        """Read, and return the memory for the next query, which knows what this one looked at."""
        found: tuple[Tensor, Memory] = self(query, memory)
        return found

    def weights(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "*batch query key"]:
        """Return the weights of this reading, without dropout."""
        check_one_query(query)
        covered = left_behind(memory).unsqueeze(-1) * self.of_coverage
        return kernels.attention_weights(
            autocast(self.score.project_query(query)),
            memory.key + covered.to(memory.key.dtype),
            score=self.score.comparison,
            mask=memory.mask,
            normalizer=self.normalizer,
        )
