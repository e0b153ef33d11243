"""What attention is: pure functions, which define what is right; `regard.kernels` is fast."""

from regard.functional import attention, biases, local, masks, normalizers, rotary, scores

__all__ = ["attention", "biases", "local", "masks", "normalizers", "rotary", "scores"]
