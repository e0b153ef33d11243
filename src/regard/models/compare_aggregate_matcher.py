"""Matching two texts word by word: each finds its like in the other, and n-grams see how like.

Wang & Jiang 2017 (A Compare-Aggregate Model for Matching Text Sequences).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.matching import similarities
from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer, Tokens
from regard.nn.attention import Attention
from regard.nn.convolution import NgramConvolutions
from regard.nn.dropout import Dropout
from regard.nn.embedding import word_embedding
from regard.nn.pooling import MaxPooling, MeanPooling
from regard.nn.scores import CosineScore, ScoreModule

__all__ = ["CompareAggregateMatcher"]


class CompareAggregateMatcher(nn.Module):
    r"""Let each word find its like in the other text, compare the two, and convolve what is found.

    $$a' = \operatorname{attention}(a, b, b), \quad
    v = \operatorname{relu}(W [a; a'; (a - a')^2; a \odot a'; s] + c), \quad
    s = \left[\cos(a, a'); \frac{1}{1 + \lVert a - a' \rVert}\right]$$
    $$l = [\operatorname{mean} \operatorname{conv} v; \max \operatorname{conv} v], \quad
    \operatorname{logits} = W_2 \tanh(W_1 [l; r; f])$$

    with $a$ and $b$ the embeddings of a text and of the other, $l$ and $r$ what is made of the left
    and of the right, both alike, and $f$ what else is known of the pair. Nothing is read in order
    before it is compared, so with pretrained vectors little is left to learn.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes and for grades, else one a class.
        hidden_dim: width of what is compared, of the convolution of each width, and of the hidden
            layer.
        widths: how many words an n-gram has.
        score: how well two words match; `CosineScore`, if not given. Each text asks in its turn.
        normalizer: from scores to the weights that a word has for those of the other text.
        num_features: what else is known of each pair.
        dropout: on what is compared, on what is pooled and on the hidden layer. There is none on
            embeddings: twice the same word would no longer be alike.

    Source: Wang & Jiang 2017, section 2: the attention and eq. 2, the comparison SubMult, the
    aggregation.
    Differs: words are not gated before they ask, both texts are read, not the answer alone, their
    averages are pooled besides their maxima, and the comparison sees the words themselves too, and
    how alike they are (`s`). With a vocabulary of 10,000 words, one output and all else as it is
    there are 1,160,702 parameters.
    Cost: linear in the lengths, but for the attention: twice that of left x right.

    >>> matcher = CompareAggregateMatcher(vocab=9, num_outputs=3)
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
        hidden_dim: int = 100,
        widths: Sequence[int] = (1, 3),
        score: ScoreModule | None = None,
        normalizer: Normalizer = softmax,
        num_features: int = 0,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.embedding = word_embedding(vocab, embed_dim)
        self.attention = Attention(CosineScore() if score is None else score, normalizer)
        self.comparison = nn.Linear(4 * embed_dim + 2, hidden_dim)
        self.aggregation = NgramConvolutions(hidden_dim, hidden_dim, widths)
        pooled_dim = self.aggregation.output_dim
        self.poolings = nn.ModuleList([MeanPooling(pooled_dim), MaxPooling(pooled_dim)])
        self.num_features = num_features
        self.hidden = nn.Linear(2 * 2 * pooled_dim + num_features, hidden_dim)
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
        of_left, of_right = self.embedding(left.ids), self.embedding(right.ids)
        memory_left = self.attention.memory(of_left, of_left, masks.real(left))
        memory_right = self.attention.memory(of_right, of_right, masks.real(right))
        found_left = self.attention(of_left, memory_right)
        found_right = self.attention(of_right, memory_left)
        one = self._aggregated(of_left, found_left, left.lengths)
        other = self._aggregated(of_right, found_right, right.lengths)
        told = torch.cat([one, other, features.to(one.dtype)], dim=-1)
        hidden = torch.tanh(self.hidden(self.dropout(told)))
        logits: Tensor = self.output(self.dropout(hidden))
        return logits

    def matrix(self, left: Tokens, right: Tokens) -> Float[Tensor, "batch left right"]:
        """Return how much each word of the left reads of each of the right."""
        asking, asked = self.embedding(left.ids), self.embedding(right.ids)
        memory = self.attention.memory(asked, asked, masks.real(right))
        weights = self.attention.weights(asking, memory)
        return weights.float().masked_fill(~masks.real(left).transpose(1, 2), 0)

    def _aggregated(
        self,
        words: Float[Tensor, "batch length embed"],
        found: Float[Tensor, "batch length embed"],
        lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch pooled"]:
        """Compare a text's words with what they found, convolve that, and pool."""
        seen = torch.cat([words, found, (words - found).square(), words * found], dim=-1)
        compared = torch.cat([self.dropout(seen), similarities(words, found)], dim=-1)
        projected = torch.relu(self.comparison(compared))
        convolved = self.aggregation(projected, lengths)
        return torch.cat([pooling(convolved, lengths) for pooling in self.poolings], dim=-1)
