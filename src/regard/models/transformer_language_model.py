"""A language model: a Transformer's decoder that has nothing but what it has written to look at.

Radford et al. 2019 (GPT-2); Vaswani et al. 2017 (the decoder).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import PAD, Memory, Predictions, Tokens
from regard.nn.dropout import Dropout
from regard.nn.initial import draw_weights
from regard.nn.norms import PreNorm
from regard.nn.positions import SinusoidPositions
from regard.nn.transformer import TransformerDecoder, check_rows

__all__ = ["TransformerLanguageModel", "WrittenState"]


class WrittenState(NamedTuple):
    """What each layer keeps of the text so far, a row per hypothesis."""

    written: tuple[Memory, ...]


class TransformerLanguageModel(nn.Module):
    r"""Predict each token of a text from those before it.

    $$p(x_1, x_2, \dots) = \prod_i p(x_i \mid x_1, \dots, x_{i-1})$$

    As a `StepDecoder` it starts from empty sources; what is to be continued is the prefix of
    `regard.decoding.Constrained`. So there is nothing that alignments could be to: where it looks
    among what it has written, `regard.record` shows.

    Args:
        vocab: size of the vocabulary.
        embed_dim: width of the embeddings and of every layer.
        decoder: one without a source; three plain layers of 8 heads, normalised first, if not
            given.
        positions: makes what tells positions; None where attention tells them itself, by rotating.
        tied: predict with the embeddings (Press & Wolf 2017).
        dropout: on the sums of embeddings and positions.

    Source: Radford et al. 2019, section 2.3.
    Differs: as it is, positions are sinusoids, layers transform by a ReLU, and weights are drawn by
    Glorot & Bengio's (2010) rule.

    Raises:
        ValueError: the decoder attends to a source.

    >>> text = Tokens(torch.tensor([[2, 5, 6]]), torch.tensor([3]))
    >>> TransformerLanguageModel(vocab=9, embed_dim=8)(text).shape
    torch.Size([1, 3, 9])
    """

    def __init__(
        self,
        *,
        vocab: int,
        embed_dim: int = 256,
        decoder: TransformerDecoder | None = None,
        positions: Callable[[], nn.Module] | None = SinusoidPositions,
        tied: bool = False,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if decoder is None:
            decoder = TransformerDecoder.plain(embed_dim, has_source=False, norm=PreNorm)
        if decoder.source_attentions:
            raise ValueError(
                "a language model has no source, but its decoder attends to one; make it with "
                "has_source=False, or of layers whose source_attention is None"
            )
        self.embedding = nn.Embedding(vocab, embed_dim, padding_idx=PAD)
        self.positions = None if positions is None else positions()
        self.decoder = decoder
        self.output = nn.Linear(embed_dim, vocab)
        self.dropout = Dropout(dropout)
        self.scale = embed_dim**0.5
        draw_weights(self, embed_dim)
        if tied:
            self.output.weight = self.embedding.weight

    def forward(self, text: Tokens) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of what follows each token."""
        logits: Tensor = self.output(self._read(text))
        return logits

    def predictions(self, text: Tokens) -> Predictions:
        """Return the logits of what follows every real token, padding left out."""
        real = masks.padding(text.lengths.to(text.ids.device), text.ids.shape[1]).squeeze(-2)
        # The vocabulary is the widest map by far: only real tokens pay for it.
        return Predictions(self.output(self._read(text)[real]))

    def start(self, source: Tokens) -> WrittenState:
        """Return the state before the first token, a row for each empty source.

        Raises:
            ValueError: sources are not empty.
        """
        if source.ids.shape[1]:
            raise ValueError(
                "a language model has no source: give empty ones, and as a prefix what it is to "
                f"continue; got a source of {source.ids.shape[1]} tokens"
            )
        return WrittenState(self.decoder.nothing(self.embedding(source.ids)))

    def step(
        self, state: WrittenState, token: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch vocab"], WrittenState]:
        """Read the last token of every row; log-probabilities of the next, and the new state.

        Raises:
            ValueError: there are not as many tokens as rows.
        """
        check_rows(token, state.written)
        num_written = state.written[0].key.shape[-2]
        embedded = self._embedded(token.unsqueeze(1), num_written)
        decoded, readings = self.decoder(embedded, state.written)
        logits: Tensor = self.output(decoded.squeeze(1))
        written = tuple(reading.memory for reading in readings)
        return logits.float().log_softmax(dim=-1), WrittenState(written)

    def reorder(self, state: WrittenState, index: Int[Tensor, " rows"]) -> WrittenState:
        """Return the state whose row i is row `index[i]`."""
        return WrittenState(tuple(memory.rows(index) for memory in state.written))

    def alignment(self, state: WrittenState) -> Float[Tensor, "batch source"]:
        """Return where each row looked in its source: nowhere, since that is empty."""
        return torch.zeros(len(state.written[0].key), 0, device=state.written[0].key.device)

    def _read(self, text: Tokens) -> Float[Tensor, "batch length embed"]:
        """Return what the token after each is predicted from."""
        decoded: Tensor = self.decoder(self._embedded(text.ids))[0]
        return decoded

    def _embedded(
        self, ids: Int[Tensor, "batch length"], first: int = 0
    ) -> Float[Tensor, "batch length embed"]:
        """Return the embeddings of tokens that stand from place `first` on."""
        embedded = self.embedding(ids) * self.scale
        placed: Tensor = embedded if self.positions is None else self.positions(embedded, first)
        dropped: Tensor = self.dropout(placed)
        return dropped
