"""Classification by convolutions over n-grams, pooled by their maximum or by attention.

Kim 2014 (convolutions of several widths, the largest of each feature over the text); Er et al. 2016
(attention in place of the maximum, queried by a vector of the whole sentence).
"""

from collections.abc import Sequence
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer, Tokens
from regard.nn.attention_pooling import AttentionPooling, QueryPooling
from regard.nn.convolution import NgramConvolution
from regard.nn.dropout import Dropout
from regard.nn.embedding import word_embedding
from regard.nn.pooling import MaxPooling, MeanPooling, Pooling
from regard.nn.recurrent import RecurrentLayers

__all__ = ["ConvolutionalClassifier"]

POOLINGS = ("max", "attention", "mean_query", "lstm_query")


class ConvolutionalClassifier(nn.Module):
    """Read n-grams of several widths, each around a word, and pool the features of each width.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes, else one a class.
        widths: how many words a convolution sees.
        channels: how many features each width has.
        pooling: the maximum of each feature (max), attention with a learned query (attention), or
            attention queried by the mean of the embeddings (mean_query) or by the last states of an
            LSTM (lstm_query).
        attention_dim: width of a learned query, and of the LSTM in each direction.
        normalizer: of the attention, where there is any.
        dropout: on what is pooled.

    Source: Kim 2014, section 2; Er et al. 2016, section 3.
    Differs: a text is padded with zeros on either side, so that there is an n-gram around every
    word. With a vocabulary of 10,000 words, embed_dim 300 and one output there are 3,360,601
    parameters.

    Raises:
        ValueError: `pooling` is none of these.
    """

    def __init__(
        self,
        *,
        vocab: int,
        num_outputs: int,
        embed_dim: int = 100,
        widths: Sequence[int] = (3, 4, 5),
        channels: int = 100,
        pooling: Literal["max", "attention", "mean_query", "lstm_query"] = "max",
        attention_dim: int = 50,
        normalizer: Normalizer = softmax,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}")
        self.embedding = word_embedding(vocab, embed_dim)
        self.convolutions = nn.ModuleList(
            NgramConvolution(embed_dim, channels, width) for width in widths
        )
        self.sentence = _sentence_vector(pooling, embed_dim, attention_dim)

        def made() -> nn.Module:
            if pooling == "max":
                return MaxPooling(channels)
            if self.sentence is None:
                return AttentionPooling(channels, attention_dim, normalizer=normalizer)
            return QueryPooling(channels, self.sentence.output_dim, normalizer=normalizer)

        self.poolings = nn.ModuleList(made() for _ in widths)
        self.output = nn.Linear(channels * len(widths), num_outputs)
        self.dropout = Dropout(dropout)

    def forward(self, text: Tokens) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each text; an empty one has those of a pooled vector of 0."""
        pooled = [
            pooling(*asked) for pooling, asked in zip(self.poolings, self._asked(text), strict=True)
        ]
        logits: Tensor = self.output(self.dropout(torch.cat(pooled, dim=-1)))
        return logits

    def weights(self, text: Tokens) -> Float[Tensor, "batch length"]:
        """Return how much the n-grams around each word count, the mean over their widths."""
        of_widths = [
            cast(Pooling, pooling).weights(*asked).squeeze(1)
            for pooling, asked in zip(self.poolings, self._asked(text), strict=True)
        ]
        return torch.stack(of_widths).float().mean(dim=0)

    def _asked(self, text: Tokens) -> list[tuple[Tensor, ...]]:
        """Return the features of each width, and what else their pooling takes."""
        lengths = text.lengths.to(text.ids.device)
        embedded = self.embedding(text.ids)
        queries: tuple[Tensor, ...] = ()
        if isinstance(self.sentence, RecurrentLayers):
            queries = (self.sentence(embedded, lengths)[1],)
        elif self.sentence is not None:
            queries = (self.sentence(embedded, lengths),)
        return [
            (convolution(embedded, lengths), *queries, lengths) for convolution in self.convolutions
        ]


def _sentence_vector(
    pooling: str, embed_dim: int, hidden_dim: int
) -> RecurrentLayers | MeanPooling | None:
    """Return what makes the query of a text, where its features are asked from outside."""
    if pooling == "mean_query":
        return MeanPooling(embed_dim)
    if pooling == "lstm_query":
        return RecurrentLayers(embed_dim, hidden_dim, cell="lstm")
    return None
