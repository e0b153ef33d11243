"""Multi-head attention, with any score and normalizer; multi-query and grouped-query come free."""

from functools import partial
from inspect import isfunction

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard import kernels
from regard.functional.attention import check
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer
from regard.nn.attention import dropped
from regard.nn.scores import ScaledDotScore, ScoreModule

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(nn.Module):
    r"""Attend from several heads at once, each with its own projections.

    $$\operatorname{concat}_h(\operatorname{attention}(Q W^Q_h, K W^K_h, V W^V_h)) \, W^O$$

    Args:
        num_kv_heads: how many heads of keys and values the query heads share: `num_heads` (all
            their own), 1 (multi-query) or a divisor between (grouped-query). Nothing is repeated.
        key_dim: width of the keys' input; that of the queries, `embed_dim`, if not given.
        value_dim: width of the values' input; `key_dim` if not given.
        score: shared by the heads, over vectors of `embed_dim // num_heads`.
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
        self.num_shared = num_heads // num_kv_heads
        key_dim = embed_dim if key_dim is None else key_dim
        value_dim = key_dim if value_dim is None else value_dim
        self.query = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.key = nn.Linear(key_dim, num_kv_heads * self.head_dim, bias=bias)
        self.value = nn.Linear(value_dim, num_kv_heads * self.head_dim, bias=bias)
        self.output = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.score = ScaledDotScore() if score is None else score
        self.normalizer = normalizer
        self.dropout = nn.Dropout(dropout)

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
        context = kernels.attention(
            self._query_heads(query),
            self._shared_heads(self.key(key)),
            self._shared_heads(self.value(value)),
            score=self.score,
            bias=self._grouped(bias),
            mask=self._grouped_mask(_for_all_heads(mask, query, key)),
            normalizer=self._ungrouping(dropped(self.normalizer, self.dropout)),
        )
        output: Tensor = self.output(self._ungrouped(context).transpose(-3, -2).flatten(-2))
        return output

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
        keys = self._heads(self.key(key))
        return kernels.weights_on_demand(
            self._heads(self.query(query)),
            keys if self.num_shared == 1 else keys.repeat_interleave(self.num_shared, dim=-3),
            score=self.score,
            bias=bias,
            mask=_for_all_heads(mask, query, key),
            normalizer=self.normalizer,
        )

    # Heads that share keys and values stand on an axis of their own behind that of the shared ones.

    def _query_heads(self, query: Tensor) -> Tensor:
        heads = self._heads(self.query(query))
        return heads if self.num_shared == 1 else heads.unflatten(-3, (-1, self.num_shared))

    def _shared_heads(self, projected: Tensor) -> Tensor:
        heads = self._heads(projected)
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

    def _ungrouped(self, of_heads: Tensor) -> Tensor:
        return of_heads if self.num_shared == 1 else of_heads.flatten(-4, -3)


def _normalize_all_heads(
    normalizer: Normalizer, scores: Tensor, mask: Tensor | None = None
) -> Tensor:
    if mask is not None:
        mask = mask.expand(scores.shape).flatten(-4, -3)
    weights: Tensor = normalizer(scores.flatten(-4, -3), mask)
    grouped: Tensor = weights.unflatten(-3, scores.shape[-4:-2])
    return grouped


def _for_all_heads(
    mask: Tensor | Window | None, query: Tensor, key: Tensor
) -> Tensor | Window | None:
    """Give a mask an axis for the heads."""
    if isinstance(mask, Window):
        return mask._replace(mask=_with_axis(mask.mask, query, key))
    return _with_axis(mask, query, key)


def _with_axis(mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
    if mask is None:
        return None
    # Checked before it gets an axis for the heads, which its caller knows nothing of.
    check(torch.Size([*query.shape[:-1], key.shape[-2]]), bias=None, mask=mask)
    return mask if mask.dim() < 3 else mask.unsqueeze(-3)
