"""What a decoder knows between two steps, as named tensors."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torch import Tensor

from regard.exporting.programs import ExportError, Tensors
from regard.interfaces import Memory
from regard.nn.decoders import DecoderState
from regard.nn.sharing import SharedMemory, Sharing
from regard.nn.transformer import TransformerState

__all__ = ["LAYOUTS", "Layout", "layout_of"]


class Layout(NamedTuple):
    """How a kind of state is taken apart, and put together again."""

    kept: Callable[[Any], Tensors]
    """What is made of the source, and stays."""
    renewed: Callable[[Any], Tensors]
    """What every step makes anew."""
    restored: Callable[[Tensors], Any]
    """The state of both together."""


def layout_of(state: object, model: object) -> Layout:
    """Return how the state of a model is taken apart.

    Raises:
        ExportError: it is of an unknown kind.
    """
    for kind, layout in LAYOUTS.items():
        if isinstance(state, kind):
            return layout
    raise ExportError(
        f"{type(model).__name__} cannot be exported: its state is a {type(state).__name__}; known "
        f"are {', '.join(kind.__name__ for kind in LAYOUTS)}"
    )


def _kept(state: DecoderState) -> Tensors:
    memory = state.memory.memory
    return _named(memory_key=memory.key, memory_value=memory.value, memory_mask=memory.mask)


def _renewed(state: DecoderState) -> Tensors:
    recurrent = {f"state_{number}": part for number, part in enumerate(state.recurrent)}
    return _named(**recurrent, before=state.memory.memory.before, fed=state.fed)


def _restored(tensors: Tensors) -> DecoderState:
    memory = Memory(
        tensors["memory_key"],
        tensors["memory_value"],
        tensors.get("memory_mask"),
        tensors.get("before"),
    )
    recurrent = tuple(part for name, part in tensors.items() if name.startswith("state_"))
    # What was asked last does not matter to the next step.
    shared = SharedMemory.one_each(memory)
    return DecoderState(recurrent, shared, (recurrent[-1].unsqueeze(1), shared), tensors.get("fed"))


def _kept_of_transformer(state: TransformerState) -> Tensors:
    return {**_memories("source", state.sources), "source_mask": _mask(state.sources[0])}


def _renewed_of_transformer(state: TransformerState) -> Tensors:
    return _memories("written", state.written)


def _transformer_restored(tensors: Tensors) -> TransformerState:
    mask = tensors["source_mask"]
    sources = tuple(memory._replace(mask=mask) for memory in _of_layers("source", tensors))
    sharing = Sharing.one_each(mask.shape[0], mask.device)
    # What was asked last does not matter to the next step.
    return TransformerState(_of_layers("written", tensors), sources, sharing, mask.new_zeros(0))


def _memories(name: str, memories: Iterable[Memory]) -> Tensors:
    """Name the keys and values of each layer."""
    return {
        f"{name}_{part}_{layer}": tensor
        for layer, memory in enumerate(memories)
        for part, tensor in (("key", memory.key), ("value", memory.value))
    }


def _of_layers(name: str, tensors: Tensors) -> tuple[Memory, ...]:
    """Return the memory of each layer."""
    keys, values = (
        [tensor for given, tensor in tensors.items() if given.startswith(f"{name}_{part}_")]
        for part in ("key", "value")
    )
    return tuple(map(Memory, keys, values))


def _mask(memory: Memory) -> Tensor:
    """Return the mask that a Transformer's memories of a source have."""
    if memory.mask is None:
        raise ExportError("the memory of a source has no mask")
    return memory.mask


def _named(**tensors: Any) -> Tensors:
    """Leave out what a state does not have."""
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


LAYOUTS: dict[type, Layout] = {
    DecoderState: Layout(_kept, _renewed, _restored),
    TransformerState: Layout(_kept_of_transformer, _renewed_of_transformer, _transformer_restored),
}
"""The states that are known, by their type."""
