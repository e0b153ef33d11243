"""Attention you can train, trust and see."""

from typing import TYPE_CHECKING, Any

from regard import kernels, nn
from regard.functional import biases, masks, monotonic, normalizers, rotary, scores
from regard.inspection.record import record
from regard.kernels import attention, attention_weights, local, weights_on_demand

if TYPE_CHECKING:
    from regard.recipes.run import load
    from regard.recipes.show import show

__all__ = [
    "attention",
    "attention_weights",
    "biases",
    "kernels",
    "load",
    "local",
    "masks",
    "monotonic",
    "nn",
    "normalizers",
    "record",
    "rotary",
    "scores",
    "show",
    "weights_on_demand",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Bring in when it is asked for what needs the packages that training needs."""
    if name == "load":
        from regard.recipes.run import load

        return load
    if name == "show":
        from regard.recipes.show import show

        return show
    raise AttributeError(f"module 'regard' has no attribute {name!r}")
