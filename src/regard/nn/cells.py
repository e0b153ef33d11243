"""Single steps of a GRU or LSTM."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["gru_step", "lstm_step"]


def gru_step(
    from_input: Float[Tensor, "batch gates"],
    from_state: Float[Tensor, "batch gates"],
    state: Float[Tensor, "batch hidden"],
) -> Float[Tensor, "batch hidden"]:
    """Take one step of a GRU from the two halves of its gates (reset, update, candidate).

    Source: Cho et al. 2014, eq. 5-8, in the form of `torch.nn.GRUCell`.
    """
    input_reset, input_update, input_candidate = from_input.chunk(3, dim=-1)
    state_reset, state_update, state_candidate = from_state.chunk(3, dim=-1)
    reset = torch.sigmoid(input_reset + state_reset)
    update = torch.sigmoid(input_update + state_update)
    candidate = torch.tanh(input_candidate + reset * state_candidate)
    return candidate + update * (state - candidate)


def lstm_step(
    from_input: Float[Tensor, "batch gates"],
    from_state: Float[Tensor, "batch gates"],
    cell: Float[Tensor, "batch hidden"],
) -> tuple[Float[Tensor, "batch hidden"], Float[Tensor, "batch hidden"]]:
    """Take one step of an LSTM from the two halves of its gates (input, forget, candidate, output).

    Returns the new hidden state and the new cell.

    Source: Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000, in the form of
    `torch.nn.LSTMCell`.
    """
    enter, forget, candidate, output = (from_input + from_state).chunk(4, dim=-1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(candidate)
    return torch.sigmoid(output) * torch.tanh(cell), cell
