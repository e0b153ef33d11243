"""Classification by a hierarchy: attention over the words of a sentence, then over sentences.

Yang et al. 2016 (Hierarchical Attention Networks for Document Classification).
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.interfaces import EOS, PAD, Tokens
from regard.nn.attention_pooling import AttentionPooling
from regard.nn.dropout import Dropout
from regard.nn.embedding import word_embedding
from regard.nn.pooling import Pooling, check_pooled_width
from regard.nn.recurrent import RecurrentLayers

__all__ = ["HierarchicalClassifier"]


class HierarchicalClassifier(nn.Module):
    r"""Read the words of each sentence, pool them, and read and pool the sentences likewise.

    $$s_i = \sum_t w_{it} h_{it}, \quad v = \sum_i p_i h_i$$

    Sentences end in `EOS`, and what stands behind the last `EOS` is one too; those without a word
    are passed over. A word counts as much as its weight in its sentence, times the sentence's.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes, else one a class.
        hidden_dim: width of either reader in each direction.
        word_pooling, sentence_pooling: of the states of words and of sentences, `2 * hidden_dim`
            wide; attention with learned queries of width `2 * hidden_dim` if not given.
        dropout: on embeddings and on what is pooled, at either level.

    Source: Yang et al. 2016, section 2.
    Differs: nothing but dropout. With a vocabulary of 10,000 words and one output there are
    2,141,101 parameters.

    Raises:
        ValueError: a pooling is of another width than what it pools.
    """

    def __init__(
        self,
        *,
        vocab: int,
        num_outputs: int,
        embed_dim: int = 200,
        hidden_dim: int = 50,
        cell: Literal["gru", "lstm"] = "gru",
        word_pooling: Pooling | None = None,
        sentence_pooling: Pooling | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.embedding = word_embedding(vocab, embed_dim)
        self.words = _Level(embed_dim, hidden_dim, cell, word_pooling)
        self.sentences = _Level(self.words.pooling.output_dim, hidden_dim, cell, sentence_pooling)
        self.output = nn.Linear(self.sentences.pooling.output_dim, num_outputs)
        self.dropout = Dropout(dropout)

    def forward(self, text: Tokens) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each text; one without a word has those of a pooled vector of 0."""
        if torch.compiler.is_exporting():
            documents, counts = self._exported_documents(text)
        else:
            sentences = _sentences(text)
            vectors = [self._vectors(group.ids, group.lengths) for group in _groups(sentences)]
            documents, counts = self._documents(sentences, vectors)
        pooled = self.sentences(self.dropout(documents), counts)
        logits: Tensor = self.output(self.dropout(pooled))
        return logits

    def weights(self, text: Tokens) -> Float[Tensor, "batch length"]:
        """Return how much each word counts: its share of its sentence times the sentence's."""
        sentences = _sentences(text)
        of_words = self.embedding.weight.new_zeros(text.ids.numel())
        vectors = []
        for group in _groups(sentences):
            embedded = self.embedding(group.ids)
            vectors.append(self.words(embedded, group.lengths))
            weights = self.words.weights(embedded, group.lengths)
            of_words[group.origins] = weights[group.rows, group.places].to(of_words.dtype)
        documents, counts = self._documents(sentences, vectors)
        of_sentences = self.sentences.weights(documents, counts).to(of_words.dtype)
        of_their_sentence = of_sentences[sentences.document, sentences.place][sentences.of_word]
        shares = torch.zeros_like(of_words)
        shares[sentences.origins] = of_words[sentences.origins] * of_their_sentence
        return shares.view(text.ids.shape)

    def _vectors(
        self, ids: Int[Tensor, "sentences length"], lengths: Int[Tensor, " sentences"]
    ) -> Float[Tensor, "sentences width"]:
        """Return what is read of each sentence."""
        vectors: Tensor = self.words(self.dropout(self.embedding(ids)), lengths)
        return vectors

    def _exported_documents(
        self, text: Tokens
    ) -> tuple[Float[Tensor, "batch sentences width"], Int[Tensor, " batch"]]:
        """Read all sentences in one group: a program has no loop over groups."""
        ids, lengths = _grid(text)
        vectors = self._vectors(ids.flatten(0, 1), lengths.flatten())
        return vectors.unflatten(0, lengths.shape), (lengths > 0).sum(dim=1)

    def _documents(
        self, sentences: "_Sentences", vectors: list[Tensor]
    ) -> tuple[Float[Tensor, "batch sentences width"], Int[Tensor, " batch"]]:
        """Put the vectors of all groups into their texts; return how many each text has."""
        counts = sentences.counts
        longest = int(counts.max()) if len(counts) else 0
        width = self.words.pooling.output_dim
        if not vectors:
            return self.embedding.weight.new_zeros(len(counts), longest, width), counts
        rows = (sentences.document * longest + sentences.place)[_by_size(sentences.lengths)]
        grouped = torch.cat(vectors)
        padded = grouped.new_zeros(len(counts) * longest, width).index_copy(0, rows, grouped)
        return padded.view(len(counts), longest, width), counts


class _Level(nn.Module):
    """Read a sequence in both directions, and pool its states."""

    def __init__(
        self, input_dim: int, hidden_dim: int, cell: Literal["gru", "lstm"], pooling: Pooling | None
    ) -> None:
        super().__init__()
        self.encoder = RecurrentLayers(input_dim, hidden_dim, cell=cell)
        states_dim = self.encoder.output_dim
        self.pooling = AttentionPooling(states_dim, states_dim) if pooling is None else pooling
        check_pooled_width(self.pooling, states_dim)

    def forward(self, sequence: Tensor, lengths: Tensor) -> Float[Tensor, "batch width"]:
        states, _ = self.encoder(sequence, lengths)
        pooled: Tensor = self.pooling(states, lengths)
        return pooled

    def weights(self, sequence: Tensor, lengths: Tensor) -> Float[Tensor, "batch length"]:
        states, _ = self.encoder(sequence, lengths)
        return self.pooling.weights(states, lengths).squeeze(1)


class _Sentences(NamedTuple):
    """The sentences of some texts that have words, in their order, and their words in theirs."""

    ids: Int[Tensor, " words"]
    origins: Int[Tensor, " words"]
    """Where in the batch, laid flat, each word stands."""
    of_word: Int[Tensor, " words"]
    """The sentence of each word."""
    word_place: Int[Tensor, " words"]
    """Where each word stands in its sentence."""
    lengths: Int[Tensor, " sentences"]
    document: Int[Tensor, " sentences"]
    place: Int[Tensor, " sentences"]
    """Where each sentence stands in its text."""
    counts: Int[Tensor, " batch"]
    """How many sentences each text has."""


class _Group(NamedTuple):
    """Sentences of about the same length, padded; where each of their words stands, and did."""

    ids: Int[Tensor, "sentences length"]
    lengths: Int[Tensor, " sentences"]
    rows: Int[Tensor, " words"]
    places: Int[Tensor, " words"]
    origins: Int[Tensor, " words"]


def _sentences(text: Tokens) -> _Sentences:
    """Cut texts into sentences behind each `EOS`."""
    batch, length = text.ids.shape
    real = masks.real(text).squeeze(1)
    ends = real & (text.ids == EOS)
    number = ends.cumsum(dim=1) + (length + 1) * torch.arange(batch, device=ends.device).unsqueeze(
        1
    )
    words = (real & ~ends).flatten()
    origins = words.nonzero().squeeze(1)
    numbers, of_word, lengths = number.flatten()[origins].unique_consecutive(
        return_inverse=True, return_counts=True
    )
    document = numbers // (length + 1)
    counts = document.bincount(minlength=batch)
    return _Sentences(
        ids=text.ids.flatten()[origins],
        origins=origins,
        of_word=of_word,
        word_place=_places(of_word, lengths),
        lengths=lengths,
        document=document,
        place=_places(document, counts),
        counts=counts,
    )


def _places(of: Int[Tensor, " items"], counts: Int[Tensor, " owners"]) -> Int[Tensor, " items"]:
    """Count the items of each owner from 0."""
    return torch.arange(len(of), device=of.device) - (counts.cumsum(dim=0) - counts)[of]


def _sizes(lengths: Int[Tensor, " sentences"]) -> Int[Tensor, " sentences"]:
    """Return which power of two holds each length: sentences of one are padded at most to twice."""
    powers = 2 ** torch.arange(32, device=lengths.device)
    return torch.bucketize(lengths, powers)


def _by_size(lengths: Int[Tensor, " sentences"]) -> Int[Tensor, " sentences"]:
    return _sizes(lengths).argsort(stable=True)


def _groups(sentences: _Sentences) -> Iterator[_Group]:
    """Pad sentences with those of about their length, so that one long one is no burden to all."""
    sizes = _sizes(sentences.lengths)
    for size in sizes.unique():
        chosen = sizes == size
        row = chosen.cumsum(dim=0) - 1
        words = chosen[sentences.of_word]
        rows, places = row[sentences.of_word][words], sentences.word_place[words]
        lengths = sentences.lengths[chosen]
        ids = sentences.ids.new_full((len(lengths), int(lengths.max())), PAD)
        ids[rows, places] = sentences.ids[words]
        yield _Group(ids, lengths, rows, places, sentences.origins[words])


def _grid(
    text: Tokens,
) -> tuple[Int[Tensor, "batch sentences length"], Int[Tensor, "batch sentences"]]:
    """Give each sentence a row, those of a text one below the other, as many for each text.

    Return their words, padded to the longest sentence, and how many each has: 0 where a text has no
    more sentences.
    """
    batch, length = text.ids.shape
    position = torch.arange(length, device=text.ids.device)
    real = masks.padding(text.lengths.to(position.device), length).squeeze(1)
    words = real & (text.ids != EOS)
    begins = words & ~F.pad(words, (1, 0))[:, :-1]
    sentence = (begins.cumsum(dim=1) - 1).clamp(min=0)
    start = torch.zeros_like(sentence).scatter_add(1, sentence, begins * position)
    place = position - start.gather(1, sentence)
    num_sentences = _at_least_two(begins.sum(dim=1).max())
    longest = _at_least_two((words * (place + 1)).max())
    # What is no word goes behind all rows, and is cut off.
    num_rows = batch * num_sentences
    row = num_sentences * torch.arange(batch, device=position.device).unsqueeze(1) + sentence
    row = torch.where(words, row, num_rows)
    grid = text.ids.new_full((num_rows + 1, longest), PAD)
    grid = grid.index_put((row, torch.where(words, place, 0)), text.ids)
    sizes = torch.zeros_like(grid[:, 0]).scatter_add(0, row.flatten(), words.flatten().to(grid))
    shape = batch, num_sentences
    return grid[:-1].view(*shape, longest), sizes[:-1].view(shape)


def _at_least_two(size: Int[Tensor, ""]) -> int:
    """Return a size that is in the data, which a program has as an unknown.

    It would not be one program for sizes 0 and 1 and all others.
    """
    unknown = cast(int, size.clamp(min=2).item())
    torch._check(unknown >= 2)  # noqa: SLF001  public, as its documentation says
    return unknown
