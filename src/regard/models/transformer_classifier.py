"""Classification by a Transformer's encoder, pooled by a learned query or read at its first token.

Vaswani et al. 2017 (the encoder); Devlin et al. 2019 (a token in front that stands for the text).
"""

import math
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import PAD, Tokens
from regard.nn.attention_pooling import AttentionPooling
from regard.nn.pooling import Pooling, check_pooled_width
from regard.nn.transformer import EncoderLayer

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
    Differs: layers are normalised first (see `EncoderLayer`), and the embeddings, drawn with
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
        self.positions = nn.Embedding(max_len, embed_dim) if positions == "learned" else None
        self.layers = nn.ModuleList(
            EncoderLayer(embed_dim, num_heads, feedforward_dim=feedforward_dim, dropout=dropout)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.first: nn.Parameter | None = None
        self.pooling: Pooling | None = None
        if pooling == "first":
            self.first = nn.Parameter(torch.randn(embed_dim))
        else:
            self.pooling = AttentionPooling(embed_dim, embed_dim) if pooling is None else pooling
            check_pooled_width(self.pooling, embed_dim)
        pooled_dim = embed_dim if self.pooling is None else self.pooling.output_dim
        self.output = nn.Linear(pooled_dim, num_outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text: Tokens) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each text.

        Raises:
            ValueError: a text is longer than there are learnt positions.
        """
        sequence, mask = self._embed(text)
        sequence = self.dropout(sequence)
        for layer in self.layers:
            sequence = layer(sequence, mask)
        read = self.norm(sequence)
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
        for layer in self.layers:
            sequence = layer(sequence, mask)
        weights = self.pooling.weights(self.norm(sequence), _lengths(text))
        return weights.squeeze(1).float()

    def _of_first_token(self, sequence: Tensor, mask: Tensor) -> Float[Tensor, "batch length"]:
        *before, last = cast(list[EncoderLayer], list(self.layers))
        for layer in before:
            sequence = layer(sequence, mask)
        normed = last.attention_norm(sequence)
        heads: Tensor = last.attention.weights(normed[:, :1], normed, normed, mask=mask)
        of_words = heads.float().mean(dim=1)[:, 0, 1:]
        total = of_words.sum(dim=-1, keepdim=True)
        return of_words / total.masked_fill(total == 0, 1)

    def _embed(self, text: Tokens) -> tuple[Tensor, Tensor]:
        """Return what the layers read, a vector in front where there is one, and whom they may."""
        embedded = self.embedding(text.ids)
        embedded = embedded + self._positions(embedded)
        lengths = _lengths(text)
        if self.first is not None:
            first = self.first.expand(len(embedded), 1, -1)
            embedded, lengths = torch.cat([first, embedded], dim=1), lengths + 1
        return embedded, masks.padding(lengths, embedded.shape[1])

    def _positions(
        self, embedded: Float[Tensor, "batch length embed"]
    ) -> Float[Tensor, "length embed"]:
        _, length, embed_dim = embedded.shape
        if self.positions is None:
            return _sinusoids(length, embed_dim, embedded)
        if length > self.positions.num_embeddings:
            raise ValueError(
                f"there are {self.positions.num_embeddings} learnt positions (max_len); got a text "
                f"of {length} tokens. Cut it, or use sinusoids, which have no end."
            )
        learnt: Tensor = self.positions.weight[:length]
        return learnt


def _lengths(text: Tokens) -> Tensor:
    return text.lengths.to(text.ids.device)


def _sinusoids(length: int, width: int, like: Tensor) -> Float[Tensor, "length width"]:
    """Return sines, then cosines, of positions at falling frequencies (Vaswani et al., 3.5)."""
    half = (width + 1) // 2
    frequency = torch.exp(torch.arange(half, device=like.device) * (-math.log(10000.0) / half))
    angles = torch.arange(length, device=like.device).unsqueeze(1) * frequency
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[:, :width].to(like.dtype)
