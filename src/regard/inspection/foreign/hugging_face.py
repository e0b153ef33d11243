"""Models of Hugging Face's transformers, whose layers attend through its `AttentionInterface`.

A layer asks the interface which function attends, and calls it with queries and keys that are
projected already. While somebody listens, the interface hands out that very function, and what it
is called with is kept. So the model attends by the implementation it has, with the mask made for
that one, and its config is never touched. transformers is not imported: who has such a model has.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.masks import Window
from regard.functional.scores import inner_product, scaled_dot
from regard.inspection.foreign.foreign_masks import lower_triangle, taken_apart
from regard.inspection.foreign.listening import Asked, Keep, heard
from regard.kernels.weights import Weights, given_weights, weights_on_demand

__all__ = ["attends", "listening", "weights"]

INTERFACE = "ALL_ATTENTION_FUNCTIONS"
"""The name by which the files of transformers' models know the interface."""

Attend = Callable[..., Any]


def attends(layer: nn.Module) -> bool:
    """Return whether the layer's `forward` asks the interface which function attends."""
    return _interface(layer) is not None


def _interface(layer: nn.Module) -> Any:
    if "transformers" not in sys.modules:
        return None
    forward = unwrap(type(layer).forward)
    code = getattr(forward, "__code__", None)
    if code is None or INTERFACE not in code.co_names:
        return None
    interface = forward.__globals__.get(INTERFACE)
    return interface if hasattr(interface, "get_interface") else None


@contextmanager
def listening(model: nn.Module, keeps: Mapping[nn.Module, Keep]) -> Iterator[None]:
    """Tell each `Keep` what the function that attends for its layer is called with.

    Raises:
        ValueError: a layer's implementation is none of which weights are known.
    """
    interfaces = {}
    for layer in model.modules():
        if layer in keeps:
            _check_implementation(layer)
            interfaces[id(_interface(layer))] = _interface(layer)
    with ExitStack() as stack:
        for interface in interfaces.values():
            stack.enter_context(heard(interface, "get_interface", partial(_get_interface, keeps)))
        yield


def _check_implementation(layer: nn.Module) -> None:
    name = getattr(getattr(layer, "config", None), "_attn_implementation", None)
    if name not in {None, "eager", "sdpa"}:
        raise ValueError(_unknown(layer, name))


def _unknown(layer: nn.Module, name: str) -> str:
    return (
        f"{type(layer).__name__} attends by {name}; weights are known of sdpa and eager: choose "
        'one with model.set_attn_implementation("sdpa"), or other layers to be recorded'
    )


def _get_interface(
    keeps: Mapping[nn.Module, Keep],
    get_interface: Callable[..., Attend],
    /,
    attn_implementation: str | None,
    default: Attend,
) -> Attend:
    attend = get_interface(attn_implementation, default)
    return partial(_attend, keeps, default, attend)


def _attend(
    keeps: Mapping[nn.Module, Keep],
    eager: Attend,
    attend: Attend,
    layer: nn.Module,
    /,
    *arguments: Any,
    **keywords: Any,
) -> Any:
    result = attend(layer, *arguments, **keywords)
    if layer in keeps:
        keeps[layer](_asked(_plain(attend), eager, *arguments, **keywords))
    return result


def _plain(attend: Attend) -> Attend:
    """Return the function itself, whoever else listens to it."""
    if isinstance(attend, partial) and attend.func is _attend:
        return _plain(attend.args[-1])
    return attend


def _asked(
    attend: Attend,
    eager: Attend,
    /,
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001 (the arguments are those of transformers' functions)
    attention_mask: Any = None,
    **options: Any,
) -> Asked:
    """Return what weights depend on, and what computes them from that."""
    # What else may be among the options, caches above all, is no part of the question.
    plain = {name: each for name, each in options.items() if isinstance(each, _PLAIN)}
    if attend is eager:
        weigh: Callable[..., Weights] = partial(_of_eager, eager)
        plain |= {"dropout": 0.0} if "dropout" in plain else {}
    elif attend is _sdpa() and options.get("cache") is None:
        weigh = _of_sdpa
        plain = {name: plain[name] for name in _OF_SDPA if name in plain}
    else:
        weigh, plain = partial(_of_unknown, attend), {}
    return Asked((weigh, query, key, attention_mask), plain)


_PLAIN = (bool, float, int, str, Tensor)
_OF_SDPA = ("scaling", "is_causal", "position_bias")


def _sdpa() -> Attend | None:
    module = sys.modules.get("transformers.integrations.sdpa_attention")
    return getattr(module, "sdpa_attention_forward", None)


def weights(layer: nn.Module, asked: Asked) -> Weights:
    """Return the weights of every head; heads that share keys stand one by one.

    Raises:
        ValueError: the layer attended by a function of which weights are not known.
    """
    weigh, *given = asked.arguments
    of_layer: Weights = weigh(layer, *given, **asked.keywords)
    return of_layer


def _of_unknown(attend: Attend, layer: nn.Module, *_: Any) -> Weights:
    raise ValueError(_unknown(layer, getattr(attend, "__name__", type(attend).__name__)))


def _of_eager(
    attend: Attend, layer: nn.Module, query: Tensor, key: Tensor, mask: Any, **options: Any
) -> Weights:
    """Return what the model's own function says, which may cap scores or have sinks."""
    # Values say nothing about weights; these are as many as there are keys.
    _, of_heads = attend(layer, query, key, key[..., :1], mask, **options)
    return given_weights(of_heads)


def _of_sdpa(
    layer: nn.Module,
    query: Tensor,
    key: Tensor,
    mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
) -> Weights:
    added = _added(mask, position_bias, key.dtype)
    finite, bias = (None, None) if added is None else taken_apart(_lowered(added))
    allowed: Tensor | Window | None = finite
    if mask is not None:
        allowed = mask if added is None else finite
    elif getattr(layer, "is_causal", True) if is_causal is None else is_causal:
        allowed = _causal(query, key, finite)
    if key.shape[1] < query.shape[1]:
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    query, key, score = _lowered(query), _lowered(key), scaled_dot
    if scaling not in {None, query.shape[-1] ** -0.5}:
        query, score = query * scaling, inner_product
    return weights_on_demand(query, key, score=score, bias=bias, mask=allowed)


def _causal(query: Tensor, key: Tensor, allowed: Tensor | None) -> Tensor | Window | None:
    """Let no query attend to what follows it, as sdpa does: a single one may be the last."""
    lengths = query.shape[-2], key.shape[-2]
    if lengths[0] == 1:
        return allowed
    if lengths[0] == lengths[1]:
        return Window(None, 0, allowed)
    return masks.combine(lower_triangle(*lengths, query.device), allowed)


def _added(mask: Tensor | None, position_bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Return what is added to the scores; None where a mask is boolean, or nothing is."""
    if position_bias is None:
        return None if mask is None or mask.dtype == torch.bool else mask
    if mask is None:
        return position_bias
    if mask.dtype != torch.bool:
        return mask + position_bias
    # A row that may attend nothing attends everything alike, as it does in the model.
    return torch.where(mask, position_bias, torch.finfo(dtype).min)


def _lowered(vectors: Tensor) -> Tensor:
    """Return what autocast hands on to sdpa."""
    device = vectors.device.type
    if torch.is_autocast_enabled(device) and vectors.dtype != torch.float64:
        return vectors.to(torch.get_autocast_dtype(device))
    return vectors
