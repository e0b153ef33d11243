"""Recurrent encoding whose result does not depend on padding, and single steps of a GRU or LSTM."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from regard.functional import masks

__all__ = ["RecurrentEncoder", "gru_step", "lstm_step"]


class RecurrentEncoder(nn.Module):
    """Run a GRU or LSTM over padded sequences as if each stood alone.

    Args:
        recurrence: a batch-first `nn.GRU` or `nn.LSTM`, of any depth, one- or bidirectional.

    Source: Schuster & Paliwal 1997 (bidirectional); Cho et al. 2014 (GRU).
    Cost: linear in the number of real positions.

    Raises:
        ValueError: `recurrence` is not batch first.

    >>> encoder = RecurrentEncoder(nn.GRU(4, 3, bidirectional=True, batch_first=True))
    >>> states, final = encoder(torch.zeros(2, 5, 4), torch.tensor([5, 2]))
    >>> states.shape, final.shape
    (torch.Size([2, 5, 6]), torch.Size([2, 6]))
    """

    def __init__(self, recurrence: nn.GRU | nn.LSTM) -> None:
        super().__init__()
        if not recurrence.batch_first:
            raise ValueError("the recurrence must be made with batch_first=True")
        self.recurrence = recurrence
        state_dim = recurrence.proj_size or recurrence.hidden_size
        self.output_dim = state_dim * (2 if recurrence.bidirectional else 1)

    def forward(
        self, inputs: Float[Tensor, "batch length input_dim"], lengths: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch length output_dim"], Float[Tensor, "batch output_dim"]]:
        """Return the last layer's states, and its final ones (both directions side by side).

        States beyond a sequence's length are 0, and so are all those of an empty sequence.

        Raises:
            ValueError: a length is negative or above the number of positions.
        """
        batch, length, _ = inputs.shape
        real = masks.padding(lengths.to(inputs.device), length).transpose(-2, -1)
        if batch == 0 or length == 0:
            empty = inputs.new_zeros(batch, length, self.output_dim)
            return empty, inputs.new_zeros(batch, self.output_dim)
        # An empty sequence is read as one of length 1 and blanked afterwards.
        packed = pack_padded_sequence(
            inputs, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        packed_states, final = self.recurrence(packed)
        states, _ = pad_packed_sequence(packed_states, batch_first=True, total_length=length)
        hidden = final[0] if isinstance(final, tuple) else final
        directions = 2 if self.recurrence.bidirectional else 1
        last_layer = hidden[-directions:].transpose(0, 1).flatten(1)
        return states.masked_fill(~real, 0), last_layer.masked_fill(~real[:, 0], 0)


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
