"""From a sequence to one vector: the last state, the mean, the maximum."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.precision import at_least_float32

__all__ = [
    "LastPooling",
    "MaxPooling",
    "MeanPooling",
    "Pooling",
    "check_pooled_width",
    "last_state",
    "real_positions",
]


class Pooling(nn.Module):
    """What pools the first `lengths` positions of each sequence; an empty sequence gives 0.

    A pooling of your own overrides `forward` and `weights`.

    Source: Yang et al. 2016, section 2.2, which pools words, then sentences.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.output_dim = output_dim

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch output_dim"]:
        """Pool each sequence, all of it where there are no lengths."""
        raise TypeError(f"{type(self).__name__} does not say how it pools: it has no forward")

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        """Return how much each position counts."""
        raise TypeError(f"{type(self).__name__} does not say where it looks: it has no weights")


class MeanPooling(Pooling):
    r"""Pool a sequence by its mean: every position counts as much.

    $$c = \frac{1}{T} \sum_{t \le T} h_t$$

    Source: Iyyer et al. 2015, section 2 (the average of a text's vectors).
    Cost: linear in the length.

    >>> MeanPooling(1)(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([2]))
    tensor([[2.]])
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, input_dim)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch input_dim"]:
        return (self.weights(sequence, lengths) @ sequence).squeeze(1).to(sequence.dtype)

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        real = _all_real(sequence, lengths)
        count = real.sum(dim=-1, keepdim=True).clamp(min=1)
        return (at_least_float32(real.to(sequence.dtype)) / count).to(sequence.dtype)


class _SelectivePooling(Pooling):
    """Take every feature from one position; a position counts as many as are taken from it."""

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, input_dim)

    def forward(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch input_dim"]:
        if sequence.shape[1] == 0:
            return sequence.new_zeros(sequence.shape[0], self.output_dim)
        real = _all_real(sequence, lengths)
        taken = sequence.gather(1, self._positions(sequence, real)).squeeze(1)
        return taken.masked_fill(~real[:, :, 0], 0)

    def weights(
        self,
        sequence: Float[Tensor, "batch length input_dim"],
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch 1 length"]:
        real = _all_real(sequence, lengths)
        if sequence.shape[1] == 0:
            return real.to(sequence.dtype)
        counts = torch.zeros_like(at_least_float32(real.to(sequence.dtype)))
        positions = self._positions(sequence, real)
        counts = counts.scatter_add(2, positions, torch.ones_like(positions, dtype=counts.dtype))
        return (counts / self.input_dim).masked_fill(~real, 0).to(sequence.dtype)

    def _positions(
        self, sequence: Tensor, real: Bool[Tensor, "batch 1 length"]
    ) -> Int[Tensor, "batch 1 input_dim"]:
        """Return where each feature is taken from; anywhere in an empty sequence."""
        raise TypeError(f"{type(self).__name__} does not say where it takes features from")


class LastPooling(_SelectivePooling):
    """Pool a sequence by its last state: of each direction the one that has read everything.

    Args:
        bidirectional: the second half of the features has been read from the end to the beginning,
            and is taken from the first position.

    Source: Sutskever et al. 2014, section 2 (the last state stands for the sequence).
    Cost: constant.

    >>> LastPooling(1)(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([2]))
    tensor([[3.]])
    """

    def __init__(self, input_dim: int, *, bidirectional: bool = False) -> None:
        super().__init__(input_dim)
        self.bidirectional = bidirectional

    def _positions(self, sequence: Tensor, real: Tensor) -> Tensor:
        last = (real.sum(dim=-1, keepdim=True) - 1).clamp(min=0)
        positions = last.repeat(1, 1, self.input_dim)
        if self.bidirectional:
            positions[..., self.input_dim // 2 :] = 0
        return positions


class MaxPooling(_SelectivePooling):
    r"""Pool a sequence by the largest value of each feature.

    $$c_i = \max_{t \le T} h_{ti}$$

    Source: Collobert et al. 2011, section 3.3.2; Kim 2014, section 2.
    Cost: linear in the length.

    >>> MaxPooling(1)(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([2]))
    tensor([[3.]])
    """

    def _positions(self, sequence: Tensor, real: Tensor) -> Tensor:
        allowed = sequence.masked_fill(~real.transpose(1, 2), -torch.inf)
        return allowed.argmax(dim=1, keepdim=True)


def check_pooled_width(pooling: Pooling, width: int) -> None:
    """Make sure that a pooling fits what it is to pool.

    Source: the convention of this module.

    Raises:
        ValueError: it is of another width.
    """
    if pooling.input_dim != width:
        raise ValueError(
            f"the vectors to be pooled are {width} wide; got a pooling of vectors that are "
            f"{pooling.input_dim} wide"
        )


def real_positions(
    sequence: Float[Tensor, "batch length _"], lengths: Int[Tensor, " batch"] | None
) -> Bool[Tensor, "batch 1 length"] | None:
    """Return the mask of the first `lengths` positions, None for all.

    Source: see `regard.masks.padding`.
    """
    if lengths is None:
        return None
    return masks.padding(lengths.to(sequence.device), sequence.shape[-2])


def last_state(
    sequence: Float[Tensor, "batch length input_dim"],
    lengths: Int[Tensor, " batch"] | None,
    *,
    bidirectional: bool = False,
) -> Float[Tensor, "batch 1 input_dim"]:
    """Return the last real state of each sequence; 0 of an empty one.

    Source: see `LastPooling`.
    """
    last: Tensor = LastPooling(sequence.shape[-1], bidirectional=bidirectional)(sequence, lengths)
    return last.unsqueeze(1)


def _all_real(sequence: Tensor, lengths: Tensor | None) -> Bool[Tensor, "batch 1 length"]:
    real = real_positions(sequence, lengths)
    if real is not None:
        return real
    batch, length = sequence.shape[:2]
    return torch.ones(batch, 1, length, dtype=torch.bool, device=sequence.device)
