"""Attention whose heads are weighed, each transformed by itself: the weighted Transformer's."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.functional.normalizers import sparsemax
from regard.nn.dropout import Dropout
from regard.nn.multihead import CachedMultiHeadAttention

__all__ = ["BranchedAttention"]


class BranchedAttention(CachedMultiHeadAttention):
    r"""Attend from several heads, transform what each has read by itself, and weigh the results.

    $$\sum_i \alpha_i \operatorname{FFN}_i(\kappa_i \operatorname{head}_i W^{O}_i), \quad
    \sum_i \kappa_i = \sum_i \alpha_i = 1, \quad \kappa_i, \alpha_i \ge 0$$

    It stands for attention and feed-forward layer together. `concatenation` is $\kappa$ and
    `addition` is $\alpha$; training is to call `project` after each step, which brings them back
    onto the simplex.

    Args:
        feedforward_dim: width of the hidden layers of all branches together.
        feedforward_dropout: on the hidden layers.
        options: those of `CachedMultiHeadAttention`, without `bias`.

    Source: Ahmed et al. 2017, section 3, eq. 5-7.
    Differs: where the paper leaves it open. Each branch has a feed-forward layer of its own, of
    `feedforward_dim / num_heads` hidden units, so that there are as many parameters as in the two
    that it stands for. A sum and a norm lead around the whole, none around a branch. Since the
    shares sum to one, a bias of the output that all branches have in common is that of the sum.
    $W^O_i$, and the second matrix of $\operatorname{FFN}_i$, are `num_heads` times what is learnt:
    with even shares a branch then weighs, and learns, as a head of the layers that it stands for.
    Their 192 weights are those of 12 layers with 8 branches: one of these in each encoder layer,
    and one, for the source, in each decoder layer.
    Cost: that of `CachedMultiHeadAttention` and a feed-forward layer; besides, once a call, the
    product of the first two matrices of each branch.

    Raises:
        ValueError: `num_heads` does not divide `embed_dim` and `feedforward_dim`.

    >>> attention, text = BranchedAttention(8, 2, feedforward_dim=16), torch.zeros(1, 5, 8)
    >>> attention(torch.zeros(1, 3, 8), attention.memory(text, text)).shape
    torch.Size([1, 3, 8])
    >>> attention.addition.sum()
    tensor(1., grad_fn=<SumBackward0>)
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        feedforward_dim: int,
        feedforward_dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(embed_dim, num_heads, **options)
        if feedforward_dim % num_heads:
            raise ValueError(
                f"num_heads must divide feedforward_dim; got {num_heads} and {feedforward_dim}"
            )
        width = feedforward_dim // num_heads
        self.output.register_parameter("bias", None)
        self.concatenation = nn.Parameter(_shares(num_heads))
        self.addition = nn.Parameter(_shares(num_heads))
        self.widen = nn.Parameter(torch.empty(num_heads, embed_dim, width))
        self.widen_bias = nn.Parameter(torch.zeros(num_heads, 1, width))
        self.narrow = nn.Parameter(torch.empty(num_heads, width, embed_dim))
        self.narrow_bias = nn.Parameter(torch.zeros(embed_dim))
        for branches in (self.widen, self.narrow):
            for branch in branches.detach():
                nn.init.xavier_uniform_(branch)
        self.feedforward_dropout = Dropout(feedforward_dropout)

    @torch.no_grad()
    def project(self) -> None:
        """Bring the shares back onto the simplex: to the nearest that sum to one.

        Where processes keep a part of them each, all are to call it together.

        Source: Ahmed et al. 2017, section 3; sparsemax is this projection (Martins & Astudillo
        2016, eq. 2).
        """
        for shares in (self.concatenation, self.addition):
            _give(shares, sparsemax(_whole(shares)))

    def joined(
        self, contexts: Float[Tensor, "*batch heads query head_dim"]
    ) -> Float[Tensor, "*batch query embed"]:
        """Return the output of what the heads have read."""
        num_heads = len(self.concatenation)
        of_heads = self.output.weight.mT.unflatten(0, (num_heads, -1))
        # Nothing stands between the two products of a branch: they are one, of far fewer terms.
        into_hidden = (of_heads * (num_heads * self.concatenation).view(-1, 1, 1)) @ self.widen
        # Heads first, since a product that is broadcast copies its matrices for every sequence.
        by_head = contexts.movedim(-3, 0)
        hidden = by_head.flatten(1, -2) @ into_hidden + self.widen_bias
        hidden = self.feedforward_dropout(torch.relu(hidden))
        weighed = self.narrow * (num_heads * self.addition).view(-1, 1, 1)
        # Heads side by side, so that one product sums over the branches too.
        side_by_side = hidden.unflatten(1, by_head.shape[1:-1]).movedim(0, -2).flatten(-2)
        added: Tensor = side_by_side @ weighed.flatten(0, 1) + self.narrow_bias
        return added


def _shares(number: int) -> Float[Tensor, " number"]:
    """Return random shares, which sum to one."""
    drawn = torch.rand(number)
    return drawn / drawn.sum()


def _whole(shares: Tensor) -> Tensor:
    """Return all of the shares, where processes keep a part of them each."""
    whole: Tensor = shares.full_tensor() if hasattr(shares, "full_tensor") else shares
    return whole


def _give(shares: Any, values: Tensor) -> None:
    """Put values in place of the shares; of those that a process keeps a part of, its part."""
    if hasattr(shares, "full_tensor"):
        from torch.distributed.tensor import distribute_tensor

        # Every process has all of them: none has to send any.
        values = distribute_tensor(
            values, shares.device_mesh, shares.placements, src_data_rank=None
        )
    shares.copy_(values)
