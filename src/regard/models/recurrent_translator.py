"""Neural machine translation with recurrent networks that look back at the source.

A bidirectional recurrent encoder reads the source; a recurrent decoder writes the target, and reads
from the source through attention at every word. Bahdanau, Cho & Bengio 2015, in the widely taught
form with GRUs, and Luong, Pham & Manning 2015, by which decoder is given.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.interfaces import PAD, Draws, Offers, Predictions, Tokens
from regard.nn.attention import Attention
from regard.nn.decoders import (
    BahdanauDecoder,
    DecoderState,
    LuongDecoder,
    Reading,
    RecurrentDecoder,
)
from regard.nn.dropout import Dropout
from regard.nn.recurrent import RecurrentLayers
from regard.nn.scores import AdditiveScore
from regard.nn.sharing import SharedMemory

__all__ = ["RecurrentTranslator"]

HIDDEN_DIM = 512


class RecurrentTranslator(nn.Module):
    """Translate with a recurrent encoder and an attentive recurrent decoder.

    Args:
        source_vocab, target_vocab: sizes of the vocabularies.
        embed_dim: width of the word embeddings on either side.
        encoder: reads the source; a bidirectional GRU with 512 units each way, if not given.
        decoder: writes the target, with whichever attention; a `BahdanauDecoder` of 512 units with
            an additive score, if not given.
        tied: predict with the target embeddings (Press & Wolf 2017); the decoder's features must
            have their width.
        dropout: on embeddings.

    Source: Bahdanau et al. 2015; Luong et al. 2015.
    Differs: with the decoder that is not given, the output is linear in state, context and
    embedding (no maxout), as tutorials made common. With vocabularies of 7,853 and 5,893 words
    there are then 20,518,405 parameters.

    Raises:
        ValueError: `tied` with features of another width than the embeddings'.
    """

    def __init__(
        self,
        *,
        source_vocab: int,
        target_vocab: int,
        embed_dim: int = 256,
        encoder: RecurrentLayers | None = None,
        decoder: RecurrentDecoder | None = None,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if encoder is None:
            encoder = RecurrentLayers(embed_dim, HIDDEN_DIM, two_biases=True)
        if decoder is None:
            context_dim = encoder.output_dim
            decoder = BahdanauDecoder(
                Attention(AdditiveScore(HIDDEN_DIM, context_dim, HIDDEN_DIM)),
                embed_dim=embed_dim,
                context_dim=context_dim,
                hidden_dim=HIDDEN_DIM,
            )
        if tied and decoder.features_dim != embed_dim:
            raise ValueError(
                "tied output embeddings need a readout of the width of the embeddings, "
                f"{embed_dim}; got {decoder.features_dim}"
            )
        self.dropout = Dropout(dropout)
        self.source_embedding = nn.Embedding(source_vocab, embed_dim, padding_idx=PAD)
        self.encoder = encoder
        self.target_embedding = nn.Embedding(target_vocab, embed_dim, padding_idx=PAD)
        self.decoder = decoder
        self.output = nn.Linear(decoder.features_dim, target_vocab)
        if tied:
            # At the scale of an output layer: embeddings are drawn far wider, too wide for logits.
            nn.init.normal_(self.target_embedding.weight, std=embed_dim**-0.5)
            self.output.weight = self.target_embedding.weight

    def start(self, source: Tokens) -> DecoderState:
        """Read the sources; the state before the first token."""
        embedded = self.dropout(self.source_embedding(source.ids))
        states, final = self.encoder(embedded, source.lengths)
        mask = masks.padding(source.lengths.to(states.device), states.shape[1])
        memory = self.decoder.attention.memory(states, states, mask)
        return self.decoder.start(memory, final)

    def forward(self, source: Tokens, target: Tokens) -> Float[Tensor, "batch target target_vocab"]:
        """Return the logits of each next target token, given the tokens before it."""
        known, _ = self._read(source, target)
        return self._logits(known)

    def predictions(self, source: Tokens, target: Tokens) -> Predictions:
        """Return the logits of the next token after every real target token, padding left out."""
        known, memory = self._read(source, target)
        real = masks.real(target).squeeze(-2)
        # Readout and vocabulary are the widest maps by far: only real tokens pay for them.
        logits = self._logits(known.at(real))
        attention = self.decoder.attention
        choices = attention.choices(memory.memory) if isinstance(attention, Draws) else None
        if choices is None or not isinstance(self.decoder, LuongDecoder):
            return Predictions(logits, choices)
        # Its state is the same, whatever a step then finds.
        with torch.no_grad():
            likely = attention.weights(known.reading.query, memory.memory)
            context = likely.to(memory.memory.value.dtype) @ memory.memory.value
            expected = known._replace(reading=self.decoder.instead(known.reading, context))
            return Predictions(logits, choices, self._logits(expected.at(real)))

    def step(
        self, state: DecoderState, token: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch target_vocab"], DecoderState]:
        """Read the last token of every row; log-probabilities of the next, and the new state."""
        embedded = self.dropout(self.target_embedding(token))
        reading, state = self.decoder(self.decoder.words(embedded), state)
        known = self._known(Reading.stack([reading]), embedded.unsqueeze(1), state.memory)
        return self._logits(known).squeeze(1).float().log_softmax(dim=-1), state

    def reorder(self, state: DecoderState, index: Int[Tensor, " rows"]) -> DecoderState:
        """Return the state whose row i is row `index[i]`."""
        return state.rows(index)

    def alignment(self, state: DecoderState) -> Float[Tensor, "batch source"]:
        """Return where each row looked in its last step."""
        query, memory = state.asked
        return memory.weights(self.decoder.attention, query).squeeze(1).float()

    def _read(self, source: Tokens, target: Tokens) -> tuple["_Known", SharedMemory]:
        """Return what every next token is predicted from, and the memory after the last."""
        state = self.start(source)
        embedded = self.dropout(self.target_embedding(target.ids))
        words = self.decoder.words(embedded)
        readings = []
        # Unbound, not indexed: the gradient of an index is a tensor of zeros for every step.
        for word in words.unbind(dim=1):
            reading, state = self.decoder(word, state)
            readings.append(reading)
        if not readings:  # what a step would be is known by taking one, of which nothing is kept
            reading, _ = self.decoder(words.new_zeros(len(words), words.shape[-1]), state)
            none = Reading.stack([reading]).at((slice(None), slice(0)))
            return self._known(none, embedded, state.memory), state.memory
        return self._known(Reading.stack(readings), embedded, state.memory), state.memory

    def _known(
        self, reading: Reading, embedded: Float[Tensor, "batch target embed"], memory: SharedMemory
    ) -> "_Known":
        """Return what is predicted from: the reading, or several, where it is one of several."""
        attention = self.decoder.attention
        if not isinstance(attention, Offers):
            return _Known(reading, embedded)
        contexts, shares = memory.alternatives(attention, reading.query)
        shape = contexts.shape[:-1]
        query, hidden, embedded = (
            part.unsqueeze(-2).expand(*shape, -1)
            for part in (reading.query, reading.hidden, embedded)
        )
        return _Known(Reading(query, hidden, contexts), embedded, shares)

    def _logits(self, known: "_Known") -> Float[Tensor, "*batch target_vocab"]:
        """Return the logits of the next token; of alternatives, those of all together."""
        logits: Tensor = self.output(self.decoder.features(known.reading, known.embedded))
        return logits if known.shares is None else _mixed(logits, known.shares)


def _mixed(
    logits: Float[Tensor, "*batch alternatives vocab"],
    shares: Float[Tensor, "*batch alternatives"],
) -> Float[Tensor, "*batch vocab"]:
    """Return the logarithms of what alternatives predict together, each with its share."""
    # As probabilities: of logarithms, all would be exponentiated twice. Not in half precision,
    # which knows nothing below 6e-8.
    with torch.autocast(logits.device.type, enabled=False):
        probs = (shares.unsqueeze(-2) @ logits.to(shares.dtype).softmax(-1)).squeeze(-2)
    return probs.clamp(min=torch.finfo(probs.dtype).tiny).log()


class _Known(NamedTuple):
    """What the next tokens are predicted from; of alternatives, on an axis, also their shares."""

    reading: Reading
    embedded: Float[Tensor, "*batch embed"]
    shares: Float[Tensor, "*batch alternatives"] | None = None

    def at(self, real: Bool[Tensor, "batch target"]) -> "_Known":
        """Return those of the positions that are real."""
        shares = None if self.shares is None else self.shares[real]
        return _Known(self.reading.at(real), self.embedded[real], shares)
