"""A GRU or LSTM over many sequences at once, step by step: the large products stand outside.

Each step has the sequences that are not over yet, so nothing is computed for padding. Per step
there is one product, of the states, forwards and backwards; those with inputs, and the gradients of
the weights, are made for several steps together.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["GRUCell", "LSTMCell", "Weights", "scan"]

ROWS = 1024
"""How many rows the steps have at least that are taken together: few enough to stay in cache."""


class Weights(NamedTuple):
    """What each direction multiplies with, gates in the order of the cell."""

    of_input: Float[Tensor, "directions input_gates input_dim"]
    of_state: Float[Tensor, "directions state_gates hidden"]
    bias: Float[Tensor, "directions gates"]


class GRUCell:
    """The gates of a GRU: candidate of the input, reset, update, candidate of the state.

    Source: Cho et al. 2014, eq. 5-8, in the form of `torch.nn.GRUCell`.
    """

    num_states = 1
    of_input, of_state = slice(0, 3), slice(1, 4)

    @staticmethod
    def step(gates: Tensor, states: list[Tensor]) -> list[Tensor]:
        """Activate the gates in place; return the new states."""
        gates[..., 1:3, :].sigmoid_()
        candidate, reset, update, memory = gates.unbind(-2)
        candidate.addcmul_(reset, memory).tanh_()
        return [torch.lerp(candidate, states[0], update)]

    @staticmethod
    def slopes(gates: Tensor, before: list[Tensor]) -> Tensor:
        """Return the derivatives of the state by the gates, before they were activated."""
        candidate, reset, update, memory = gates.unbind(-2)
        slopes = torch.empty_like(gates)
        of_candidate, of_reset, of_update, of_memory = slopes.unbind(-2)
        entering = 1 - update
        torch.mul(candidate, candidate, out=of_candidate).neg_().add_(1).mul_(entering)
        torch.mul(of_candidate, reset, out=of_memory)
        torch.mul(of_memory, memory, out=of_reset).mul_(1 - reset)
        torch.sub(before[0], candidate, out=of_update).mul_(update).mul_(entering)
        return slopes

    @staticmethod
    def back(grads: list[Tensor], gates: Tensor, slopes: Tensor) -> list[Tensor]:
        """Make slopes gradients; return those of the states before, but for the product."""
        slopes.mul_(grads[0].unsqueeze(-2))
        return [grads[0] * gates[..., 2, :]]


class LSTMCell:
    """The gates of an LSTM: input, forget, candidate, output; its states: hidden and cell.

    Source: Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000.
    """

    num_states = 2
    of_input = of_state = slice(0, 4)

    @staticmethod
    def step(gates: Tensor, states: list[Tensor]) -> list[Tensor]:
        """Activate the gates in place; return the new states."""
        gates[..., :2, :].sigmoid_()
        entering, forget, candidate, output = gates.unbind(-2)
        cell = (forget * states[1]).addcmul_(entering, candidate.tanh_())
        return [cell.tanh().mul_(output.sigmoid_()), cell]

    @staticmethod
    def slopes(gates: Tensor, before: list[Tensor]) -> Tensor:
        """Return the derivatives by the gates: of the state by the last, of the cell by the others.

        A fifth is that of the state by the cell.
        """
        entering, forget, candidate, output = gates.unbind(-2)
        seen = (forget * before[1]).addcmul_(entering, candidate).tanh_()
        slopes = [
            (1 - entering).mul_(entering).mul_(candidate),
            (1 - forget).mul_(forget).mul_(before[1]),
            (1 - candidate * candidate).mul_(entering),
            (1 - output).mul_(output).mul_(seen),
            (1 - seen * seen).mul_(output),
        ]
        return torch.stack(slopes, dim=-2)

    @staticmethod
    def back(grads: list[Tensor], gates: Tensor, slopes: Tensor) -> list[Tensor]:
        """Make slopes gradients; return those of the states before, but for the product."""
        of_state, of_cell = grads
        of_cell = torch.addcmul(of_cell, of_state, slopes[..., 4, :])
        slopes[..., 3, :].mul_(of_state)
        slopes[..., :3, :].mul_(of_cell.unsqueeze(-2))
        return [torch.zeros_like(of_state), of_cell * gates[..., 1, :]]


Cell = type[GRUCell] | type[LSTMCell]


def scan(
    cell: Cell,
    rows: Float[Tensor, "directions rows input_dim"],
    weights: Weights,
    counts: list[int],
) -> Float[Tensor, "directions rows hidden"]:
    """Return the hidden state after each row, from states of 0; there are no second derivatives.

    Args:
        rows: those of the first step, then those of the second, and so on, always the same ones
            in the same order until they are over.
        counts: how many rows each step has: never more than the step before.

    Source: that of the cell.
    Cost: linear in the number of rows.
    """
    learns = torch.is_grad_enabled() and any(part.requires_grad for part in (rows, *weights))
    states: Tensor = _Scan.apply(rows, *weights, cell, counts, learns)  # type: ignore[no-untyped-call]
    return states


class _Chunk(NamedTuple):
    """Steps that follow each other: where the rows of each stand, and those of the step before."""

    steps: list[slice]
    before: list[slice]

    @property
    def rows(self) -> slice:
        return slice(self.steps[0].start, self.steps[-1].stop)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        of_input: Tensor,
        of_state: Tensor,
        bias: Tensor,
        cell: Cell,
        counts: list[int],
        learns: bool,
    ) -> Tensor:
        num_hidden = of_state.shape[-1]
        size = (*rows.shape[:2], num_hidden)
        states = [rows.new_empty(size) for _ in range(cell.num_states)]
        last = [rows.new_zeros(len(rows), counts[0], num_hidden) for _ in states]
        projection = of_state.mT.contiguous()
        kept = []
        for chunk in _chunks(counts):
            gates = _gates(rows[:, chunk.rows], of_input, bias, cell)
            for step in chunk.steps:
                first = step.start - chunk.rows.start
                now = gates[:, first : first + step.stop - step.start]
                last = [state[:, : now.shape[1]] for state in last]
                product = torch.bmm(last[0], projection).unflatten(-1, (-1, num_hidden))
                now[..., cell.of_state, :] += product
                last = cell.step(now, last)
                for state, new in zip(states, last, strict=True):
                    state[:, step] = new
            if learns:
                kept.append(gates)
        ctx.cell, ctx.counts = cell, counts
        ctx.save_for_backward(rows, of_input, of_state, *states, *kept)
        return states[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cell: Cell = ctx.cell
        rows, of_input, of_state, *kept = ctx.saved_tensors
        states, gates_of_chunks = kept[: cell.num_states], kept[cell.num_states :]
        grads = torch.empty_like(rows), torch.zeros_like(of_input), torch.zeros_like(of_state)
        of_bias = grad.new_zeros(len(rows), 4 * of_state.shape[-1])
        carried = [grad.new_zeros(len(rows), 0, of_state.shape[-1]) for _ in states]
        for chunk, gates in zip(
            reversed(_chunks(ctx.counts)), reversed(gates_of_chunks), strict=True
        ):
            before = [_before(state, chunk) for state in states]
            slopes = cell.slopes(gates, before)
            for step in reversed(chunk.steps):
                first = step.start - chunk.rows.start
                part = slice(first, first + step.stop - step.start)
                now = [_joined(grad[:, step], carried[0])]
                now += [_joined(torch.zeros_like(now[0]), of_other) for of_other in carried[1:]]
                carried = cell.back(now, gates[:, part], slopes[:, part])
                of_product = slopes[:, part, cell.of_state].flatten(-2)
                carried[0] = torch.baddbmm(carried[0], of_product, of_state)
            of_rows = slopes[:, :, cell.of_input].flatten(-2)
            torch.bmm(of_rows, of_input, out=grads[0][:, chunk.rows])
            grads[1].baddbmm_(of_rows.mT, rows[:, chunk.rows])
            grads[2].baddbmm_(slopes[:, :, cell.of_state].flatten(-2).mT, before[0])
            of_bias += slopes[:, :, :4].flatten(-2).sum(dim=1)
        return (*grads, of_bias, None, None, None)


def _chunks(counts: list[int]) -> list[_Chunk]:
    """Cut the steps into chunks of `ROWS` rows or a few more."""
    chunks, chunk = [], _Chunk([], [])
    stop, before = 0, slice(0, 0)
    for count in counts:
        step = slice(stop, stop + count)
        chunk.steps.append(step)
        chunk.before.append(slice(before.start, min(before.stop, before.start + count)))
        stop, before = step.stop, step
        if chunk.rows.stop - chunk.rows.start >= ROWS:
            chunks.append(chunk)
            chunk = _Chunk([], [])
    return [*chunks, chunk] if chunk.steps else chunks


def _gates(rows: Tensor, of_input: Tensor, bias: Tensor, cell: Cell) -> Tensor:
    """Return what the inputs and biases add to the four gates."""
    product = torch.bmm(rows, of_input.mT).unflatten(-1, (-1, bias.shape[-1] // 4))
    gates: Tensor = bias.unflatten(-1, (4, -1)).unsqueeze(1).repeat(1, rows.shape[1], 1, 1)
    gates[..., cell.of_input, :] += product
    return gates


def _before(states: Tensor, chunk: _Chunk) -> Tensor:
    """Return the states that the rows of a chunk have come from."""
    first = chunk.steps[0]
    parts = [states[:, rows] for rows in chunk.before]
    if first.start == 0:
        parts[0] = states.new_zeros(len(states), first.stop, states.shape[-1])
    return torch.cat(parts, dim=1)


def _joined(grad: Tensor, carried: Tensor) -> Tensor:
    """Add what later steps carry back to those rows that have had later steps."""
    count = carried.shape[1]
    if count == grad.shape[1]:
        return grad + carried
    joined = grad.clone()
    joined[:, :count] += carried
    return joined
