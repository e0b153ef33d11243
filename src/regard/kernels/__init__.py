"""The same attention, faster: the table of kernels, and the verb that picks one of them.

    windowed             any of the others, within a window: linear in length
    inner_product        dot, scaled dot, bilinear, cosine x softmax, by PyTorch's fused attention
    tanh_energy_softmax  additive, concat x softmax, on a GPU, in memory linear in length
    tanh_energy          additive, concat, never building query x key x hidden
    reference            everything, as `regard.functional` defines it

A kernel gives what the reference gives or refuses. A new one is a file here and a row in `TABLE`.
Attention around a centre has verbs of its own, `regard.local`.
"""

from regard.kernels.dispatch import attention, attention_weights, explain, only
from regard.kernels.weights import Weights, weights_on_demand

__all__ = ["Weights", "attention", "attention_weights", "explain", "only", "weights_on_demand"]
