"""Attention as Keras 3 layers, the same on TensorFlow, JAX and PyTorch.

tensors         what tensors of any backend have in common
scores          comparisons and projections: pure functions of `keras.ops`
normalizers     from scores to weights, also as activations
masks           Keras's masks of steps
tanh_energy     additive scores without query x key x hidden, on JAX and TensorFlow
core            what the core computes instead, on PyTorch
attention       score, normalise under the mask, read out
local           the same around a predicted centre
score_layers    scores with what they learn
arguments       what layers refuse to be made of
choices         names of scores and normalizers
reading         what the layers have in common
many_to_one     Attention, AttentionPooling
many_to_many    AdditiveAttention, DotAttention, LocalAttention
multi_head      MultiHeadAttention
short_names     losses that Keras would not find in its older files
"""

try:
    import keras  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"regard.keras needs Keras 3, and the backend that it is told to take ({error}): "
        "pip install 'regard[keras]', and KERAS_BACKEND=torch takes PyTorch, which is there"
    ) from error

from regard.keras import normalizers, score_layers, scores
from regard.keras.many_to_many import AdditiveAttention, DotAttention, LocalAttention
from regard.keras.many_to_one import Attention, AttentionPooling
from regard.keras.multi_head import MultiHeadAttention
from regard.keras.short_names import know_losses as _know_losses

__all__ = [
    "AdditiveAttention",
    "Attention",
    "AttentionPooling",
    "DotAttention",
    "LocalAttention",
    "MultiHeadAttention",
    "normalizers",
    "score_layers",
    "scores",
]

_know_losses()
