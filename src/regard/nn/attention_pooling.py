"""From a sequence to one vector, by attention."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional.normalizers import softmax
from regard.interfaces import Memory, Normalizer
from regard.nn.attention import Attention
from regard.nn.pooling import Pooling, last_state, real_positions
from regard.nn.scores import BilinearScore, DotScore, ScoreModule

__all__ = ["AttentionPooling", "LastStateAttention", "MultiHeadAttentionPooling", "QueryPooling"]


class AttentionPooling(Pooling):
    r"""Pool a sequence with a learned query: which positions matter, whatever is asked.

    $$u_t = \tanh(W h_t + b), \quad w = \operatorname{normalizer}(\operatorname{score}(q, u)),
    \quad c = \sum_t w_t h_t$$

    Args:
        input_dim: width of the sequence.
        attention_dim: width of the learned query.
        score: between the query and each u_t, both `attention_dim` wide; dot if not given.
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
        score: ScoreModule | None = None,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_dim, input_dim)
        self.projection = nn.Linear(input_dim, attention_dim)
        self.query = nn.Parameter(torch.empty(attention_dim))
        nn.init.normal_(self.query, std=attention_dim**-0.5)
        score = DotScore() if score is None else score
        self.attention = Attention(score, normalizer, dropout=dropout)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch input_dim"]:
        """Pool the first `lengths` positions of each sequence; an empty one gives 0."""
        memory = self._memory(sequence, lengths)
        context: Tensor = self.attention(self._queries(sequence.shape[0]), memory)
        return context.squeeze(-2)

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much each position counts, without dropout."""
        memory = self._memory(sequence, lengths)
        return self.attention.weights(self._queries(sequence.shape[0]), memory)

    def _queries(self, batch: int) -> Tensor:
        return self.query.expand(batch, 1, -1)

    def _memory(self, sequence: Tensor, lengths: Tensor | None) -> Memory:
        key = torch.tanh(self.projection(sequence))
        return self.attention.memory(key, sequence, real_positions(sequence, lengths))


class MultiHeadAttentionPooling(Pooling):
    r"""Pool slices of a sequence's features, each with a learned query of its own.

    $$u_t = \tanh(W h_t + b), \quad c = \operatorname{concat}_i \Big(\sum_t w_{it} h_{it}\Big),
    \quad w_i = \operatorname{normalizer}(u_{\cdot i} \cdot q_i)$$

    Args:
        num_heads: how many slices, and queries.
        normalizer: sees heads before query and key.
        dropout: the probability that a weight is dropped in training.

    Source: India et al. 2019 (Self Multi-Head Attention for Speaker Recognition), section 3.
    Differs: slices are compared after the tanh layer of Yang et al. 2016, eq. 5.
    Cost: linear in the length.

    Raises:
        ValueError: `num_heads` does not divide `input_dim`.

    >>> MultiHeadAttentionPooling(6, 2)(torch.zeros(2, 5, 6), torch.tensor([5, 0])).shape
    torch.Size([2, 6])
    """

    def __init__(
        self,
        input_dim: int,
        num_heads: int,
        *,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_dim, input_dim)
        if num_heads < 1 or input_dim % num_heads:
            raise ValueError(f"num_heads must divide input_dim; got {num_heads} and {input_dim}")
        head_dim = input_dim // num_heads
        self.projection = nn.Linear(input_dim, input_dim)
        self.query = nn.Parameter(torch.empty(num_heads, 1, head_dim))
        nn.init.normal_(self.query, std=head_dim**-0.5)
        self.attention = Attention(DotScore(), normalizer, dropout=dropout)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch input_dim"]:
        """Pool the first `lengths` positions of each sequence; an empty one gives 0."""
        context: Tensor = self.attention(*self._asked(sequence, lengths))
        return context.flatten(1)

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much each position counts, the mean over the heads, without dropout."""
        return self.attention.weights(*self._asked(sequence, lengths)).mean(dim=1)

    def _asked(self, sequence: Tensor, lengths: Tensor | None) -> tuple[Tensor, Memory]:
        key, value = (
            vectors.unflatten(-1, (len(self.query), -1)).transpose(1, 2)
            for vectors in (torch.tanh(self.projection(sequence)), sequence)
        )
        real = real_positions(sequence, lengths)
        mask = None if real is None else real.unsqueeze(1)
        query = self.query.expand(sequence.shape[0], *self.query.shape)
        return query, self.attention.memory(key, value, mask)


class QueryPooling(nn.Module):
    r"""Pool a sequence with a query from elsewhere: what matters in it to whoever asks.

    $$c = \operatorname{attention}(q, h, h)$$

    Args:
        input_dim: width of the sequence, and of what it is pooled to.
        query_dim: width of the query.
        score: between the query and each state; bilinear if not given.
        dropout: the probability that a weight is dropped in training.

    Source: Er et al. 2016 (Attention pooling-based convolutional neural network for sentence
        modelling), section 3, where a sentence vector asks the features of a convolution.
    Cost: linear in the length.

    >>> pooling = QueryPooling(6, 3)
    >>> pooling(torch.zeros(2, 5, 6), torch.zeros(2, 3), torch.tensor([5, 0])).shape
    torch.Size([2, 6])
    """

    def __init__(
        self,
        input_dim: int,
        query_dim: int,
        *,
        score: ScoreModule | None = None,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_dim = self.output_dim = input_dim
        score = BilinearScore(query_dim, input_dim) if score is None else score
        self.attention = Attention(score, normalizer, dropout=dropout)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        query: Float[Tensor, "batch query_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch input_dim"]:
        """Pool the first `lengths` positions of each sequence; an empty one gives 0."""
        context: Tensor = self.attention(*self._asked(sequence, query, lengths))
        return context.squeeze(1)

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        query: Float[Tensor, "batch query_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much each position counts, without dropout."""
        return self.attention.weights(*self._asked(sequence, query, lengths))

    def _asked(
        self, sequence: Tensor, query: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Memory]:
        mask = real_positions(sequence, lengths)
        return query.unsqueeze(1), self.attention.memory(sequence, sequence, mask)


class LastStateAttention(Pooling):
    r"""Let the last state of a sequence query all its states, and merge what it finds with it.

    $$c = \operatorname{attention}(h_T, h, h), \quad a = \tanh(W [c; h_T])$$

    The last state is the last real one of each sequence, not the last column.

    Args:
        input_dim: width of the sequence.
        output_dim: width of the result.
        score: between the last state and each state; bilinear if not given.
        bidirectional: the second half of the features has been read from the end to the beginning;
            the last state has it from the first position.
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
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_dim, output_dim)
        self.bidirectional = bidirectional
        score = BilinearScore(input_dim, input_dim) if score is None else score
        self.attention = Attention(score, normalizer, dropout=dropout)
        self.output = nn.Linear(2 * input_dim, output_dim, bias=False)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch output_dim"]:
        """Merge the last of `lengths` states with its context; an empty sequence gives 0."""
        mask = real_positions(sequence, lengths)
        state = last_state(sequence, lengths, bidirectional=self.bidirectional)
        context = self.attention(state, self.attention.memory(sequence, sequence, mask))
        merged = torch.cat([context, state], dim=-1).squeeze(-2)
        return torch.tanh(self.output(merged))

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much the last state attends to each, without dropout."""
        mask = real_positions(sequence, lengths)
        memory = self.attention.memory(sequence, sequence, mask)
        state = last_state(sequence, lengths, bidirectional=self.bidirectional)
        return self.attention.weights(state, memory)
