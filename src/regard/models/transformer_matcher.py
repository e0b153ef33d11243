"""Matching two texts by one Transformer that reads both, one behind the other.

Vaswani et al. 2017 (the encoder); Devlin et al. 2019 (both texts as one sequence, with a token in
front that stands for the pair).
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.interfaces import PAD, Tokens
from regard.nn.dropout import Dropout
from regard.nn.norms import PreNorm
from regard.nn.positions import LearnedPositions, SinusoidPositions
from regard.nn.transformer import TransformerEncoder

__all__ = ["TransformerMatcher"]


class TransformerMatcher(nn.Module):
    """Join two texts, let all their words attend to each other in layers, and read the first token.

    What is joined is a learnt vector, the left text, another learnt vector and the right text, with
    no padding between them. To each word a vector is added that says which text it is of.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes and for grades, else one a class.
        feedforward_dim: of each layer; four times `embed_dim` if not given.
        positions: sinusoids, or vectors that are learnt for `max_len` positions: two more than both
            texts have.
        num_features: what else is known of each pair.
        dropout: on embeddings, in each layer, on what is read and on the features.

    Source: Devlin et al. 2019, section 3 (sentence pairs); Vaswani et al. 2017, section 3.
    Differs: nothing is learnt beforehand, layers are normalised first (see `PreNorm`), the
    embeddings, drawn with deviation 1, are not scaled, and nothing stands behind the right text.
    With a vocabulary of 10,000 words, one output and all else as it is there are 1,677,441
    parameters.
    Cost: quadratic in the length of both texts together.

    >>> matcher = TransformerMatcher(vocab=9, num_outputs=3)
    >>> text = Tokens(torch.tensor([[4, 5, 6]]), torch.tensor([3]))
    >>> matcher(text, text, torch.zeros(1, 0)).shape, matcher.matrix(text, text).shape
    (torch.Size([1, 3]), torch.Size([1, 3, 3]))
    """

    def __init__(
        self,
        *,
        vocab: int,
        num_outputs: int,
        embed_dim: int = 128,
        num_layers: int = 2,
        num_heads: int = 4,
        feedforward_dim: int | None = None,
        positions: Literal["sinusoid", "learned"] = "sinusoid",
        max_len: int = 1024,
        num_features: int = 0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, embed_dim, padding_idx=PAD)
        self.sides = nn.Parameter(torch.randn(2, embed_dim))
        self.first, self.separator = (nn.Parameter(torch.randn(embed_dim)) for _ in range(2))
        self.positions = (
            LearnedPositions(max_len, embed_dim) if positions == "learned" else SinusoidPositions()
        )
        self.encoder = TransformerEncoder.plain(
            embed_dim,
            num_layers=num_layers,
            num_heads=num_heads,
            feedforward_dim=4 * embed_dim if feedforward_dim is None else feedforward_dim,
            norm=PreNorm,
            dropout=dropout,
        )
        self.num_features = num_features
        self.output = nn.Linear(embed_dim + num_features, num_outputs)
        self.dropout = Dropout(dropout)

    def forward(
        self, left: Tokens, right: Tokens, features: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each pair.

        Raises:
            ValueError: there are not `num_features` features, or the texts are longer than there
                are learnt positions.
        """
        if features.shape[-1] != self.num_features:
            raise ValueError(f"features must be {self.num_features} wide; got {features.shape[-1]}")
        sequence, mask = self._joined(left, right)
        read = self.encoder(self.dropout(sequence), mask)[:, 0]
        told = torch.cat([read, features.to(read.dtype)], dim=-1)
        logits: Tensor = self.output(self.dropout(told))
        return logits

    def matrix(self, left: Tokens, right: Tokens) -> Float[Tensor, "batch left right"]:
        """Return how much of the last layer's attention left positions have for right ones.

        The mean over the heads; what a position has for its own text and for the two vectors
        between is left out, so rows do not sum to one.
        """
        sequence, mask = self._joined(left, right)
        (batch, left_len), right_len = left.ids.shape, right.ids.shape[1]
        # Where the batch is padded more than to the longest pair, rows are missing.
        num_rows = min(left_len, sequence.shape[1] - 1)
        asked = 1 + torch.arange(num_rows, device=sequence.device)
        heads = self.encoder.last_weights(sequence, mask, rows=asked)
        rows = F.pad(heads.float().mean(dim=1), (0, 0, 0, left_len - num_rows))
        lengths = _lengths(left)
        columns = lengths.unsqueeze(1) + 2 + torch.arange(right_len, device=lengths.device)
        columns = columns.clamp(max=sequence.shape[1] - 1).unsqueeze(1)
        weights = rows.gather(2, columns.expand(batch, left_len, right_len))
        return weights.masked_fill(~(masks.real(left).transpose(1, 2) & masks.real(right)), 0)

    def _joined(self, left: Tokens, right: Tokens) -> tuple[Tensor, Tensor]:
        """Return what the layers read of each pair, padded at its end, and whom they may read."""
        lengths = _lengths(left) + _lengths(right) + 2
        (batch, left_len), right_len = left.ids.shape, right.ids.shape[1]
        of_left, of_right = (
            self.embedding(text.ids) + side
            for text, side in zip((left, right), self.sides, strict=True)
        )
        first, separator = (vector.expand(batch, 1, -1) for vector in (self.first, self.separator))
        apart = torch.cat([first, of_left, separator, of_right], dim=1)
        length = left_len + right_len + 2
        if batch and not torch.compiler.is_compiling():
            length = int(lengths.max())  # no longer than the longest pair
        # Behind its last word the left text's padding is passed over.
        position = torch.arange(length, device=lengths.device)
        end = _lengths(left).unsqueeze(1)
        index = (position + (position > end) * (left_len - end)).clamp(max=apart.shape[1] - 1)
        joined = apart.gather(1, index.unsqueeze(2).expand(-1, -1, apart.shape[2]))
        return self.positions(joined), masks.padding(lengths, length)


def _lengths(text: Tokens) -> Tensor:
    return text.lengths.to(text.ids.device)
