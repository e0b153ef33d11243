"""What leads around the branches of a Transformer: the sum with its input, and the norm."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from regard.nn.dropout import Dropout

__all__ = ["Norm", "PostNorm", "PreNorm"]


class PreNorm(nn.Module):
    r"""Add a branch of what is normalised: $x + \operatorname{branch}(\operatorname{norm}(x))$.

    Training needs hardly a warm-up. What the last layer of a stack gives is not normalised, so that
    a norm of its own follows it (`final_norm`).

    Args:
        dropout: on the branch.

    Source: Xiong et al. 2020, figure 1 (b).
    """

    def __init__(self, embed_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim)
        self.dropout = Dropout(dropout)

    def enter(self, sequence: Float[Tensor, "*batch embed"]) -> Float[Tensor, "*batch embed"]:
        """Return what the branch is to read."""
        normed: Tensor = self.norm(sequence)
        return normed

    def leave(
        self, sequence: Float[Tensor, "*batch embed"], branch: Float[Tensor, "*batch embed"]
    ) -> Float[Tensor, "*batch embed"]:
        """Return the sequence with what its branch has come to."""
        added: Tensor = sequence + self.dropout(branch)
        return added

    def final_norm(self) -> nn.Module:
        """Make the norm of what the last layer of a stack gives."""
        return nn.LayerNorm(self.norm.normalized_shape)


class PostNorm(nn.Module):
    r"""Normalise the sum with a branch: $\operatorname{norm}(x + \operatorname{branch}(x))$.

    Args:
        dropout: on the branch.

    Source: Vaswani et al. 2017, section 3.1; section 5.4 for the dropout.
    """

    def __init__(self, embed_dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim)
        self.dropout = Dropout(dropout)

    def enter(self, sequence: Float[Tensor, "*batch embed"]) -> Float[Tensor, "*batch embed"]:
        """Return what the branch is to read."""
        return sequence

    def leave(
        self, sequence: Float[Tensor, "*batch embed"], branch: Float[Tensor, "*batch embed"]
    ) -> Float[Tensor, "*batch embed"]:
        """Return the sequence with what its branch has come to."""
        normed: Tensor = self.norm(sequence + self.dropout(branch))
        return normed

    def final_norm(self) -> nn.Module:
        """Make what changes nothing: the last layer of a stack gives what is normalised already."""
        return nn.Identity()


Norm = Callable[[], PreNorm | PostNorm]
"""Makes what leads around a branch."""
