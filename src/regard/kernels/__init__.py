"""The same attention, faster: the table of kernels, and the verb that picks one of them.

    inner_product   dot, scaled dot, bilinear, cosine x softmax, through PyTorch's fused attention
    reference       everything, as `regard.functional` defines it

A kernel gives what the reference gives or refuses. A new one is a file here and a row in `TABLE`.
"""

from regard.kernels.dispatch import attention, attention_weights, explain, only
from regard.kernels.weights import Weights, weights_on_demand

__all__ = ["Weights", "attention", "attention_weights", "explain", "only", "weights_on_demand"]
