"""Layers that say themselves where they look: Regard's, and any other that is an `Attends`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, cast

from torch import nn

from regard.inspection.foreign.listening import Asked, Keep, heard
from regard.interfaces import Attends
from regard.kernels.weights import Weights, given_weights

__all__ = ["attends", "listening", "weights"]


def attends(layer: nn.Module) -> bool:
    """Return whether the layer is an `Attends`: a parameter called weights does not make it one."""
    return callable(getattr(type(layer), "weights", None))


@contextmanager
def listening(model: nn.Module, keeps: Mapping[nn.Module, Keep]) -> Iterator[None]:
    """Tell each `Keep` what its layer is called with."""
    with ExitStack() as stack:
        for layer in model.modules():
            if layer in keeps:
                stack.enter_context(heard(layer, "forward", partial(_attend, keeps[layer])))
        yield


def _attend(keep: Keep, forward: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    result = forward(*arguments, **keywords)
    keep(Asked(arguments, keywords))
    return result


def weights(layer: nn.Module, asked: Asked) -> Weights:
    """Return the weights, of which layers that have `weights_on_demand` compute a part."""
    asking = cast(Attends, layer)
    if hasattr(asking, "weights_on_demand"):
        on_demand: Weights = asking.weights_on_demand(*asked.arguments, **asked.keywords)
        return on_demand
    return given_weights(asking.weights(*asked.arguments, **asked.keywords))
