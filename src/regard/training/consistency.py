"""Regularisation by dropout alone: two predictions of the same thing are to agree."""

import torch
from jaxtyping import Float
from torch import Tensor

from regard.interfaces import Tokens, TranslationBatch

__all__ = ["divergence", "twice"]


def twice(batch: TranslationBatch) -> TranslationBatch:
    """Return a batch behind itself, so that a model drops other activations in each half."""
    return TranslationBatch(
        *(Tokens(*(torch.cat([each, each]) for each in side)) for side in batch)
    )


def divergence(logits: Float[Tensor, "predictions vocab"]) -> Float[Tensor, ""]:
    r"""Return how far the predictions of the second half are from those of the first, in nats.

    $\frac12 \big(D(p_1 \| p_2) + D(p_2 \| p_1)\big)$, the mean over the predictions of a half;
    $D$ is Kullback's and Leibler's divergence.

    Source: Liang et al. 2021, "R-Drop: Regularized dropout for neural networks", equation 2.
    """
    first, second = logits.log_softmax(dim=-1).chunk(2)
    pulled = (first.exp() - second.exp()) * (first - second)
    return pulled.sum(dim=-1).mean() / 2
