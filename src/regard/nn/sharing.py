"""Rows that read from the same memory, side by side, so that no memory is repeated for them."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from regard.interfaces import DecoderAttention, Memory, Offers

__all__ = ["SharedMemory", "Sharing"]


class Sharing(NamedTuple):
    """Which of several memories each row reads from.

    To read, rows are put into a table with a line for each memory (`spread`), where several are
    queries of one reading; what they have read is taken out again (`collected`).

    Args:
        memory: the number of each row's memory.
        slot: where each row stands in the table, counted through its lines; None where row i has
            memory i, and the table is what the rows are already.
        row: the row of each slot; any, where it is empty.
        width: slots in a line.
    """

    memory: Int[Tensor, " rows"]
    slot: Int[Tensor, " rows"] | None = None
    row: Int[Tensor, " slots"] | None = None
    width: int = 1

    @classmethod
    def one_each(cls, num_memories: int, device: torch.device) -> "Sharing":
        """Let row i read from memory i."""
        return cls(torch.arange(num_memories, device=device))

    @classmethod
    def of(cls, memory: Int[Tensor, " rows"], num_memories: int) -> "Sharing":
        """Let each row read from the memory of that number."""
        rows = torch.arange(len(memory), device=memory.device)
        counts = torch.bincount(memory, minlength=num_memories)
        width = int(counts.max()) if len(rows) else 1
        # Within its line a row's place is the number of rows before it that have the same memory.
        order = memory.argsort(stable=True)
        place = torch.empty_like(rows)
        place[order] = rows - (counts.cumsum(0) - counts)[memory[order]]
        slot = memory * width + place
        row = rows.new_zeros(num_memories * width)
        row[slot] = rows
        return cls(memory, slot, row, width)

    def reordered(
        self, index: Int[Tensor, " rows"], num_memories: int
    ) -> tuple["Sharing", Int[Tensor, " alive"] | None]:
        """Return who reads what when row i is row `index[i]`, and which memories are to be kept.

        None keeps all: to let go of some is to copy the others, which is done when it frees half
        of them.
        """
        memory = self.memory[index]
        alive = memory.unique()
        if 2 * len(alive) > num_memories:
            return Sharing.of(memory, num_memories), None
        return Sharing.of(torch.searchsorted(alive, memory), len(alive)), alive

    def spread(
        self, rows: Float[Tensor, "rows length width"]
    ) -> Float[Tensor, "memories queries width"]:
        """Return what each memory is asked: the positions of its rows, one row after the other."""
        if self.row is None:
            return rows
        table: Tensor = rows[self.row].unflatten(0, (-1, self.width))
        return table.flatten(1, 2)

    def collected(
        self, found: Float[Tensor, "memories queries *rest"]
    ) -> Float[Tensor, "rows length *rest"]:
        """Return what each row has read, of what all have."""
        if self.slot is None:
            return found
        of_slots: Tensor = found.unflatten(1, (self.width, -1))
        return of_slots.flatten(0, 1)[self.slot]

    def table(self, rows: Shaped[Tensor, "rows *rest"]) -> Shaped[Tensor, "memories slots *rest"]:
        """Return a line of rows for each memory."""
        table: Tensor = (rows if self.row is None else rows[self.row]).unflatten(
            0, (-1, self.width)
        )
        return table

    def rows(self, table: Shaped[Tensor, "memories slots *rest"]) -> Shaped[Tensor, "rows *rest"]:
        """Return the rows of a table."""
        flat = table.flatten(0, 1)
        return flat if self.slot is None else flat[self.slot]


class SharedMemory(NamedTuple):
    """What rows read from an attention's memories, some of them perhaps from the same.

    Args:
        memory: keys, values and mask of every memory; `before`, what each *row* has left behind.
        sharing: which row reads which.
    """

    memory: Memory
    sharing: Sharing

    @classmethod
    def one_each(cls, memory: Memory) -> "SharedMemory":
        """Let row i read from memory i."""
        return cls(memory, Sharing.one_each(memory.key.shape[0], memory.key.device))

    def reordered(self, index: Int[Tensor, " rows"]) -> "SharedMemory":
        """Return what is read when row i is row `index[i]`; keys and values stay where they are."""
        sharing, alive = self.sharing.reordered(index, len(self.memory.key))
        before = self.memory.before
        memory = self.memory._replace(before=None)
        if alive is not None:
            memory = memory.rows(alive)
        return SharedMemory(
            memory._replace(before=None if before is None else before[index]), sharing
        )

    def read(
        self, attention: DecoderAttention, query: Float[Tensor, "rows 1 query_dim"]
    ) -> tuple[Float[Tensor, "rows 1 value_dim"], "SharedMemory"]:
        """Read, and return what is read next."""
        memory, sharing = self
        if sharing.slot is None:
            found, after = attention.read(query, memory)
            return found, SharedMemory(after, sharing)
        found, after = attention.read(*self._asked(query))
        if memory.before is None:
            return sharing.collected(found), self
        before = None if after.before is None else sharing.rows(after.before)
        return sharing.rows(found), SharedMemory(memory._replace(before=before), sharing)

    def weights(
        self, attention: DecoderAttention, query: Float[Tensor, "rows 1 query_dim"]
    ) -> Float[Tensor, "rows 1 key"]:
        """Return the weights of that reading."""
        weights = attention.weights(*self._asked(query))
        if self.sharing.slot is None:
            return weights
        if self.memory.before is None:
            return self.sharing.collected(weights)
        return self.sharing.rows(weights)

    def alternatives(
        self, attention: Offers, query: Float[Tensor, "rows length query_dim"]
    ) -> tuple[
        Float[Tensor, "rows length alternatives value_dim"],
        Float[Tensor, "rows length alternatives"],
    ]:
        """Return what that reading may have been of, where an attention offers several."""
        values, shares = attention.alternatives(*self._asked(query))
        if self.sharing.slot is None:
            return values, shares
        return self.sharing.collected(values), self.sharing.collected(shares)

    def _asked(self, query: Tensor) -> tuple[Tensor, Memory]:
        """Return what memories are asked, and those.

        Where nothing is left behind, rows are several queries of one reading; else each reads by
        itself, on an axis over which keys and values broadcast.
        """
        memory, sharing = self
        if sharing.slot is None:
            return query, memory
        if memory.before is None:
            return sharing.spread(query), memory
        key, value = memory.key.unsqueeze(1), memory.value.unsqueeze(1)
        mask = None if memory.mask is None else memory.mask.unsqueeze(1)
        return sharing.table(query), Memory(key, value, mask, sharing.table(memory.before))
