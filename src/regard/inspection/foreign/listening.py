"""What recording a layer takes: hearing what it is asked, and weights from what was heard."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import nn

from regard.kernels.weights import Weights

__all__ = ["Asked", "Keep", "Kind", "heard"]


class Asked(NamedTuple):
    """What a layer was asked, in the words of its kind, as far as weights depend on it."""

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


Keep = Callable[[Asked], None]
"""Takes what a layer is asked, each time it is."""

Around = Callable[..., Any]
"""Makes the call of a function: takes the function and its arguments, returns its result."""


@runtime_checkable
class Kind(Protocol):
    """Attention layers of one kind; a module of functions is one."""

    def attends(self, layer: nn.Module) -> bool:
        """Return whether a layer is of this kind."""

    def listening(
        self, model: nn.Module, keeps: Mapping[nn.Module, Keep]
    ) -> AbstractContextManager[None]:
        """Tell each `Keep` what its layer of the model is asked, for as long as the block runs.

        The model computes what it always does, by the same kernels.

        Raises:
            ValueError: a layer attends in a way that cannot be recorded.
        """

    def weights(self, layer: nn.Module, asked: Asked) -> Weights:
        """Return the weights of every head, without dropout: `*batch heads query key`.

        Raises:
            ValueError: they cannot be had exactly.
        """


@contextmanager
def heard(owner: object, name: str, around: Around) -> Iterator[None]:
    """Let `around` make every call of one function of an object for as long as the block runs.

    Not a forward hook: PyTorch's Transformer layers leave their fast path when they see one. Blocks
    may end in any order; after the last the object is as it was.
    """
    found = vars(owner).get(name)
    if isinstance(found, _StandIn):
        stand_in = found
    else:
        stand_in = _StandIn(getattr(owner, name), is_own=name in vars(owner))
        setattr(owner, name, stand_in)
    stand_in.arounds.append(around)
    try:
        yield
    finally:
        stand_in.arounds.remove(around)
        if not stand_in.arounds and vars(owner).get(name) is stand_in:
            if stand_in.is_own:
                setattr(owner, name, stand_in.function)
            else:
                delattr(owner, name)


class _StandIn:
    """Stands in a function's place while somebody listens to it."""

    def __init__(self, function: Callable[..., Any], *, is_own: bool) -> None:
        self.function = function
        self.is_own = is_own
        self.arounds: list[Around] = []

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        call = self.function
        for around in self.arounds:
            call = partial(around, call)
        return call(*arguments, **keywords)

    # Nobody listens to the copy of a layer, nor to one that was saved and loaded.

    def __deepcopy__(self, memo: dict[int, Any]) -> Callable[..., Any]:
        return deepcopy(self.function, memo)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _unheard, (self.function,)


def _unheard(function: Callable[..., Any]) -> Callable[..., Any]:
    return function
