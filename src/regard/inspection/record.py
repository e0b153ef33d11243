"""Where did the model look? Answered from outside, while the model runs as it always does."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.interfaces import Attends
from regard.kernels.weights import Weights, given_weights

__all__ = ["LayerRecord", "Record", "record"]


_COMPILED = "a model that was compiled before is recorded after torch.compiler.reset()"


class _Call(NamedTuple):
    """What a layer was asked, and under which autocast dtypes by device."""

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    autocast: dict[str, torch.dtype]
    versions: list[int]


class LayerRecord:
    """What one attention layer was asked, call by call; weights are computed when they are read."""

    def __init__(self, name: str, layer: nn.Module, *, differentiable: bool) -> None:
        self.name = name
        self._layer = layer
        self._differentiable = differentiable
        self._calls: list[_Call] = []

    def keep(
        self, _layer: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], _: Any
    ) -> None:
        """Keep what the layer was asked; a forward hook."""
        kept = (arguments, keywords)
        if not self._differentiable:
            kept = _detached(arguments), _detached(keywords)
        self._calls.append(_Call(*kept, _autocast(), _versions(kept)))

    def __len__(self) -> int:
        return len(self._calls)

    def weights(
        self,
        call: int = -1,
        *,
        heads: Sequence[int] | None = None,
        rows: Sequence[int] | None = None,
    ) -> Float[Tensor, "... query key"]:
        """Return the weights of one call, the last if not given, without dropout.

        Args:
            heads: which heads, on the third axis from the end; all if not given.
            rows: which queries; all if not given.

        Raises:
            IndexError: the layer was not called so often.
            ValueError: a tensor that the layer was given has been changed in place since.
        """
        with self._asked(call) as asked:
            of_heads = asked if heads is None else asked.heads(heads)
            return of_heads.all() if rows is None else of_heads.rows(rows)

    def column_sums(self, call: int = -1) -> Float[Tensor, "... key"]:
        """Return how much attention each key gets from all queries together.

        Of a layer that has `weights_on_demand`, the whole matrix never stands in memory; so with
        what follows.
        """
        with self._asked(call) as asked:
            return asked.column_sums()

    def top(self, num_keys: int, call: int = -1) -> tuple[Tensor, Tensor]:
        """Return the largest weights of each query, in falling order, and their keys."""
        with self._asked(call) as asked:
            return asked.top(num_keys)

    def entropy(self, call: int = -1) -> Float[Tensor, "... query"]:
        """Return how widely each query looks, in nats."""
        with self._asked(call) as asked:
            return asked.entropy()

    @contextmanager
    def _asked(self, call: int) -> Iterator[Weights]:
        """Let the weights of a call be asked for, as they were in its time."""
        if not -len(self) <= call < len(self):
            hint = "" if self._calls else f"; {_COMPILED}"
            raise IndexError(
                f"{self.name} was called {len(self)} times; there is no call {call}{hint}"
            )
        asked = self._calls[call]
        if _versions((asked.arguments, asked.keywords)) != asked.versions:
            raise ValueError(
                f"what {self.name} was asked has been changed in place since; its weights are lost"
            )
        layer = cast(Attends, self._layer)
        with torch.set_grad_enabled(self._differentiable), ExitStack() as stack:
            for device, dtype in asked.autocast.items():
                stack.enter_context(torch.autocast(device, dtype))
            if hasattr(layer, "weights_on_demand"):
                yield layer.weights_on_demand(*asked.arguments, **asked.keywords)
            else:
                yield given_weights(layer.weights(*asked.arguments, **asked.keywords))

    def alignment(self) -> Float[Tensor, "... query key"]:
        """Return the weights of all calls under each other: of a decoder that steps, its alignment.

        The rows of the calls must be the same sequences: a search that reorders its hypotheses
        returns the alignment with each of them.

        Raises:
            ValueError: there was no call, or the calls differ in batch or keys.
        """
        if not self._calls:
            raise ValueError(f"{self.name} was not called while it was recorded; {_COMPILED}")
        steps = [self.weights(call) for call in range(len(self))]
        shapes = {(*step.shape[:-2], step.shape[-1]) for step in steps}
        if len(shapes) > 1:
            raise ValueError(
                f"the calls of {self.name} differ in batch or keys ({sorted(shapes)}): read them "
                "one by one with weights(call). A search reorders its rows between steps and "
                "returns the alignment with each hypothesis."
            )
        return torch.cat(steps, dim=-2)


class Record:
    """The attention layers of a model by name, and what each was asked."""

    def __init__(self, layers: dict[str, LayerRecord]) -> None:
        self._layers = layers

    @property
    def layers(self) -> list[str]:
        """The names of the layers, as `named_modules` gives them."""
        return list(self._layers)

    def __getitem__(self, name: str) -> LayerRecord:
        if name not in self._layers:
            raise KeyError(f"no attention layer {name!r}; there are {', '.join(self._layers)}")
        return self._layers[name]

    def only(self) -> LayerRecord:
        """Return the one layer of a model that has just one.

        Raises:
            ValueError: there are several.
        """
        if len(self._layers) != 1:
            raise ValueError(f"name one of the attention layers: {', '.join(self._layers)}")
        return next(iter(self._layers.values()))


@contextmanager
def record(model: nn.Module, *, differentiable: bool = False) -> Iterator[Record]:
    """Keep what every attention layer of a model is asked while the block runs.

    Nothing is computed and the model keeps its fast path: the layers' inputs are kept, and weights
    are computed from them when they are read, with the parameters of that moment.

    Args:
        differentiable: gradients reach the model from its weights, to train where it looks; the
            graph of what was recorded is then kept as long as the record.

    Raises:
        ValueError: the model has no attention layer.

    >>> from regard.nn import MultiHeadAttention
    >>> layer, text = MultiHeadAttention(8, 2), torch.zeros(1, 3, 8)
    >>> with record(layer) as seen:
    ...     context = layer(text, text, text)
    >>> seen.only().weights().shape
    torch.Size([1, 2, 3, 3])
    """
    layers = {name: layer for name, layer in model.named_modules() if _looks(layer)}
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no attention layer: none of its modules has a method "
            "`weights` that takes what calling it takes"
        )
    records = {
        name: LayerRecord(name or type(layer).__name__, layer, differentiable=differentiable)
        for name, layer in layers.items()
    }
    handles = [
        layer.register_forward_hook(records[name].keep, with_kwargs=True)
        for name, layer in layers.items()
    ]
    try:
        yield Record(records)
    finally:
        for handle in handles:
            handle.remove()


def _looks(layer: nn.Module) -> bool:
    """Whether weights are computed here, and not in a layer further inside."""
    return _attends(layer) and not any(
        _attends(module) for module in layer.modules() if module is not layer
    )


def _attends(layer: nn.Module) -> bool:
    """Whether the layer is an `Attends`: a parameter called weights does not make it one."""
    return callable(getattr(type(layer), "weights", None))


def _autocast() -> dict[str, torch.dtype]:
    """Return the dtypes that autocast computes in now, by device."""
    return {
        device: torch.get_autocast_dtype(device)
        for device in ("cpu", "cuda", "xpu", "mps")
        if torch.is_autocast_enabled(device)
    }


def _versions(value: Any) -> list[int]:
    """Return how often each tensor in the value was changed in place."""
    if isinstance(value, Tensor):
        return [] if value.is_inference() else [value._version]  # noqa: SLF001 (no public name)
    if isinstance(value, dict):
        return _versions(list(value.values()))
    if isinstance(value, list | tuple):
        return [version for item in value for version in _versions(item)]
    return []


def _detached(value: Any) -> Any:
    """Let go of the graph behind the tensors, whatever they are wrapped in."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {key: _detached(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_detached, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_detached, value))
    return value
