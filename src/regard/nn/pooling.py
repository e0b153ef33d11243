"""From a sequence to one vector, by attention."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer
from regard.nn.attention import Attention
from regard.nn.scores import BilinearScore, DotScore, ScoreModule

__all__ = ["AttentionPooling", "LastStateAttention"]


class AttentionPooling(nn.Module):
    r"""Pool a sequence with a learned query: which positions matter, whatever is asked.

    $$u_t = \tanh(W h_t + b), \quad w = \operatorname{normalizer}(u \cdot q), \quad
    c = \sum_t w_t h_t$$

    Args:
        input_dim: width of the sequence.
        attention_dim: width of the learned query.
        dropout: the probability that a weight is dropped in training.

    Source: Yang et al. 2016, eq. 5-7.
    Cost: linear in the length.

    >>> AttentionPooling(6, 4)(torch.zeros(2, 5, 6), torch.tensor([5, 0])).shape
    torch.Size([2, 6])
    """

    def __init__(
        self,
        input_dim: int,
        attention_dim: int,
        *,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.projection = nn.Linear(input_dim, attention_dim)
        self.query = nn.Parameter(torch.empty(attention_dim))
        nn.init.normal_(self.query, std=attention_dim**-0.5)
        self.attention = Attention(DotScore(), normalizer, dropout=dropout)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch input_dim"]:
        """Pool the first `lengths` positions of each sequence; an empty one gives 0."""
        key, mask = self._key_and_mask(sequence, lengths)
        memory = self.attention.memory(key, sequence, mask)
        context: Tensor = self.attention(self._queries(sequence.shape[0]), memory)
        return context.squeeze(-2)

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much each position counts, without dropout."""
        key, mask = self._key_and_mask(sequence, lengths)
        memory = self.attention.memory(key, sequence, mask)
        return self.attention.weights(self._queries(sequence.shape[0]), memory)

    def _queries(self, batch: int) -> Tensor:
        return self.query.expand(batch, 1, -1)

    def _key_and_mask(
        self, sequence: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        key = torch.tanh(self.projection(sequence))
        return key, _padding(sequence, lengths)


class LastStateAttention(nn.Module):
    r"""Let the last state of a sequence query all its states, and merge what it finds with it.

    $$c = \operatorname{attention}(h_T, h, h), \quad a = \tanh(W [c; h_T])$$

    The last state is the last real one of each sequence, not the last column.

    Args:
        input_dim: width of the sequence.
        output_dim: width of the result.
        score: between the last state and each state; bilinear if not given.
        dropout: the probability that a weight is dropped in training.

    Source: Luong et al. 2015, eq. 5, with the last state in the place of the decoder's.
    Cost: linear in the length.

    >>> LastStateAttention(6, 4)(torch.zeros(2, 5, 6), torch.tensor([5, 0])).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        *,
        score: ScoreModule | None = None,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        score = BilinearScore(input_dim, input_dim) if score is None else score
        self.attention = Attention(score, normalizer, dropout=dropout)
        self.output = nn.Linear(2 * input_dim, output_dim, bias=False)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch output_dim"]:
        """Merge the last of `lengths` states with its context; an empty sequence gives 0."""
        mask = _padding(sequence, lengths)
        state = _last_state(sequence, lengths)
        context = self.attention(state, self.attention.memory(sequence, sequence, mask))
        merged = torch.cat([context, state], dim=-1).squeeze(-2)
        return torch.tanh(self.output(merged))

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much the last state attends to each, without dropout."""
        mask = _padding(sequence, lengths)
        memory = self.attention.memory(sequence, sequence, mask)
        return self.attention.weights(_last_state(sequence, lengths), memory)


def _padding(sequence: Tensor, lengths: Tensor | None) -> Tensor | None:
    if lengths is None:
        return None
    return masks.padding(lengths.to(sequence.device), sequence.shape[-2])


def _last_state(
    sequence: Float[Tensor, "batch length input_dim"], lengths: Int[Tensor, " batch"] | None
) -> Float[Tensor, "batch 1 input_dim"]:
    if sequence.shape[1] == 0:
        return sequence.new_zeros(sequence.shape[0], 1, sequence.shape[2])
    if lengths is None:
        return sequence[:, -1:]
    lengths = lengths.to(sequence.device)
    last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, sequence.shape[-1])
    return sequence.gather(1, last).masked_fill((lengths == 0).view(-1, 1, 1), 0)
