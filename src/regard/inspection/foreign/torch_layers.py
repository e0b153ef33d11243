"""`torch.nn.MultiheadAttention`, by itself and in PyTorch's Transformer layers.

In its fast path a `torch.nn.TransformerEncoderLayer` computes everything in one call and never
calls its attention: then the layer is heard, and what its attention would have been asked follows
from what the layer was. Where it reads nested tensors, as `torch.nn.TransformerEncoder` makes of
padded ones, there are weights up to the longest text, and those of padding are 0.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeGuard, TypeVar, cast

from torch import Tensor, nn

from regard.inspection.foreign.listening import Asked, Keep, heard
from regard.inspection.foreign.torch_weights import weights_of
from regard.kernels.weights import Weights

__all__ = ["attends", "listening", "weights"]

Module = TypeVar("Module", bound=nn.Module)


def attends(layer: nn.Module) -> bool:
    """Return whether it is PyTorch's attention, called with what PyTorch's is called with."""
    return _runs(layer, nn.MultiheadAttention)


@contextmanager
def listening(model: nn.Module, keeps: Mapping[nn.Module, Keep]) -> Iterator[None]:
    """Tell each `Keep` what its attention is asked, in the fast path too."""
    ears = {layer: _Ear(keep) for layer, keep in keeps.items()}
    with ExitStack() as stack:
        for layer in model.modules():
            if layer in ears:
                stack.enter_context(heard(layer, "forward", ears[layer].attend))
            elif _runs(layer, nn.TransformerEncoderLayer) and layer.self_attn in ears:
                around = partial(ears[layer.self_attn].encode, layer)
                stack.enter_context(heard(layer, "forward", around))
        yield


def _runs(layer: nn.Module, make: type[Module]) -> TypeGuard[Module]:
    """Whether a layer runs as PyTorch has written it, so that its arguments are known."""
    return isinstance(layer, make) and type(layer).forward is make.forward


class _Ear:
    """Hears one attention, and the layer around it that may do without calling it."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._was_called = False

    def attend(self, forward: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
        self._was_called = True
        result = forward(*arguments, **keywords)
        self._keep(_asked(*arguments, **keywords))
        return result

    def encode(
        self,
        layer: nn.TransformerEncoderLayer,
        forward: Callable[..., Any],
        /,
        *arguments: Any,
        **keywords: Any,
    ) -> Any:
        self._was_called = False
        result = forward(*arguments, **keywords)
        if not self._was_called:
            self._keep(_asked_in_fast_path(layer, *arguments, **keywords))
        return result


def _asked(
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001 (the arguments are those of PyTorch's layer)
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,  # noqa: ARG001
    is_causal: bool = False,
) -> Asked:
    """Return what weights depend on; also whether the mask is not read, but taken for causal."""
    is_hint = is_causal and attn_mask is not None and key_padding_mask is None and not need_weights
    return Asked((query, key, key_padding_mask, attn_mask), {"is_hint": is_hint})


def _asked_in_fast_path(
    layer: nn.TransformerEncoderLayer,
    src: Tensor,
    src_mask: Tensor | None = None,
    src_key_padding_mask: Tensor | None = None,
    is_causal: bool = False,  # noqa: ARG001 (there it is not read)
) -> Asked:
    first = {"norm": layer.norm1} if layer.norm_first else {}
    return Asked((src, src, src_key_padding_mask, src_mask), {"is_hint": False, **first})


def weights(layer: nn.Module, asked: Asked) -> Weights:
    """Return the weights of every head, last those on the keys that the layer itself adds.

    Raises:
        ValueError: a mask was said to be causal that is not: what PyTorch makes of it depends on
            the kernel.
    """
    return weights_of(cast(nn.MultiheadAttention, layer), *asked.arguments, **asked.keywords)
