"""Convolutions of two texts that attend to each other: before the convolution, or after it."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.functional.matching import match, total_average, window_average
from regard.nn.scores import DistanceScore, ScoreModule

__all__ = ["AttentionMaps", "ColumnWeights", "PairConvolution", "WideConvolution", "both_real"]

Both = tuple[Tensor, Tensor]


class WideConvolution(nn.Module):
    r"""Read all n-grams of a text, also those that begin before it or end after it.

    $$p_i = \tanh(W [x_{i-w+1}; \dots; x_i] + b), \quad i = 1 \dots T + w - 1$$

    Args:
        input_dim: width of the text's vectors.
        output_dim: number of features.
        window: how many positions an n-gram has.

    Source: Yin et al. 2016 (ABCNN), section 4, eq. of the convolution layer.
    Cost: linear in the length.

    Raises:
        ValueError: the window has no position.

    >>> convolution = WideConvolution(4, 3, 2)
    >>> convolution(torch.zeros(2, 5, 4), torch.tensor([5, 0])).shape
    torch.Size([2, 6, 3])
    """

    def __init__(self, input_dim: int, output_dim: int, window: int) -> None:
        super().__init__()
        if window < 1:
            raise ValueError(f"window must be at least 1; got {window}")
        self.window = window
        self.convolution = nn.Conv1d(input_dim, output_dim, window)

    def forward(
        self, text: Float[Tensor, "batch length input_dim"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch columns output_dim"]:
        """Return the features of each n-gram: 0 beyond those of a text, and of an empty one."""
        real = _real(lengths, text)
        inputs = text.masked_fill(~real.unsqueeze(-1), 0).transpose(1, 2)
        padded = F.pad(inputs, (self.window - 1,) * 2)
        if padded.shape[2] < self.window:  # no text has any position, and n-grams have but one
            return text.new_zeros(*text.shape[:2], self.convolution.out_channels)
        columns = torch.tanh(self.convolution(padded)).transpose(1, 2)
        return columns.masked_fill(~_real(self.columns(lengths), columns).unsqueeze(-1), 0)

    def columns(self, lengths: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """Return how many n-grams there are: of an empty text none."""
        return torch.where(lengths > 0, lengths + self.window - 1, 0)


class AttentionMaps(nn.Module):
    r"""Make of two texts what each knows of the other, as more features of their positions.

    $$A_{ij} = \operatorname{score}(l_i, r_j), \quad L' = A \, W_r, \quad R' = A^\top W_l$$

    A position of the one text is told how well each position of the other matches it; the rows of
    $W$ belong to those positions.

    Args:
        input_dim: width of the vectors, and of the features.
        max_len: positions of the longest text.
        score: between the positions of the two; that of the paper, `DistanceScore`, if not given.

    Source: Yin et al. 2016 (ABCNN), section 5.1 (ABCNN-1).
    Cost: that of the score, and left x right x input_dim operations.

    >>> maps = AttentionMaps(4, max_len=8)
    >>> of_left, of_right = maps(torch.zeros(2, 5, 4), torch.zeros(2, 3, 4))
    >>> of_left.shape, of_right.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 3, 4]))
    """

    def __init__(self, input_dim: int, max_len: int, *, score: ScoreModule | None = None) -> None:
        super().__init__()
        self.score = DistanceScore() if score is None else score
        self.of_left, self.of_right = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(max_len, input_dim))) for _ in range(2)
        )

    def forward(
        self,
        left: Float[Tensor, "batch left input_dim"],
        right: Float[Tensor, "batch right input_dim"],
        mask: Bool[Tensor, "#batch left right"] | None = None,
    ) -> tuple[Float[Tensor, "batch left input_dim"], Float[Tensor, "batch right input_dim"]]:
        """Return the features of the left positions, and of the right.

        Args:
            mask: True where both positions are real.

        Raises:
            ValueError: a text is longer than `max_len`.
        """
        longest = max(left.shape[1], right.shape[1])
        if longest > len(self.of_left):
            raise ValueError(
                f"a text has {longest} positions, more than max_len, {len(self.of_left)}"
            )
        matched = self.weights(left, right, mask)
        of_left = matched @ self.of_right[: right.shape[1]].to(matched.dtype)
        of_right = matched.transpose(1, 2) @ self.of_left[: left.shape[1]].to(matched.dtype)
        return of_left, of_right

    def weights(
        self, left: Tensor, right: Tensor, mask: Tensor | None = None
    ) -> Float[Tensor, "batch left right"]:
        """Return how well the positions match; rows do not sum to one."""
        return match(left, right, mask, score=self.score)


class ColumnWeights(nn.Module):
    r"""Say how much each column of two convolved texts counts: as much as it matches the other.

    $$A_{ij} = \operatorname{score}(l_i, r_j), \quad
    a_i = \sum_j A_{ij}, \quad b_j = \sum_i A_{ij}$$

    Args:
        score: between the columns of the two; that of the paper, `DistanceScore`, if not given.

    Source: Yin et al. 2016 (ABCNN), section 5.2 (ABCNN-2).
    Cost: that of the score.

    >>> of_left, of_right = ColumnWeights()(torch.zeros(1, 2, 4), torch.zeros(1, 3, 4))
    >>> of_left, of_right
    (tensor([[3., 3.]]), tensor([[2., 2., 2.]]))
    """

    def __init__(self, *, score: ScoreModule | None = None) -> None:
        super().__init__()
        self.score = DistanceScore() if score is None else score

    def forward(
        self,
        left: Float[Tensor, "batch left width"],
        right: Float[Tensor, "batch right width"],
        mask: Bool[Tensor, "#batch left right"] | None = None,
    ) -> tuple[Float[Tensor, "batch left"], Float[Tensor, "batch right"]]:
        """Return how much the left columns count, and the right.

        Args:
            mask: True where both columns are real.
        """
        matched = self.weights(left, right, mask)
        return matched.sum(dim=2), matched.sum(dim=1)

    def weights(
        self, left: Tensor, right: Tensor, mask: Tensor | None = None
    ) -> Float[Tensor, "batch left right"]:
        """Return how well the columns match; rows do not sum to one."""
        return match(left, right, mask, score=self.score)


class PairConvolution(nn.Module):
    """Convolve two texts alike and average over windows: a block of BCNN, or of an ABCNN.

    With `maps` it is ABCNN-1's, with `weighs` ABCNN-2's, with both ABCNN-3's. What it gives is as
    long as what it takes, so blocks stand on each other.

    Args:
        input_dim: width of the texts' vectors.
        output_dim: number of features.
        window: how many positions an n-gram has, and columns a window.
        maps: what either text knows of the other, before the convolution.
        weighs: how much each column counts, after it.

    Source: Yin et al. 2016 (ABCNN), sections 4 and 5.
    Cost: linear in the lengths without attention, else in their product.

    >>> block = PairConvolution(4, 3, 2, weighs=ColumnWeights())
    >>> lengths = torch.tensor([5]), torch.tensor([2])
    >>> (left, right), (all_left, all_right) = block(
    ...     (torch.zeros(1, 5, 4), torch.zeros(1, 2, 4)), lengths
    ... )
    >>> left.shape, right.shape, all_left.shape
    (torch.Size([1, 5, 3]), torch.Size([1, 2, 3]), torch.Size([1, 3]))
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        window: int,
        *,
        maps: AttentionMaps | None = None,
        weighs: ColumnWeights | None = None,
    ) -> None:
        super().__init__()
        self.maps = maps
        self.weighs = weighs
        num_maps = 1 if maps is None else 2
        self.convolution = WideConvolution(num_maps * input_dim, output_dim, window)

    def forward(self, texts: Both, lengths: Both) -> tuple[Both, Both]:
        """Return both texts' windows, and what all columns of each are on average.

        Args:
            texts: both, of shape `batch length input_dim`.
            lengths: of both, of shape `batch`.
        """
        columns, num_columns = self.columns(texts, lengths)
        weights: tuple[Tensor | None, Tensor | None] = None, None
        if self.weighs is not None:
            weights = self.weighs(*columns, both_real(num_columns, columns))
        windows = [
            window_average(each, self.convolution.window, weight)
            for each, weight in zip(columns, weights, strict=True)
        ]
        averages = [
            total_average(each, _real(number, each), weight)
            for each, number, weight in zip(columns, num_columns, weights, strict=True)
        ]
        return _only_real(windows, lengths), (averages[0], averages[1])

    def columns(self, texts: Both, lengths: Both) -> tuple[Both, Both]:
        """Return the columns of both texts, before they are averaged, and how many there are."""
        left, right = texts
        if self.maps is not None:
            known = self.maps(left, right, both_real(lengths, texts))
            left, right = (torch.cat(pair, dim=-1) for pair in zip(texts, known, strict=True))
        columns = self.convolution(left, lengths[0]), self.convolution(right, lengths[1])
        return columns, (self.convolution.columns(lengths[0]), self.convolution.columns(lengths[1]))


def _real(lengths: Tensor, text: Tensor) -> Bool[Tensor, "batch length"]:
    return masks.padding(lengths.to(text.device), text.shape[1]).squeeze(1)


def both_real(lengths: Both, texts: Both) -> Bool[Tensor, "batch left right"]:
    """Return which pairs of positions are real on both sides."""
    left, right = map(_real, lengths, texts)
    return left.unsqueeze(2) & right.unsqueeze(1)


def _only_real(windows: list[Tensor], lengths: Both) -> Both:
    """Leave out what windows have made of padding."""
    left, right = (
        each.masked_fill(~_real(length, each).unsqueeze(-1), 0)
        for each, length in zip(windows, lengths, strict=True)
    )
    return left, right
