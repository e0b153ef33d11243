"""What one level of two texts tells of the pair, whatever made that level."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.functional.matching import coverage, similarities

__all__ = ["Comparison", "CoverageComparison", "SimilarityComparison", "VectorComparison"]

Both = tuple[Tensor, Tensor]


class Comparison(nn.Module):
    """What compares two texts at one level; one of your own overrides `forward`.

    Args:
        input_dim: width of the level's vectors.
        output_dim: how many numbers it tells.

    Source: Yin et al. 2016 (ABCNN), section 3, the output layer.
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.output_dim = output_dim

    def forward(
        self,
        averages: tuple[Float[Tensor, "batch input_dim"], Float[Tensor, "batch input_dim"]],
        texts: tuple[Float[Tensor, "batch left input_dim"], Float[Tensor, "batch right input_dim"]],
        lengths: tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]],
    ) -> Float[Tensor, "batch output_dim"]:
        """Return what is told of each pair.

        Args:
            averages: what each text is at this level, all in all.
            texts: the vectors of each, position by position.
        """
        raise TypeError(f"{type(self).__name__} does not say how it compares: it has no forward")


class SimilarityComparison(Comparison):
    r"""How similar the averages are: $[\cos(l, r); 1 / (1 + \lVert l - r \rVert)]$.

    Source: Yin et al. 2016 (ABCNN), section 6.

    >>> texts, lengths = (torch.ones(1, 5, 4),) * 2, (torch.tensor([5]),) * 2
    >>> SimilarityComparison(4)((torch.ones(1, 4), torch.ones(1, 4)), texts, lengths)
    tensor([[1., 1.]])
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, 2)

    def forward(self, averages: Both, texts: Both, lengths: Both) -> Tensor:
        return similarities(*averages)


class VectorComparison(Comparison):
    r"""The averages themselves, and how they differ and agree: $[l; r; |l - r|; l \odot r]$.

    And how similar they are. It tells left from right, as entailment must, and which features
    agree.

    Source: Tai et al. 2015, section 4.2; Conneau et al. 2017 (InferSent), section 3.

    >>> texts, lengths = (torch.ones(1, 5, 4),) * 2, (torch.tensor([5]),) * 2
    >>> VectorComparison(4)((torch.ones(1, 4), torch.ones(1, 4)), texts, lengths).shape
    torch.Size([1, 18])
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, 2 + 4 * input_dim)

    def forward(self, averages: Both, texts: Both, lengths: Both) -> Tensor:
        left, right = averages
        told = [similarities(left, right), left, right, (left - right).abs(), left * right]
        return torch.cat(told, dim=-1)


class CoverageComparison(Comparison):
    r"""How much of each text has its like in the other, and how the averages differ and agree.

    $$\left[\operatorname{coverage}(l, r); \operatorname{coverage}(r, l); |\bar l - \bar r|;
    \bar l \odot \bar r\right], \quad w_i = \operatorname{softplus}(v^\top l_i + b)$$

    with `regard.functional.matching.coverage`, weighed by how much a position counts, which is
    learnt; and how similar the averages are.

    Source: Mihalcea et al. 2006, section 3, eq. 1.
    Differs: what counts is learnt, where they have idf.
    Cost: left x right x width operations.

    >>> texts, lengths = (torch.ones(1, 5, 4),) * 2, (torch.tensor([5]),) * 2
    >>> CoverageComparison(4)((torch.ones(1, 4), torch.ones(1, 4)), texts, lengths).shape
    torch.Size([1, 14])
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__(input_dim, 2 + 4 + 2 * input_dim)
        self.counts = nn.Linear(input_dim, 1)
        nn.init.zeros_(self.counts.weight)  # at first all positions count the same
        nn.init.zeros_(self.counts.bias)

    def forward(self, averages: Both, texts: Both, lengths: Both) -> Tensor:
        left, right = averages
        reals = [
            masks.padding(length.to(text.device), text.shape[1])
            for text, length in zip(texts, lengths, strict=True)
        ]
        weights = [
            F.softplus(self.counts(text)).squeeze(-1).masked_fill(~real.squeeze(1), 0)
            for text, real in zip(texts, reals, strict=True)
        ]
        both_real = reals[0].transpose(1, 2) & reals[1]
        told = [
            similarities(left, right),
            coverage(texts[0], texts[1], both_real, weights[0]),
            coverage(texts[1], texts[0], both_real.transpose(1, 2), weights[1]),
            (left - right).abs(),
            left * right,
        ]
        return torch.cat(told, dim=-1)
