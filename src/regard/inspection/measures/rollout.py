"""Where the last of several layers looks in the text, through those below it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["rollout"]


def rollout(
    layers: Sequence[Float[Tensor, "*batch heads length length"]], *, residual: float = 0.5
) -> Float[Tensor, "*batch length length"]:
    r"""Return how much of each token of a text is in each position above some layers of attention.

    $$R_0 = I, \quad R_l = A_l R_{l-1}, \quad
    A_l = (1 - r) \frac{1}{h} \sum_{k=1}^{h} W_{l,k} + r I$$

    over the h heads of each layer, with r for the residual connection; rows of A sum to one. What
    reads the last layer is one more factor in front: of a decoder's attention to what an encoder
    has read, `cross.mean(-3) @ rollout(encoder)`; of a pooling, `weights @ rollout(encoder)`.

    Args:
        layers: the weights of each layer, the lowest first.
        residual: r, which share of itself a position keeps in each layer.

    Source: Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", arXiv:2005.00928,
    section 3.

    Differs: a position that looks nowhere keeps all of itself.

    Cost: layers x length³, beside the mean over the heads.

    Raises:
        ValueError: there is no layer, a layer does not attend to its own positions, or layers
            differ in their number.

    >>> first = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    >>> second = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])
    >>> rollout([first, second])
    tensor([[0.7500, 0.2500],
            [0.5000, 0.5000]])
    """
    _check(layers)
    length = layers[0].shape[-1]
    wide = torch.promote_types(layers[0].dtype, torch.float32)
    own = torch.eye(length, dtype=wide, device=layers[0].device)
    rolled = own
    for weights in layers:
        step = (1 - residual) * weights.to(wide).mean(-3) + residual * own
        total = step.sum(-1, keepdim=True)
        rolled = step / total.masked_fill(total == 0, 1) @ rolled
    return rolled.to(layers[0].dtype)


def _check(layers: Sequence[Tensor]) -> None:
    if not layers:
        raise ValueError("there must be at least one layer to roll out; got none")
    length = layers[0].shape[-1]
    for number, weights in enumerate(layers):
        if weights.dim() < 3 or weights.shape[-2:] != (length, length):
            raise ValueError(
                f"weights of layer {number} must have shape (…, heads, {length}, {length}), of "
                f"attention of a text to itself; got {tuple(weights.shape)}. Multiply others in "
                "front: cross.mean(-3) @ rollout(encoder)"
            )
