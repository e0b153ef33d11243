"""Matching two texts by soft alignment: each reads from the other, and compares what it finds.

Parikh et al. 2016 (attend, compare, aggregate); Chen et al. 2017 (ESIM, between recurrences).
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer, Tokens
from regard.nn.attention import Attention
from regard.nn.dropout import Dropout
from regard.nn.embedding import word_embedding
from regard.nn.pooling import MaxPooling, MeanPooling
from regard.nn.recurrent import RecurrentLayers
from regard.nn.scores import DotScore, ScoreModule

__all__ = ["AttentiveMatcher"]


class AttentiveMatcher(nn.Module):
    r"""Read both texts, let each position find its like in the other text, and compare the two.

    $$a' = \operatorname{attention}(a, b, b), \quad
    v = \operatorname{recurrence}(\operatorname{relu}(W [a; a'; a - a'; a \odot a']))$$
    $$l = [\operatorname{mean} v; \max v], \quad
    \operatorname{logits} = W_2 \tanh(W_1 [l; r; |l - r|; l \odot r; f])$$

    with $a$ and $b$ the states of a text and of the other, $l$ and $r$ what is made of the left and
    of the right, both alike, and $f$ what else is known of the pair.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes and for grades, else one a class.
        hidden_dim: width of either recurrence in each direction, and of both layers of perceptrons.
        score: how well states of width `2 * hidden_dim` match; that of the papers, `DotScore`, if
            not given. Each text asks in its turn.
        normalizer: from scores to the weights that a position has for those of the other text.
        num_features: what else is known of each pair.
        dropout: on embeddings, on what is compared, on what is pooled and on the hidden layer.

    Source: Chen et al. 2017, section 3; Parikh et al. 2016, section 3;
    $|l - r|$ and $l \odot r$: Tai et al. 2015, section 4.2.
    Differs: the perceptron also sees how the two texts differ, and of a score that tells who asks
    the weights of the right text are its own, not those of the left turned over. With a vocabulary
    of 10,000 words, one output and all else as it is there are 2,202,851 parameters.
    Cost: linear in the lengths, but for the attention: twice that of left x right.

    >>> matcher = AttentiveMatcher(vocab=9, num_outputs=3)
    >>> text = Tokens(torch.tensor([[4, 5, 6]]), torch.tensor([3]))
    >>> matcher(text, text, torch.zeros(1, 0)).shape, matcher.matrix(text, text).shape
    (torch.Size([1, 3]), torch.Size([1, 3, 3]))
    """

    def __init__(
        self,
        *,
        vocab: int,
        num_outputs: int,
        embed_dim: int = 100,
        hidden_dim: int = 150,
        cell: Literal["gru", "lstm"] = "lstm",
        score: ScoreModule | None = None,
        normalizer: Normalizer = softmax,
        num_features: int = 0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.embedding = word_embedding(vocab, embed_dim)
        self.encoder = RecurrentLayers(embed_dim, hidden_dim, cell=cell)
        states_dim = self.encoder.output_dim
        self.attention = Attention(DotScore() if score is None else score, normalizer)
        self.comparison = nn.Linear(4 * states_dim, hidden_dim)
        self.composition = RecurrentLayers(hidden_dim, hidden_dim, cell=cell)
        self.poolings = nn.ModuleList([MeanPooling(states_dim), MaxPooling(states_dim)])
        self.num_features = num_features
        self.hidden = nn.Linear(8 * states_dim + num_features, hidden_dim)
        self.output = nn.Linear(hidden_dim, num_outputs)
        self.dropout = Dropout(dropout)

    def forward(
        self, left: Tokens, right: Tokens, features: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each pair; of an empty text, what is pooled is 0.

        Raises:
            ValueError: there are not `num_features` features.
        """
        if features.shape[-1] != self.num_features:
            raise ValueError(f"features must be {self.num_features} wide; got {features.shape[-1]}")
        of_left, of_right = self._states(left), self._states(right)
        memory_left = self.attention.memory(of_left, of_left, _real(left))
        memory_right = self.attention.memory(of_right, of_right, _real(right))
        found_left = self.attention(of_left, memory_right)
        found_right = self.attention(of_right, memory_left)
        one = self._pooled(of_left, found_left, left.lengths)
        other = self._pooled(of_right, found_right, right.lengths)
        told = [one, other, (one - other).abs(), one * other, features.to(one.dtype)]
        hidden = torch.tanh(self.hidden(self.dropout(torch.cat(told, dim=-1))))
        logits: Tensor = self.output(self.dropout(hidden))
        return logits

    def matrix(self, left: Tokens, right: Tokens) -> Float[Tensor, "batch left right"]:
        """Return how much each left position reads of each right one, without dropout on words."""
        asking, asked = (self.encoder(self.embedding(t.ids), t.lengths)[0] for t in (left, right))
        memory = self.attention.memory(asked, asked, _real(right))
        weights = self.attention.weights(asking, memory)
        return weights.float().masked_fill(~_real(left).transpose(1, 2), 0)

    def _states(self, text: Tokens) -> Float[Tensor, "batch length states"]:
        states: Tensor = self.encoder(self.dropout(self.embedding(text.ids)), text.lengths)[0]
        return states

    def _pooled(
        self,
        states: Float[Tensor, "batch length states"],
        found: Float[Tensor, "batch length states"],
        lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch pooled"]:
        """Compare a text's positions with what they found, compose them, and pool."""
        compared = torch.cat([states, found, states - found, states * found], dim=-1)
        projected = torch.relu(self.comparison(self.dropout(compared)))
        composed, _ = self.composition(projected, lengths)
        return torch.cat([pooling(composed, lengths) for pooling in self.poolings], dim=-1)


def _real(text: Tokens) -> Bool[Tensor, "batch 1 length"]:
    return masks.padding(text.lengths.to(text.ids.device), text.ids.shape[1])
