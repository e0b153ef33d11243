"""The attention layer: any score, any normalizer, read from a memory that is prepared once."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.functional.normalizers import softmax
from regard.interfaces import Memory, Normalizer
from regard.nn.dropout import Dropout
from regard.nn.scores import ScoreModule

__all__ = ["Attention", "MemoryAttention", "autocast", "check_one_query", "dropped", "left_behind"]


class MemoryAttention(nn.Module):
    """What layers have in common that read with one score from a memory, prepared once."""

    def __init__(
        self, score: ScoreModule, normalizer: Normalizer = softmax, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.score = score
        self.normalizer = normalizer
        self.dropout = Dropout(dropout)

    def memory(
        self,
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        mask: Tensor | None = None,
    ) -> Memory:
        """Project the keys, once for all the queries that will read.

        Args:
            mask: boolean, True = may attend, broadcastable to `*batch query key`.
        """
        # Cast once: otherwise every reading under autocast would cast the memory again.
        return Memory(autocast(self.score.project_key(key)), autocast(value), mask)

    def read(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]:
        """Read, and return the memory for the next query: the same."""
        return self(query, memory), memory


class Attention(MemoryAttention):
    """Read from a memory what a query is looking for.

    Args:
        score: how well each key matches each query.
        normalizer: from scores to weights; a function of `regard.normalizers` or a module.
        dropout: the probability that a weight is dropped in training.

    Source: Bahdanau et al. 2015, section 3.1, for any score and normalizer.

    >>> import torch
    >>> from regard.nn import AdditiveScore
    >>> attention = Attention(AdditiveScore(query_dim=4, key_dim=6, hidden_dim=8))
    >>> memory = attention.memory(torch.zeros(2, 5, 6), torch.zeros(2, 5, 6))
    >>> attention(torch.zeros(2, 1, 4), memory).shape
    torch.Size([2, 1, 6])
    """

    def forward(
        self,
        query: Float[Tensor, "*batch query query_dim"],
        memory: Memory,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch query value_dim"]:
        return kernels.attention(
            autocast(self.score.project_query(query)),
            memory.key,
            memory.value,
            score=self.score.comparison,
            bias=bias,
            mask=memory.mask,
            normalizer=dropped(self.normalizer, self.dropout),
        )

    def weights(
        self,
        query: Float[Tensor, "*batch query query_dim"],
        memory: Memory,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch query key"]:
        """Return the weights of this reading, without dropout."""
        return self.weights_on_demand(query, memory, bias).all()

    def weights_on_demand(
        self,
        query: Float[Tensor, "*batch query query_dim"],
        memory: Memory,
        bias: Tensor | None = None,
    ) -> kernels.Weights:
        """Return the weights of this reading, without dropout, to be asked for in part."""
        return kernels.weights_on_demand(
            self.score.project_query(query),
            memory.key,
            score=self.score.comparison,
            bias=bias,
            mask=memory.mask,
            normalizer=self.normalizer,
        )


def autocast(tensor: Tensor) -> Tensor:
    """Cast float32 to what autocast computes in, where it is on."""
    device = tensor.device.type
    if tensor.dtype == torch.float32 and torch.is_autocast_enabled(device):
        return tensor.to(torch.get_autocast_dtype(device))
    return tensor


def left_behind(memory: Memory) -> Tensor:
    """Return what earlier queries have left behind in a memory.

    Raises:
        ValueError: it is the memory of an attention to which they do not matter.
    """
    if memory.before is None:
        raise ValueError("this attention reads from a memory that its own method memory has made")
    return memory.before


def check_one_query(query: Tensor) -> None:
    """Refuse several queries at once, where each depends on the one before."""
    if query.shape[-2] != 1:
        raise ValueError(f"queries read one after the other here; got {query.shape[-2]} at once")


def dropped(normalizer: Normalizer, dropout: nn.Dropout) -> Normalizer:
    """Drop weights after normalising, where there is anything to drop: the fast kernels stay."""
    if not dropout.training or dropout.p == 0:
        return normalizer
    return partial(_normalize_and_drop, normalizer, dropout)


def _normalize_and_drop(
    normalizer: Normalizer, dropout: nn.Dropout, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    weights: Tensor = dropout(normalizer(scores, mask))
    return weights
