"""What people write or use instead."""

import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "compiled_additive",
    "dot_product",
    "entmax_package",
    "flex_window",
    "installed",
    "keras_additive",
    "naive_additive",
]


def naive_additive(query: Tensor, key: Tensor, value: Tensor, energy: Tensor) -> Tensor:
    """Attend additively as it is usually written."""
    hidden = torch.tanh(query.unsqueeze(2) + key.unsqueeze(1))
    return (hidden @ energy).softmax(dim=-1) @ value


compiled_additive: Callable[..., Tensor] = torch.compile(naive_additive, dynamic=True)
"""The same line, compiled."""


def dot_product(query: Tensor, key: Tensor, value: Tensor, **options: Any) -> Tensor:
    """Attend by the inner product, fused; without an axis for heads, as with one head."""
    if query.dim() == 4:
        return F.scaled_dot_product_attention(query, key, value, **options)
    heads = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
    return F.scaled_dot_product_attention(*heads, **options).squeeze(1)


def installed(packages: Mapping[str, str]) -> dict[str, str]:
    """Return why rivals are absent, by their names, of those whose package is not there."""
    return {
        name: f"pip install {package}"
        for name, package in packages.items()
        if find_spec(package) is None
    }


def entmax_package(name: str) -> Callable[..., Tensor]:
    """Return a normalizer of the package `entmax`."""
    package = import_module("entmax")
    if name == "entmax":
        return lambda scored, alpha: package.entmax_bisect(scored, alpha, dim=-1)
    normalizer: Callable[..., Tensor] = getattr(package, name)
    return partial(normalizer, dim=-1)


@cache
def flex_window(
    before: int, after: int, length: int, device: torch.device
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return FlexAttention over a window, compiled."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    mask = create_block_mask(
        lambda _batch, _head, query, key: (query - key <= before) & (key - query <= after),
        *(None, None, length, length),
        device=str(device),
    )
    compiled = torch.compile(flex_attention, dynamic=False)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        context: Tensor = compiled(query, key, value, block_mask=mask)
        return context

    return attend


@cache
def keras_additive(width: int) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Return Keras's layer on its PyTorch backend; it has no projections, but a scale."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layer = keras.layers.AdditiveAttention()
    layer.build([(None, None, width)] * 3)

    def attend(query: Tensor, key: Tensor, value: Tensor, energy: Tensor) -> Tensor:  # noqa: ARG001 (it has its own)
        context: Tensor = layer([query, value, key])
        return context

    return attend
