"""Convolutions over the n-grams of a text, one around each position."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks

__all__ = ["NgramConvolution", "NgramConvolutions"]


class NgramConvolution(nn.Conv1d):
    r"""Read the n-gram around each position of a text; beyond its ends stand zeros.

    $$h_i = \operatorname{relu}(W [x_{i-\lfloor (w-1)/2 \rfloor}; \dots; x_{i+\lfloor w/2 \rfloor}]
    + b)$$

    Args:
        input_dim: width of the text's vectors.
        output_dim: number of features.
        width: how many positions an n-gram has.

    Source: Kim 2014, section 2, eq. 2.
    Differs: with the zeros there are as many n-grams as positions, whatever their width.
    Cost: linear in the length.

    Raises:
        ValueError: the n-gram has no position.

    >>> convolution = NgramConvolution(4, 3, width=2)
    >>> convolution(torch.zeros(2, 5, 4), torch.tensor([5, 0])).shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, input_dim: int, output_dim: int, width: int) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1; got {width}")
        super().__init__(input_dim, output_dim, width)

    def forward(  # type: ignore[override]  # of texts, padded, not of signals
        self, text: Float[Tensor, "batch length input_dim"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch length output_dim"]:
        """Return the features around each position; those beyond a text mean nothing."""
        if text.shape[1] == 0:
            return text.new_zeros(*text.shape[:2], self.out_channels)
        (width,) = self.kernel_size
        real = masks.padding(lengths.to(text.device), text.shape[1])
        inputs = text.masked_fill(~real.transpose(1, 2), 0).transpose(1, 2)
        padded = F.pad(inputs, ((width - 1) // 2, width // 2))
        return torch.relu(super().forward(padded)).transpose(1, 2)


class NgramConvolutions(nn.Module):
    """Read n-grams of several widths around each position, their features side by side.

    Args:
        input_dim: width of the text's vectors.
        channels: number of features of each width.
        widths: how many positions an n-gram has.

    Source: Kim 2014, section 2; Wang & Jiang 2017 (compare, aggregate), section 2, eq. 4.
    Cost: linear in the length and the widths.

    >>> convolutions = NgramConvolutions(4, 3, widths=(1, 2))
    >>> convolutions(torch.zeros(2, 5, 4), torch.tensor([5, 0])).shape
    torch.Size([2, 5, 6])
    """

    def __init__(self, input_dim: int, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            NgramConvolution(input_dim, channels, width) for width in widths
        )
        self.output_dim = channels * len(widths)

    def forward(
        self, text: Float[Tensor, "batch length input_dim"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch length output_dim"]:
        """Return the features around each position; those beyond a text mean nothing."""
        found = [convolution(text, lengths) for convolution in self.convolutions]
        return torch.cat(found, dim=-1)
