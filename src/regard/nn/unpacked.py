"""A GRU or LSTM over padded sequences, in operators that an exported program has for any length.

PyTorch's own recurrences are unrolled for one length when they are exported, and packed sequences
cannot be exported at all. Here every sequence takes as many steps as the longest one. Padding
stands at its end, so nothing real comes after it; for the other direction each sequence is reversed
within its own length. ONNX has operators that do all of that.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.functional.exported import for_onnx
from regard.nn.cells import gru_step, lstm_step

__all__ = ["Recurrence", "unpacked"]

Recurrence = nn.GRU | nn.LSTM


def unpacked(
    recurrence: Recurrence,
    inputs: Float[Tensor, "batch length input_dim"],
    lengths: Int[Tensor, " batch"],
) -> tuple[Float[Tensor, "batch length output_dim"], Float[Tensor, "batch output_dim"]]:
    """Return the last layer's states and final ones, as `RecurrentEncoder` does.

    Source: Schuster & Paliwal 1997 (bidirectional); Cho et al. 2014 (GRU).
    Cost: linear in the number of positions, padding among them.

    Raises:
        ValueError: the recurrence projects its states.
    """
    if recurrence.proj_size:
        raise ValueError("an LSTM that projects its states (proj_size) has no exported form")
    run = _as_operator if for_onnx() else _scanned
    real = masks.padding(lengths, inputs.shape[1]).transpose(-2, -1)
    states = inputs
    for layer in range(recurrence.num_layers):
        if layer:
            states = F.dropout(states, recurrence.dropout, recurrence.training)
        states = run(recurrence, layer, states, lengths).masked_fill(~real, 0)
    last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, states.shape[-1])
    final = states.gather(1, last).squeeze(1)
    if recurrence.bidirectional:
        hidden = recurrence.hidden_size
        final = torch.cat([final[:, :hidden], states[:, 0, hidden:]], dim=-1)
    return states, final


def _scanned(
    recurrence: Recurrence,
    layer: int,
    inputs: Float[Tensor, "batch length input_dim"],
    lengths: Int[Tensor, " batch"],
) -> Float[Tensor, "batch length output_dim"]:
    """Run a layer in its directions, one after the other."""
    forwards = _one_way(recurrence, f"l{layer}", inputs)
    if not recurrence.bidirectional:
        return forwards
    position = torch.arange(inputs.shape[1], device=inputs.device)
    reverse = lengths.unsqueeze(-1) - 1 - position
    reverse = torch.where(reverse >= 0, reverse, position)
    backwards = _one_way(recurrence, f"l{layer}_reverse", _permuted(inputs, reverse))
    return torch.cat([forwards, _permuted(backwards, reverse)], dim=-1)


def _one_way(
    recurrence: Recurrence, name: str, inputs: Float[Tensor, "batch length input_dim"]
) -> Float[Tensor, "batch length hidden"]:
    """Run one direction of a layer, from the first position to the last."""
    of_input, of_state, *biases = (
        getattr(recurrence, f"{kind}_{name}") for kind in _kinds(recurrence)
    )
    gates = F.linear(inputs, of_input, *biases[:1])
    begun = inputs.new_zeros(inputs.shape[0], recurrence.hidden_size)
    is_gru = isinstance(recurrence, nn.GRU)
    # The operator itself: what PyTorch has around it takes no length that is in the data.
    *_, states = torch.ops.higher_order.scan(
        _gru if is_gru else _lstm,
        [begun] if is_gru else [begun, begun.clone()],
        [gates.transpose(0, 1).contiguous()],
        (of_state, *biases[1:]),
    )
    found: Tensor = states.transpose(0, 1)
    return found


def _gru(state: Tensor, gates: Tensor, *of_state: Tensor) -> list[Tensor]:
    """Take a step; return the new state to go on with, and to keep."""
    state = gru_step(gates, F.linear(state, *of_state), state)
    return [state, state.clone()]


def _lstm(state: Tensor, cell: Tensor, gates: Tensor, *of_state: Tensor) -> list[Tensor]:
    """Take a step; return the new state and cell to go on with, and the state to keep."""
    state, cell = lstm_step(gates, F.linear(state, *of_state), cell)
    return [state, cell, state.clone()]


def _permuted(
    sequence: Float[Tensor, "batch length width"], order: Int[Tensor, "batch length"]
) -> Float[Tensor, "batch length width"]:
    return sequence.gather(1, order.unsqueeze(-1).expand(-1, -1, sequence.shape[-1]))


def _as_operator(
    recurrence: Recurrence,
    layer: int,
    inputs: Float[Tensor, "batch length input_dim"],
    lengths: Int[Tensor, " batch"],
) -> Float[Tensor, "batch length output_dim"]:
    """Run a layer by ONNX's own operator.

    Gates have another order there: update, reset, candidate; input, output, forget, candidate.
    """
    (batch, length, _), hidden = inputs.shape, recurrence.hidden_size
    is_gru = isinstance(recurrence, nn.GRU)
    order = [1, 0, 2] if is_gru else [0, 3, 1, 2]
    sides = ["", "_reverse"] if recurrence.bidirectional else [""]

    def reordered(kind: str) -> Tensor:
        both = torch.stack([getattr(recurrence, f"{kind}_l{layer}{side}") for side in sides])
        ordered: Tensor = both.unflatten(1, (-1, hidden))[:, order].flatten(1, 2)
        return ordered

    of_input, of_state, *biases = map(reordered, _kinds(recurrence))
    bias = torch.cat(biases, dim=1) if biases else None
    states: Tensor = torch.onnx.ops.symbolic_multi_out(
        "GRU" if is_gru else "LSTM",
        [inputs.transpose(0, 1), of_input, of_state, bias, lengths.clamp(min=1).int()],
        {
            "hidden_size": hidden,
            "direction": "bidirectional" if recurrence.bidirectional else "forward",
            **({"linear_before_reset": 1} if is_gru else {}),
        },
        dtypes=[inputs.dtype] * 2,
        shapes=[[length, len(sides), batch, hidden], [len(sides), batch, hidden]],
    )[0]
    return states.permute(2, 0, 1, 3).flatten(2)


def _kinds(recurrence: Recurrence) -> list[str]:
    """Name the parameters of a direction: of the input, of the state, and the biases of either."""
    return ["weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if recurrence.bias else ())]
