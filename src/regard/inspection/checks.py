"""What every drawing model asks of the weights it is given."""

import torch
from torch import Tensor

__all__ = ["TOLERANCE", "check_floating_point", "check_range"]

TOLERANCE = 0.01
"""Softmax in half precision can end this far above one."""


def check_floating_point(weights: Tensor) -> None:
    """Raise TypeError unless the weights are a floating-point tensor."""
    received = getattr(weights, "dtype", type(weights).__name__)
    if not getattr(received, "is_floating_point", False):
        raise TypeError(f"weights must be a floating-point tensor; got {received}")


def check_range(weights: Tensor) -> None:
    """Raise ValueError unless all weights are numbers in 0…1."""
    if weights.numel() == 0:
        return
    if not torch.isfinite(weights).all():
        raise ValueError("weights must be finite; got NaN or infinity")
    low, high = weights.min().item(), weights.max().item()
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(
            f"weights must lie in 0…1; got {low:.4g}…{high:.4g}. "
            "Normalise scores before drawing them."
        )
