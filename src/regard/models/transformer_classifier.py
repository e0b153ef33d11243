"""Classification by a Transformer's encoder, pooled by a learned query or read at its first token.

Vaswani et al. 2017 (the encoder); Devlin et al. 2019 (a token in front that stands for the text).
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import PAD, Tokens
from regard.nn.attention_pooling import AttentionPooling
from regard.nn.dropout import Dropout
from regard.nn.norms import PreNorm
from regard.nn.pooling import Pooling, check_pooled_width
from regard.nn.positions import LearnedPositions, SinusoidPositions
from regard.nn.transformer import TransformerEncoder

__all__ = ["TransformerClassifier"]


class TransformerClassifier(nn.Module):
    """Let the words of a text attend to each other in layers, and pool them.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes, else one a class.
        feedforward_dim: of each layer; four times `embed_dim` if not given.
        positions: sinusoids, or vectors that are learnt for `max_len` positions.
        pooling: of vectors of width `embed_dim`; attention with a learned query if not given.
            "first" reads a learnt vector that is put in front of the text.
        dropout: on embeddings, in each layer and on what is pooled.

    Source: Vaswani et al. 2017, section 3; Devlin et al. 2019, section 3.
    Differs: layers are normalised first (see `PreNorm`), and the embeddings, drawn with
    deviation 1, are not scaled. With a vocabulary of 10,000 words, one output and all else as it is
    there are 1,693,569 parameters.

    Raises:
        ValueError: `pooling` is of another width.
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
        pooling: Pooling | Literal["first"] | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, embed_dim, padding_idx=PAD)
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
        self.first: nn.Parameter | None = None
        self.pooling: Pooling | None = None
        if pooling == "first":
            self.first = nn.Parameter(torch.randn(embed_dim))
        else:
            self.pooling = AttentionPooling(embed_dim, embed_dim) if pooling is None else pooling
            check_pooled_width(self.pooling, embed_dim)
        pooled_dim = embed_dim if self.pooling is None else self.pooling.output_dim
        self.output = nn.Linear(pooled_dim, num_outputs)
        self.dropout = Dropout(dropout)

    def forward(self, text: Tokens) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each text.

        Raises:
            ValueError: a text is longer than there are learnt positions.
        """
        sequence, mask = self._embed(text)
        read = self.encoder(self.dropout(sequence), mask)
        pooled = read[:, 0] if self.pooling is None else self.pooling(read, _lengths(text))
        logits: Tensor = self.output(self.dropout(pooled))
        return logits

    def weights(self, text: Tokens) -> Float[Tensor, "batch length"]:
        """Return how much each word counts in the pooling.

        Without a pooling, how much of the last layer's attention the first token has for each word,
        of what it has for words, the mean over the heads.
        """
        sequence, mask = self._embed(text)
        if self.pooling is None:
            return self._of_first_token(sequence, mask)
        weights = self.pooling.weights(self.encoder(sequence, mask), _lengths(text))
        return weights.squeeze(1).float()

    def _of_first_token(self, sequence: Tensor, mask: Tensor) -> Float[Tensor, "batch length"]:
        heads = self.encoder.last_weights(sequence, mask, rows=[0])
        of_words = heads.float().mean(dim=1)[:, 0, 1:]
        total = of_words.sum(dim=-1, keepdim=True)
        return of_words / total.masked_fill(total == 0, 1)

    def _embed(self, text: Tokens) -> tuple[Tensor, Tensor]:
        """Return what the layers read, a vector in front where there is one, and whom they may."""
        embedded = self.positions(self.embedding(text.ids))
        lengths = _lengths(text)
        if self.first is not None:
            first = self.first.expand(embedded.shape[0], 1, -1)
            embedded, lengths = torch.cat([first, embedded], dim=1), lengths + 1
        return embedded, masks.padding(lengths, embedded.shape[1])


def _lengths(text: Tokens) -> Tensor:
    return text.lengths.to(text.ids.device)
