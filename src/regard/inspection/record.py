"""Where did the model look? Answered from outside, while the model runs as it always does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from regard.inspection.foreign import attending, hugging_face, torch_layers
from regard.inspection.foreign.listening import Asked, Kind
from regard.kernels.weights import Weights

__all__ = ["LayerRecord", "Record", "record"]

KINDS: tuple[Kind, ...] = (attending, torch_layers, hugging_face)
"""The kinds of layers that can be recorded."""


class _Call(NamedTuple):
    """What a layer was asked, and under which autocast dtypes by device."""

    asked: Asked
    autocast: dict[str, torch.dtype]
    versions: list[int]


class LayerRecord:
    """What one attention layer was asked, call by call; weights are computed when they are read."""

    def __init__(self, name: str, layer: nn.Module, kind: Kind, *, differentiable: bool) -> None:
        self.name = name
        self._layer = layer
        self._kind = kind
        self._differentiable = differentiable
        self._calls: list[_Call] = []

    def keep(self, asked: Asked) -> None:
        """Keep what the layer was asked."""
        if torch.compiler.is_compiling():
            torch._dynamo.graph_break(  # noqa: SLF001 (no public name)
                msg="what is recorded is kept by Python: compile without fullgraph=True"
            )
        kept = asked if self._differentiable else _detached(asked)
        self._calls.append(_Call(kept, _autocast(), _versions(kept)))

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
            raise IndexError(f"{self.name} was called {len(self)} times; there is no call {call}")
        asked, autocast, versions = self._calls[call]
        if _versions(asked) != versions:
            raise ValueError(
                f"what {self.name} was asked has been changed in place since, so its weights are "
                "lost: read them before that; where a static cache is written at each step, let "
                "the model have a dynamic one"
            )
        with torch.set_grad_enabled(self._differentiable), ExitStack() as stack:
            for device, dtype in autocast.items():
                stack.enter_context(torch.autocast(device, dtype))
            yield self._kind.weights(self._layer, asked)

    def alignment(self) -> Float[Tensor, "... query key"]:
        """Return the weights of all calls under each other: of a decoder that steps, its alignment.

        Where every step adds its own positions to the keys, as self-attention with a cache does,
        rows end in zeros for the positions that came later. The rows of the calls must be the same
        sequences: a search that reorders its hypotheses returns the alignment with each of them.

        Raises:
            ValueError: there was no call, or the calls differ in batch or keys.
        """
        if not self._calls:
            raise ValueError(f"{self.name} was not called while it was recorded")
        steps = [self.weights(call) for call in range(len(self))]
        if not _stack(steps):
            shapes = sorted({tuple(step.shape) for step in steps})
            raise ValueError(
                f"the calls of {self.name} differ in batch or keys ({shapes}): read them one by "
                "one with weights(call). A search reorders its rows between steps and returns the "
                "alignment with each hypothesis."
            )
        num_keys = steps[-1].shape[-1]
        return torch.cat([F.pad(step, (0, num_keys - step.shape[-1])) for step in steps], dim=-2)

    def tensors(self) -> Iterator[Tensor]:
        """Return the tensors that are kept, some of them perhaps several times."""
        for call in self._calls:
            yield from _tensors(call.asked)


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

    @property
    def num_bytes(self) -> int:
        """How much memory is held: every tensor kept, what several share counted once."""
        kept = (tensor for layer in self._layers.values() for tensor in layer.tensors())
        storages = (tensor.untyped_storage() for tensor in kept)
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


@contextmanager
def record(
    model: nn.Module, layers: str | Sequence[str] | None = None, *, differentiable: bool = False
) -> Iterator[Record]:
    """Keep what the attention layers of a model are asked while the block runs.

    Nothing is computed and the model keeps its fast path: what layers are asked is kept, and
    weights are computed from that when they are read, with the parameters of that moment. Layers
    are Regard's, any other that is an `Attends`, PyTorch's `nn.MultiheadAttention` wherever it
    stands, and those of Hugging Face's models, where sdpa or eager attention is chosen.

    Cost: each call keeps what it was given, and nothing of size query x key but masks that are
    there anyway. Regard's and PyTorch's layers are given their inputs, which layers share; those of
    Hugging Face projected queries and keys, batch x heads x length x head_dim each: in a generation
    of n steps with a cache, n² / 2 keys. `Record.num_bytes` says how much it is.

    Args:
        layers: the names of those to be recorded, or patterns such as `decoder.*`; all if not
            given.
        differentiable: gradients reach the model from its weights, to train where it looks; the
            graph of what was recorded is then kept as long as the record.

    Raises:
        ValueError: the model has no attention layer, none of that name, or one whose weights cannot
            be known.

    >>> from regard.nn import MultiHeadAttention
    >>> layer, text = MultiHeadAttention(8, 2), torch.zeros(1, 3, 8)
    >>> with record(layer) as seen:
    ...     context = layer(text, text, text)
    >>> seen.only().weights().shape
    torch.Size([1, 2, 3, 3])
    """
    kinds = {layer: kind for layer in model.modules() if (kind := _kind_of(layer)) is not None}
    found = {name: layer for name, layer in model.named_modules() if _is_innermost(layer, kinds)}
    records = {
        name: LayerRecord(
            name or type(layer).__name__, layer, kinds[layer], differentiable=differentiable
        )
        for name, layer in _chosen(model, found, layers).items()
    }
    with ExitStack() as stack:
        for kind in KINDS:
            keeps = {
                found[name]: each.keep
                for name, each in records.items()
                if kinds[found[name]] is kind
            }
            stack.enter_context(kind.listening(model, keeps))
        yield Record(records)


def _kind_of(layer: nn.Module) -> Kind | None:
    return next((kind for kind in KINDS if kind.attends(layer)), None)


def _is_innermost(layer: nn.Module, kinds: Mapping[nn.Module, Kind]) -> bool:
    """Whether weights are computed here, and not in a layer further inside."""
    return layer in kinds and not any(
        module in kinds for module in layer.modules() if module is not layer
    )


def _chosen(
    model: nn.Module, found: dict[str, nn.Module], wanted: str | Sequence[str] | None
) -> dict[str, nn.Module]:
    """Return the layers whose names fit what is wanted."""
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no attention layer: none of its modules has a method "
            "`weights` that takes what calling it takes, is PyTorch's nn.MultiheadAttention, or "
            "attends through the AttentionInterface of Hugging Face"
        )
    if wanted is None:
        return found
    patterns = [wanted] if isinstance(wanted, str) else wanted
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise ValueError(
                f"no attention layer is named {pattern!r}; there are {', '.join(found)}"
            )
    return {
        name: layer
        for name, layer in found.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def _stack(steps: Sequence[Tensor]) -> bool:
    """Whether the rows of the calls have the same keys, or each call adds its queries to them."""
    if len({step.shape[:-2] for step in steps}) > 1:
        return False
    numbers = [step.shape[-1] for step in steps]
    grown = [before + step.shape[-2] for before, step in zip(numbers, steps[1:], strict=False)]
    return len(set(numbers)) == 1 or numbers[1:] == grown


def _autocast() -> dict[str, torch.dtype]:
    """Return the dtypes that autocast computes in now, by device."""
    return {
        device: torch.get_autocast_dtype(device)
        for device in ("cpu", "cuda", "xpu", "mps")
        if torch.is_autocast_enabled(device)
    }


def _versions(value: Any) -> list[int]:
    """Return how often each tensor in the value was changed in place."""
    tensors = [tensor for tensor in _tensors(value) if not tensor.is_inference()]
    return [tensor._version for tensor in tensors]  # noqa: SLF001 (no public name)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Return the tensors of the value, whatever they are wrapped in."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


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
