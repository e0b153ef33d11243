"""A layer of a Transformer: each position reads from all, then is transformed by itself."""

from jaxtyping import Float
from torch import Tensor, nn

from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer
from regard.nn.multihead import MultiHeadAttention

__all__ = ["EncoderLayer"]


class EncoderLayer(nn.Module):
    r"""Let every position attend to the others, and then transform each by itself.

    $$y = x + \operatorname{attention}(\operatorname{norm}(x)), \quad
    z = y + W_2 \operatorname{relu}(W_1 \operatorname{norm}(y))$$

    Args:
        feedforward_dim: width of the hidden layer; four times `embed_dim` if not given.
        dropout: on either branch and on the hidden layer.

    Source: Vaswani et al. 2017, sections 3.1 to 3.3.
    Differs: branches are normalised before, not after (Xiong et al. 2020), so that training needs
    no warm-up; the last layer's output is to be normalised by whoever uses it.
    Cost: quadratic in the length.

    >>> import torch
    >>> EncoderLayer(8, 2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        feedforward_dim: int | None = None,
        normalizer: Normalizer = softmax,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        feedforward_dim = 4 * embed_dim if feedforward_dim is None else feedforward_dim
        self.attention_norm = nn.LayerNorm(embed_dim)
        self.attention = MultiHeadAttention(embed_dim, num_heads, normalizer=normalizer)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(embed_dim),
            nn.Linear(embed_dim, feedforward_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(feedforward_dim, embed_dim),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, sequence: Float[Tensor, "batch length embed"], mask: Tensor | Window | None = None
    ) -> Float[Tensor, "batch length embed"]:
        """Transform each position.

        Args:
            mask: boolean, True = may attend, broadcastable to `batch length length`, or a window.
        """
        normed = self.attention_norm(sequence)
        attended = sequence + self.dropout(self.attention(normed, normed, normed, mask=mask))
        transformed: Tensor = attended + self.dropout(self.feedforward(attended))
        return transformed
