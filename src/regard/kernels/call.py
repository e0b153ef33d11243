"""What a kernel is asked: one call of `regard.attention`, with its score taken apart."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regard.functional import masks
from regard.functional.attention import leading_axes
from regard.functional.masks import Window
from regard.functional.splitting import split
from regard.interfaces import Normalizer

__all__ = ["Call", "take_apart"]


class Call(NamedTuple):
    """Projected query and key, how they are compared, and the rest of the call.

    A score that cannot be taken apart is its own comparison; only the reference computes that.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    compare: Callable[[Tensor, Tensor], Tensor]
    bias: Tensor | None
    mask: Tensor | Window | None
    normalizer: Normalizer

    @property
    def batch(self) -> torch.Size:
        """The leading axes of the context."""
        return leading_axes(self.query, self.key, self.value)

    @property
    def window(self) -> Window | None:
        """The mask, where it is a window."""
        return self.mask if isinstance(self.mask, Window) else None

    @property
    def allowed(self) -> Tensor | None:
        """The mask, spelt out."""
        lengths = self.query.shape[-2], self.key.shape[-2]
        return masks.dense(self.mask, *lengths, device=self.query.device)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the definition."""
        return {
            "score": self.compare,
            "bias": self.bias,
            "mask": self.mask,
            "normalizer": self.normalizer,
        }

    @property
    def comparison(self) -> Callable[..., Tensor]:
        """The comparison without what is bound to it."""
        return self.compare.func if isinstance(self.compare, partial) else self.compare

    @property
    def bound(self) -> dict[str, Any]:
        """The parameters that are bound to the comparison."""
        return self.compare.keywords if isinstance(self.compare, partial) else {}

    @property
    def compared_by(self) -> str:
        """The name of the comparison, for messages."""
        return str(getattr(self.comparison, "__name__", type(self.comparison).__name__))


def take_apart(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score: Callable[[Tensor, Tensor], Tensor],
    bias: Tensor | None,
    mask: Tensor | Window | None,
    normalizer: Normalizer,
) -> Call:
    """Project query and key where the score can be taken apart."""
    mask = _without_window(mask, query)
    parts = split(score, query, key)
    if parts is None:
        return Call(query, key, value, score, bias, mask, normalizer)
    return Call(parts.query, parts.key, value, parts.compare, bias, mask, normalizer)


def _without_window(mask: Tensor | Window | None, query: Tensor) -> Tensor | Window | None:
    """Leave out a window that hides nothing: a single query, as in decoding, is the last."""
    if not isinstance(mask, Window) or mask.before is not None:
        return mask
    query_len: int | torch.SymInt = query.shape[-2]
    is_single = isinstance(query_len, int) and query_len == 1  # sizes may stand for any
    return mask.mask if is_single else mask
