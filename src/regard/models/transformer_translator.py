"""Neural machine translation with attention alone.

An encoder whose positions read from each other; a decoder whose positions read from those before
them and from the encoder's. Vaswani et al. 2017.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.masks import Window
from regard.interfaces import PAD, Memory, Predictions, Tokens
from regard.nn.dropout import Dropout
from regard.nn.initial import draw_weights
from regard.nn.positions import SinusoidPositions
from regard.nn.sharing import Sharing
from regard.nn.transformer import (
    Source,
    TransformerDecoder,
    TransformerEncoder,
    TransformerState,
    check_rows,
)

__all__ = ["TransformerTranslator"]


class TransformerTranslator(nn.Module):
    r"""Translate with a Transformer.

    Args:
        source_vocab, target_vocab: sizes of the vocabularies.
        embed_dim: width of the word embeddings and of every layer.
        encoder: reads the source; three plain layers of 8 heads, if not given.
        decoder: writes the target; likewise.
        positions: makes what tells positions, on either side; None where attention tells them
            itself (`RotaryScore`).
        reach: how many positions on either side those of the source see; all if not given.
        tied: predict with the target embeddings (Press & Wolf 2017).
        shared: read the source with the target embeddings; of one vocabulary.
        aligned_by: the layer, from 0 or from the end, whose attention to the source, the mean over
            the heads, is the alignment; `align_by` chooses another, or a head.
        dropout: on the sums of embeddings and positions.

    Source: Vaswani et al. 2017, section 3.
    Differs: without anything given, it is as deep and wide as tutorials make it. With learnt
    positions up to 100 and vocabularies of 7,853 and 5,893 words there are then 9,038,341
    parameters.

    Raises:
        ValueError: `shared` with vocabularies of two sizes; a layer of the decoder attends to no
            source.
        IndexError: there is no layer `aligned_by`.
    """

    def __init__(
        self,
        *,
        source_vocab: int,
        target_vocab: int,
        embed_dim: int = 256,
        encoder: TransformerEncoder | None = None,
        decoder: TransformerDecoder | None = None,
        positions: Callable[[], nn.Module] | None = SinusoidPositions,
        reach: int | None = None,
        tied: bool = False,
        shared: bool = False,
        aligned_by: int = -1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if shared and source_vocab != target_vocab:
            raise ValueError(
                "shared embeddings are of one vocabulary; there are "
                f"{source_vocab} and {target_vocab} words"
            )
        if decoder is not None and len(decoder.source_attentions) < len(decoder.layers):
            raise ValueError(
                "every layer of a translator's decoder attends to the source; give each a "
                "source_attention, or make the decoder with has_source=True"
            )
        self.source_embedding = nn.Embedding(source_vocab, embed_dim, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_vocab, embed_dim, padding_idx=PAD)
        self.source_positions = None if positions is None else positions()
        self.target_positions = None if positions is None else positions()
        self.encoder = TransformerEncoder.plain(embed_dim) if encoder is None else encoder
        self.decoder = TransformerDecoder.plain(embed_dim) if decoder is None else decoder
        self.output = nn.Linear(embed_dim, target_vocab)
        self.dropout = Dropout(dropout)
        self.scale = embed_dim**0.5
        self.reach = reach
        self.align_by(aligned_by)
        draw_weights(self, embed_dim)
        if tied:
            self.output.weight = self.target_embedding.weight
        if shared:
            self.source_embedding.weight = self.target_embedding.weight

    def align_by(self, layer: int, head: int | None = None) -> None:
        """Choose whose attention to the source is the alignment from here on.

        Args:
            layer: from 0, or from the end.
            head: likewise; the mean over all if not given.

        Raises:
            IndexError: there is no such layer or head.
        """
        attentions = self.decoder.source_attentions
        self.aligned_by = range(len(attentions))[layer]
        num_heads = attentions[layer].num_heads
        self.aligned_head = None if head is None else range(num_heads)[head]

    def start(self, source: Tokens) -> TransformerState:
        """Read the sources; the state before the first token."""
        memories = self._read(source)
        batch, width = source.ids.shape[0], self.source_embedding.embedding_dim
        sharing = Sharing.one_each(batch, source.ids.device)
        asked = self.source_embedding.weight.new_zeros(batch, 1, width)
        return TransformerState(self.decoder.nothing(asked[:, :0]), memories, sharing, asked)

    def forward(self, source: Tokens, target: Tokens) -> Float[Tensor, "batch target target_vocab"]:
        """Return the logits of each next target token, given the tokens before it."""
        logits: Tensor = self.output(self._written(source, target))
        return logits

    def predictions(self, source: Tokens, target: Tokens) -> Predictions:
        """Return the logits of the next token after every real target token, padding left out."""
        real = masks.padding(target.lengths.to(target.ids.device), target.ids.shape[1]).squeeze(-2)
        # The vocabulary is the widest map by far: only real tokens pay for it.
        return Predictions(self.output(self._written(source, target)[real]))

    def step(
        self, state: TransformerState, token: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch target_vocab"], TransformerState]:
        """Read the last token of every row; log-probabilities of the next, and the new state.

        Raises:
            ValueError: there are not as many tokens as rows.
        """
        check_rows(token, state.written)
        embedded = self._embedded(
            token.unsqueeze(1), self.target_embedding, self.target_positions, state.num_written
        )
        sources = [Source(memory, state.sharing) for memory in state.sources]
        decoded, readings = self.decoder(embedded, state.written, sources)
        logits: Tensor = self.output(decoded.squeeze(1))
        written = tuple(reading.memory for reading in readings)
        asked = readings[self.aligned_by].asked
        return logits.float().log_softmax(dim=-1), state._replace(written=written, asked=asked)

    def reorder(self, state: TransformerState, index: Int[Tensor, " rows"]) -> TransformerState:
        """Return the state whose row i is row `index[i]`."""
        sources = state.sources
        sharing, alive = state.sharing.reordered(index, len(sources[0].key))
        if alive is not None:
            sources = tuple(each.rows(alive) for each in sources)
        written = tuple(each.rows(index) for each in state.written)
        return TransformerState(written, sources, sharing, state.asked[index])

    def alignment(self, state: TransformerState) -> Float[Tensor, "batch source"]:
        """Return where each row looked in its last step."""
        attention = self.decoder.source_attentions[self.aligned_by]
        asked = state.sharing.spread(state.asked)
        weights = attention.weights(asked, state.sources[self.aligned_by]).float()
        looked = weights.mean(-3) if self.aligned_head is None else weights[:, self.aligned_head]
        return state.sharing.collected(looked).squeeze(1)

    def _read(self, source: Tokens) -> tuple[Memory, ...]:
        """Return what each layer of the decoder reads of the sources."""
        embedded = self._embedded(source.ids, self.source_embedding, self.source_positions)
        mask = masks.padding(source.lengths.to(source.ids.device), source.ids.shape[1])
        within = mask if self.reach is None else Window(self.reach, self.reach, mask)
        return self.decoder.memories(self.encoder(embedded, within), mask)

    def _written(self, source: Tokens, target: Tokens) -> Float[Tensor, "batch target embed"]:
        """Return what each next target token is predicted from."""
        sharing = Sharing.one_each(source.ids.shape[0], source.ids.device)
        sources = [Source(memory, sharing) for memory in self._read(source)]
        embedded = self._embedded(target.ids, self.target_embedding, self.target_positions)
        decoded: Tensor = self.decoder(embedded, None, sources)[0]
        return decoded

    def _embedded(
        self,
        ids: Int[Tensor, "batch length"],
        embedding: nn.Embedding,
        positions: nn.Module | None,
        first: int = 0,
    ) -> Float[Tensor, "batch length embed"]:
        """Return the embeddings of tokens that stand from place `first` on."""
        embedded = embedding(ids) * self.scale
        placed: Tensor = embedded if positions is None else positions(embedded, first)
        dropped: Tensor = self.dropout(placed)
        return dropped
