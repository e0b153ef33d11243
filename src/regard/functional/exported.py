"""What programs are made for, where it matters: ONNX lacks some of PyTorch's operators."""

import torch

__all__ = ["for_onnx"]


def for_onnx() -> bool:
    """Whether what runs is being exported to ONNX."""
    return torch.compiler.is_exporting() and torch.onnx.is_in_onnx_export()
