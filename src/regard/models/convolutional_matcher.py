"""Matching two texts by convolutions that attend to each other, at the level of words and above.

Yin et al. 2016 (ABCNN: Attention-Based Convolutional Neural Network for Modeling Sentence Pairs).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.matching import match, total_average, window_average
from regard.interfaces import Tokens
from regard.nn.abcnn import AttentionMaps, ColumnWeights, PairConvolution, both_real
from regard.nn.comparisons import Comparison, SimilarityComparison
from regard.nn.dropout import Dropout
from regard.nn.embedding import word_embedding
from regard.nn.scores import ScoreModule

__all__ = ["BlockMatrices", "ConvolutionalMatcher"]

KINDS = ("bcnn", "abcnn1", "abcnn2", "abcnn3")

Both = tuple[Tensor, Tensor]


class BlockMatrices(NamedTuple):
    """How the two texts match in one block; padding has 0 everywhere.

    Args:
        maps: the positions that it reads, where it has attention maps (ABCNN-1 and -3).
        columns: the n-grams that it makes of them, `window - 1` more than positions, by which it
            weighs them, where it does (ABCNN-2 and -3). Column `i` ends in position `i`.
        windows: the positions that it gives, by their distance; nothing attends by it.
    """

    maps: Float[Tensor, "batch left right"] | None
    columns: Float[Tensor, "batch left_columns right_columns"] | None
    windows: Float[Tensor, "batch left right"]


class ConvolutionalMatcher(nn.Module):
    r"""Convolve two texts alike, level upon level, and compare what each level is on average.

    $$\operatorname{logits} = W [c_0; \dots; c_n; f] + b, \quad
    c_k = \left[\cos(l_k, r_k); \frac{1}{1 + \lVert l_k - r_k \rVert}\right]$$

    with $l_k$ and $r_k$ the average of all columns of level $k$ of either text, level 0 being that
    of the embeddings, and $f$ what else is known of the pair. `named` makes BCNN and the ABCNNs.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes and for grades, else one a class.
        blocks: the levels above the embeddings, each on the one before; one plain block of 50
            features of 4 positions (BCNN) if not given.
        comparison: makes what tells how the texts compare at one level, of vectors of a given
            width; how similar their averages are, as published, if not given.
        hidden_dim: width of a layer between what is told and the output; none, as published, if not
            given.
        num_features: what else is known of each pair.
        dropout: on what is compared, and on the features. There is none on embeddings: twice the
            same word would no longer be at distance 0.

    Source: Yin et al. 2016, sections 3 to 5.
    Differs: the output layer, a logistic regression, is trained with all else. With a vocabulary of
    10,000 words, one output and all else as it is there are 1,020,055 parameters.
    Cost: see `PairConvolution`.

    Raises:
        ValueError: there is no block, or one does not fit what it stands on.

    >>> matcher = ConvolutionalMatcher.named("abcnn3", vocab=9, num_outputs=1, num_blocks=2)
    >>> text = Tokens(torch.tensor([[4, 5, 6]]), torch.tensor([3]))
    >>> matcher(text, text, torch.zeros(1, 0)).shape, matcher.matrix(text, text).shape
    (torch.Size([1, 1]), torch.Size([1, 3, 3]))
    """

    def __init__(
        self,
        *,
        vocab: int,
        num_outputs: int,
        embed_dim: int = 100,
        blocks: Sequence[PairConvolution] | None = None,
        comparison: Callable[[int], Comparison] = SimilarityComparison,
        hidden_dim: int | None = None,
        num_features: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        blocks = [PairConvolution(embed_dim, 50, 4)] if blocks is None else blocks
        _check_fit(blocks, embed_dim)
        self.embedding = word_embedding(vocab, embed_dim)
        self.blocks = nn.ModuleList(blocks)
        levels = [comparison(width) for width in (embed_dim, *map(_output_dim, blocks))]
        self.comparisons = nn.ModuleList(levels)
        self.num_features = num_features
        told_dim = sum(level.output_dim for level in levels) + num_features
        self.hidden = None if hidden_dim is None else nn.Linear(told_dim, hidden_dim)
        self.output = nn.Linear(told_dim if hidden_dim is None else hidden_dim, num_outputs)
        self.dropout = Dropout(dropout)

    @classmethod
    def named(
        cls,
        kind: Literal["bcnn", "abcnn1", "abcnn2", "abcnn3"],
        *,
        embed_dim: int = 100,
        channels: int = 50,
        window: int = 4,
        num_blocks: int = 1,
        max_len: int = 256,
        score: Callable[[int], ScoreModule] | None = None,
        **others: Any,
    ) -> "ConvolutionalMatcher":
        """Make one of the paper's networks, all blocks alike.

        Args:
            kind: without attention (bcnn), with attention maps before each convolution (abcnn1),
                with columns that are weighed after it (abcnn2), or with both (abcnn3).
            channels: features of a block.
            window: how many positions an n-gram has, and columns a window.
            max_len: positions of the longest text, where there are attention maps.
            score: makes what matches vectors of a given width, a new one for each block and place;
                that of the paper, `DistanceScore`, if not given.
            others: all else that the class takes.

        Raises:
            ValueError: `kind` is none of these, or there are no blocks.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")

        def made(width: int) -> ScoreModule | None:
            return None if score is None else score(width)

        blocks = []
        for width in [embed_dim, *[channels] * (num_blocks - 1)][:num_blocks]:
            maps = weighs = None
            if kind in ("abcnn1", "abcnn3"):
                maps = AttentionMaps(width, max_len, score=made(width))
            if kind in ("abcnn2", "abcnn3"):
                weighs = ColumnWeights(score=made(channels))
            blocks.append(PairConvolution(width, channels, window, maps=maps, weighs=weighs))
        return cls(embed_dim=embed_dim, blocks=blocks, **others)

    def forward(
        self, left: Tokens, right: Tokens, features: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each pair; an empty text is on average 0 at every level.

        Raises:
            ValueError: there are not `num_features` features, or a text has more positions than
                attention maps know.
        """
        if features.shape[-1] != self.num_features:
            raise ValueError(f"features must be {self.num_features} wide; got {features.shape[-1]}")
        texts, lengths = self._embedded(left, right)
        averages = [
            total_average(text, masks.padding(length, text.shape[1]).squeeze(1))
            for text, length in zip(texts, lengths, strict=True)
        ]
        comparisons = iter(self.comparisons)
        told = [next(comparisons)((averages[0], averages[1]), texts, lengths)]
        for block, comparison in zip(self.blocks, comparisons, strict=True):
            texts, of_columns = block(texts, lengths)
            told.append(comparison(of_columns, texts, lengths))
        known = self.dropout(torch.cat([*told, features.to(told[0].dtype)], dim=-1))
        if self.hidden is not None:
            known = self.dropout(torch.tanh(self.hidden(known)))
        logits: Tensor = self.output(known)
        return logits

    def matrix(self, left: Tokens, right: Tokens) -> Float[Tensor, "batch left right"]:
        """Return how well each position of the one matches each of the other.

        Where there are attention maps, by those of the lowest block. Where columns are weighed, by
        those of the highest block: the average over the `window` x `window` n-grams that two
        positions have a part in. Else nothing attends, and it is how close the positions of the
        highest block are to each other.
        """
        blocks = self.matrices(left, right)
        for block in blocks:
            if block.maps is not None:
                return block.maps.float()
        for block, layer in zip(reversed(blocks), reversed(self.blocks), strict=True):
            if block.columns is not None:
                window = cast(PairConvolution, layer).convolution.window
                # Columns that begin in a text and end behind it are of padding, too.
                is_real = both_real(_lengths(left, right), (left.ids, right.ids))
                return _of_positions(block.columns.float(), window).masked_fill(~is_real, 0)
        return blocks[-1].windows.float()

    def matrices(self, left: Tokens, right: Tokens) -> list[BlockMatrices]:
        """Return how the two texts match in each block, from the lowest to the highest."""
        matrices = []
        texts, lengths = self._embedded(left, right)
        real = both_real(lengths, texts)
        for block in cast(list[PairConvolution], list(self.blocks)):
            maps = None if block.maps is None else block.maps.weights(*texts, real)
            columns = None
            if block.weighs is not None:
                ngrams, num_ngrams = block.columns(texts, lengths)
                columns = block.weighs.weights(*ngrams, both_real(num_ngrams, ngrams))
            texts, _ = block(texts, lengths)
            matrices.append(BlockMatrices(maps, columns, match(texts[0], texts[1], real)))
        return matrices

    def _embedded(self, left: Tokens, right: Tokens) -> tuple[Both, Both]:
        """Return the vectors of both texts, and their lengths."""
        texts = self.embedding(left.ids), self.embedding(right.ids)
        return texts, _lengths(left, right)


def _of_positions(
    columns: Float[Tensor, "batch left_columns right_columns"], window: int
) -> Float[Tensor, "batch left right"]:
    """Average over the n-grams of two positions: the columns `i` to `i + window - 1` of each."""
    of_left = window_average(columns, window)
    return window_average(of_left.transpose(1, 2), window).transpose(1, 2)


def _lengths(left: Tokens, right: Tokens) -> Both:
    device = left.ids.device
    return left.lengths.to(device), right.lengths.to(device)


def _output_dim(block: PairConvolution) -> int:
    return block.convolution.convolution.out_channels


def _check_fit(blocks: Sequence[PairConvolution], embed_dim: int) -> None:
    """Make sure that each block reads what the one below it gives."""
    if not blocks:
        raise ValueError("there must be at least one block of convolutions; got none")
    given = embed_dim
    for number, block in enumerate(blocks, start=1):
        num_maps = 1 if block.maps is None else 2
        read = block.convolution.convolution.in_channels // num_maps
        if read != given:
            raise ValueError(f"block {number} reads vectors of width {read}; got {given}")
        given = _output_dim(block)
