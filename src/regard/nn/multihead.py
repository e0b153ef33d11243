"""Multi-head attention, with any score and normalizer; multi-query and grouped-query come free."""

from jaxtyping import Float
from torch import Tensor

from regard import kernels
from regard.functional.masks import Window
from regard.interfaces import Memory
from regard.nn.heads import Heads

__all__ = ["CachedMultiHeadAttention", "MultiHeadAttention"]


class MultiHeadAttention(Heads):
    r"""Attend from several heads at once, each with its own projections.

    $$\operatorname{concat}_h(\operatorname{attention}(Q W^Q_h, K W^K_h, V W^V_h)) \, W^O$$

    Args:
        num_kv_heads: how many heads of keys and values the query heads share: `num_heads` (all
            their own), 1 (multi-query) or a divisor between (grouped-query). Nothing is repeated.
        key_dim: width of the keys' input; that of the queries, `embed_dim`, if not given.
        value_dim: width of the values' input; `key_dim` if not given.
        score: shared by the heads, over vectors of `embed_dim // num_heads`.
        rotate: turns queries and keys by their positions, such as `regard.rotary.rotary`; queries
            are aligned to the end of the keys.
        dropout: the probability that a weight is dropped in training.

    Source: Vaswani et al. 2017, section 3.2.2; shared keys and values: Ainslie et al. 2023.
    Cost: that of `num_heads` attentions of width `embed_dim // num_heads`, and four projections.

    Raises:
        ValueError: `num_heads` does not divide `embed_dim`, or `num_kv_heads` not `num_heads`.

    >>> import torch
    >>> query, key = torch.zeros(1, 3, 8), torch.zeros(1, 5, 8)
    >>> MultiHeadAttention(8, 2)(query, key, key).shape
    torch.Size([1, 3, 8])
    """

    def forward(
        self,
        query: Float[Tensor, "*batch query embed"],
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch query embed"]:
        """Attend, with `mask` for all heads alike and `bias` for all or (heads first) for each.

        Args:
            mask: boolean, True = may attend, broadcastable to `*batch query key`, or a window.
            bias: added to the scores, broadcastable to `*batch heads query key`.

        Raises:
            TypeError: `mask` is not boolean.
            ValueError: `bias` or `mask` does not broadcast, or keys and values differ in number.
        """
        return self.joined(self.contexts(query, self.memory(key, value), mask=mask, bias=bias))

    def weights(
        self,
        query: Float[Tensor, "*batch query embed"],
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch heads query key"]:
        """Return the weights of every head in this call, without dropout."""
        return self.weights_on_demand(query, key, value, mask=mask, bias=bias).all()

    def weights_on_demand(
        self,
        query: Float[Tensor, "*batch query embed"],
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> kernels.Weights:
        """Return the weights of every head in this call, without dropout, to be asked in part."""
        return self.weights_of(query, self.keys(key), mask=mask, bias=bias)


class CachedMultiHeadAttention(Heads):
    """Attend as `MultiHeadAttention` does, to keys and values that were projected before.

    A decoder projects a source once, and what it writes token by token; see `Memory`. The
    arguments, and the weights' names, are those of `MultiHeadAttention`.

    Source: Vaswani et al. 2017, section 3.2.2; shared keys and values: Ainslie et al. 2023.
    Cost: that of `MultiHeadAttention`, but for the projections of keys and values.

    Raises:
        ValueError: `num_heads` does not divide `embed_dim`, or `num_kv_heads` not `num_heads`.

    >>> import torch
    >>> attention, text = CachedMultiHeadAttention(8, 2), torch.zeros(1, 5, 8)
    >>> attention(torch.zeros(1, 3, 8), attention.memory(text, text)).shape
    torch.Size([1, 3, 8])
    """

    def forward(
        self,
        query: Float[Tensor, "*batch query embed"],
        memory: Memory,
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch query embed"]:
        """Attend, with `mask` for all heads alike and `bias` for all or (heads first) for each.

        Args:
            mask: boolean, True = may attend, broadcastable to `*batch query key`, or a window; the
                memory's own if not given.
            bias: added to the scores, broadcastable to `*batch heads query key`.

        Raises:
            TypeError: `mask` is not boolean.
            ValueError: `bias` or `mask` does not broadcast.
        """
        return self.joined(self.contexts(query, memory, mask=mask, bias=bias))

    def weights(
        self,
        query: Float[Tensor, "*batch query embed"],
        memory: Memory,
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> Float[Tensor, "*batch heads query key"]:
        """Return the weights of every head in this reading, without dropout."""
        return self.weights_on_demand(query, memory, mask=mask, bias=bias).all()

    def weights_on_demand(
        self,
        query: Float[Tensor, "*batch query embed"],
        memory: Memory,
        *,
        mask: Tensor | Window | None = None,
        bias: Tensor | None = None,
    ) -> kernels.Weights:
        """Return the weights of every head in this reading, to be asked for in part."""
        mask = memory.mask if mask is None else mask
        return self.weights_of(query, memory.key, mask=mask, bias=bias)
