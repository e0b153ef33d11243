"""Rows that read from the same memory, side by side, so that no memory is repeated for them."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Sharing"]


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

    def spread(
        self, rows: Float[Tensor, "rows length width"]
    ) -> Float[Tensor, "memories queries width"]:
        """Return what each memory is asked: the positions of its rows, one row after the other."""
        if self.row is None:
            return rows
        table: Tensor = rows[self.row].unflatten(0, (-1, self.width))
        return table.flatten(1, 2)

    def collected(
        self, found: Float[Tensor, "memories queries width"]
    ) -> Float[Tensor, "rows length width"]:
        """Return what each row has read, of what all have."""
        if self.slot is None:
            return found
        of_slots: Tensor = found.unflatten(1, (self.width, -1))
        return of_slots.flatten(0, 1)[self.slot]
