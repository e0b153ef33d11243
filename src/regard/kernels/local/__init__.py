"""Attention to the keys around a centre, which every query has of its own: Luong's local attention.

Luong et al. 2015 let a decoder predict the centre (local-p), or take its own position (local-m). It
looks at the keys at most `half_width` away from there. Those further off may be weakened, by a
Gaussian whose deviation is half of that. Hence three kinds:

    attention           none is weakened (local-m)
    damped_attention    the weights are multiplied by it, and no longer sum to one (local-p)
    biased_attention    its logarithm is added to the scores, and normalised with them

Each has its `..._weights`, for looking: all of query x key; and its `..._on_demand`, for those of
some queries, or what all say together. The contexts cost what the keys within reach cost.

Positions count from 0. A centre may be any real number: gradients reach it through the Gaussian.
That a key comes within reach, or leaves it, has none.
"""

from regard.functional.local import (
    attention_weights,
    biased_attention_weights,
    damped_attention_weights,
    predicted_centre,
)
from regard.kernels.local.on_demand import (
    biased_weights_on_demand,
    damped_weights_on_demand,
    weights_on_demand,
)
from regard.kernels.local.reading import attention, biased_attention, damped_attention

__all__ = [
    "attention",
    "attention_weights",
    "biased_attention",
    "biased_attention_weights",
    "biased_weights_on_demand",
    "damped_attention",
    "damped_attention_weights",
    "damped_weights_on_demand",
    "predicted_centre",
    "weights_on_demand",
]
