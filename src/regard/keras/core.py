"""What the core computes in place of this package, on its own backend: PyTorch.

Every comparison and normalizer of this package has its counterpart there, and there they have
kernels. A function that has none, a reader's own, is taken as it is: it sees tensors of PyTorch.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from regard.functional import normalizers as core_normalizers
from regard.functional import scores as core_scores
from regard.keras import normalizers, scores

__all__ = ["computes_here", "counterpart"]

COUNTERPARTS: dict[Callable[..., Any], Callable[..., Any]] = {
    **{
        getattr(scores, name): getattr(core_scores, name)
        for name in ("inner_product", "inverse_distance", "location", "scaled_dot", "tanh_energy")
    },
    **{getattr(normalizers, name): getattr(core_normalizers, name) for name in normalizers.__all__},
}


def computes_here() -> bool:
    """Whether the core computes: on the PyTorch backend."""
    backend: str = keras.backend.backend()
    return backend == "torch"


def counterpart(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of the core that computes the same, bound to what it was bound to."""
    if isinstance(function, partial):
        bound = (counterpart(given) if callable(given) else given for given in function.args)
        return partial(counterpart(function.func), *bound, **function.keywords)
    return COUNTERPARTS.get(function, function)
