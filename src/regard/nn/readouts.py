"""What stands between a decoder's state and the vocabulary."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.dropout import Dropout, dropout_as

__all__ = ["MaxoutReadout", "TanhReadout"]


class TanhReadout(nn.Module):
    r"""Predict from $\tanh(W [a; b; \ldots])$, of all that a decoder knows at a step.

    Args:
        input_dims: widths of what it reads.
        dropout: on the result.

    Source: Luong et al. 2015, eq. 5 (of context and state); taught with Bahdanau's decoder too.

    >>> TanhReadout((4, 6), 5)(torch.zeros(2, 4), torch.zeros(2, 6)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        input_dims: tuple[int, ...],
        output_dim: int,
        *,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim = output_dim
        self.hidden = nn.Linear(sum(input_dims), output_dim, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(self, *known: Float[Tensor, "*batch _"]) -> Float[Tensor, "*batch output_dim"]:
        features: Tensor = self.dropout(self._whole(*known))
        return features

    def dropped_as(
        self, dropped: Float[Tensor, "*batch output_dim"], *known: Float[Tensor, "*batch _"]
    ) -> Float[Tensor, "*batch output_dim"]:
        """Return the features of something else, without those that were dropped from others."""
        whole = self._whole(*known)
        return dropout_as(whole, self.dropout.p, dropped) if self.training else whole

    def _whole(self, *known: Tensor) -> Float[Tensor, "*batch output_dim"]:
        return torch.tanh(self.hidden(torch.cat(known, dim=-1)))


class MaxoutReadout(nn.Module):
    r"""Predict from the larger of two linear features each: $\max(W_1 x, W_2 x)$.

    Args:
        input_dims: widths of what it reads.
        dropout: on the result.

    Source: Goodfellow et al. 2013; Bahdanau et al. 2015, section A.2.2 (deep output, their t).
    Differs: theirs reads the state before the step; which state is given, the decoder decides.

    >>> MaxoutReadout((4, 6), 5)(torch.zeros(2, 4), torch.zeros(2, 6)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, input_dims: tuple[int, ...], output_dim: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_dim = output_dim
        self.hidden = nn.Linear(sum(input_dims), 2 * output_dim)
        self.dropout = Dropout(dropout)

    def forward(self, *known: Float[Tensor, "*batch _"]) -> Float[Tensor, "*batch output_dim"]:
        pairs = self.hidden(torch.cat(known, dim=-1)).unflatten(-1, (-1, 2))
        features: Tensor = self.dropout(pairs.amax(dim=-1))
        return features
