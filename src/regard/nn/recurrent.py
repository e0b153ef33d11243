"""Recurrent encoding whose result does not depend on padding."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from regard.functional import masks
from regard.nn.attention import autocast
from regard.nn.dropout import Dropout, dropout
from regard.nn.scan import GRUCell, LSTMCell, Weights, scan
from regard.nn.unpacked import unpacked

__all__ = ["RecurrentEncoder", "RecurrentLayers"]


class RecurrentEncoder(nn.Module):
    """Run a GRU or LSTM over padded sequences as if each stood alone.

    On a CPU, PyTorch's recurrences take minutes for the gradients of many packed sequences: there
    its weights are used by `regard.nn.scan`.

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
        if torch.compiler.is_exporting():
            return unpacked(self.recurrence, inputs, lengths)
        batch, length, _ = inputs.shape
        real = masks.padding(lengths.to(inputs.device), length).transpose(-2, -1)
        if batch == 0 or length == 0 or not real.any():
            empty = inputs.new_zeros(batch, length, self.output_dim)
            return empty, inputs.new_zeros(batch, self.output_dim)
        if inputs.device.type == "cpu" and not self.recurrence.proj_size:
            return self._scanned(inputs, lengths.to(inputs.device))
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

    def _scanned(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        recurrence = self.recurrence
        cell = GRUCell if isinstance(recurrence, nn.GRU) else LSTMCell
        packing = _pack(lengths, inputs.shape[1], 2 if recurrence.bidirectional else 1)
        layer_inputs, states = autocast(inputs), inputs
        for layer in range(recurrence.num_layers):
            if layer:
                layer_inputs = dropout(states, recurrence.dropout) if self.training else states
            weights = Weights(*(autocast(part) for part in _weights(recurrence, layer)))
            rows = layer_inputs.flatten(0, 1).index_select(0, packing.positions.flatten())
            rows = rows.unflatten(0, packing.positions.shape)
            with torch.autocast("cpu", enabled=False):
                scanned = scan(cell, rows, weights, packing.counts)
            states = _padded(scanned, packing, inputs.shape[:2])
        last = (lengths - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, self.output_dim)
        final = states.gather(1, last).squeeze(1)
        if recurrence.bidirectional:
            hidden = recurrence.hidden_size
            final = torch.cat([final[:, :hidden], states[:, 0, hidden:]], dim=-1)
        return states, final


class RecurrentLayers(nn.Module):
    """Run layers of GRUs or LSTMs with one bias per gate, as papers write them.

    PyTorch's have two. Here every layer reads a constant 1 beside its input.

    Args:
        two_biases: have two after all, for models that are known with them.
        residual: add to each layer's states, from the second on, those it read (Wu et al. 2016).
        dropout: between the layers.

    Source: Schuster & Paliwal 1997 (bidirectional); Cho et al. 2014 (GRU).
    Differs: with one bias, the candidate's of a GRU is the input's, and the reset gate does not
    weaken it.
    Cost: linear in the number of real positions.

    >>> layers = RecurrentLayers(4, 3, num_layers=2)
    >>> states, final = layers(torch.zeros(2, 5, 4), torch.tensor([5, 2]))
    >>> states.shape, final.shape
    (torch.Size([2, 5, 6]), torch.Size([2, 6]))
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        *,
        cell: Literal["gru", "lstm"] = "gru",
        num_layers: int = 1,
        bidirectional: bool = True,
        two_biases: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim = 2 * hidden_dim if bidirectional else hidden_dim
        self.layers = nn.ModuleList(
            RecurrentEncoder(
                {"gru": nn.GRU, "lstm": nn.LSTM}[cell](
                    (self.output_dim if layer else input_dim) + (0 if two_biases else 1),
                    hidden_dim,
                    bias=two_biases,
                    bidirectional=bidirectional,
                    batch_first=True,
                )
            )
            for layer in range(num_layers)
        )
        self.num_ones = 0 if two_biases else 1
        self.residual = residual
        self.dropout = Dropout(dropout)

    def forward(
        self, inputs: Float[Tensor, "batch length input_dim"], lengths: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch length output_dim"], Float[Tensor, "batch output_dim"]]:
        """Return the last layer's states and final ones, as `RecurrentEncoder` does."""
        first, *others = self.layers
        states, final = first(self._beside_one(inputs), lengths)
        for layer in others:
            above, final = layer(self._beside_one(self.dropout(states)), lengths)
            states = states + above if self.residual else above
        return states, final

    def _beside_one(self, inputs: Tensor) -> Tensor:
        return F.pad(inputs, (0, self.num_ones), value=1.0)


class _Packing(NamedTuple):
    """Where the rows of a scan come from, step by step: positions of the batch, laid flat."""

    positions: Int[Tensor, "directions rows"]
    counts: list[int]


def _pack(lengths: Int[Tensor, " batch"], length: int, num_directions: int) -> _Packing:
    """List the positions of each step, sequences in falling order of length."""
    order = lengths.argsort(descending=True, stable=True)
    falling = lengths[order]
    steps = torch.arange(length, device=lengths.device).unsqueeze(-1)
    real = steps < falling
    forwards, backwards = order * length + steps, order * length + falling - 1 - steps
    positions = torch.stack([forwards[real], backwards[real]][:num_directions])
    return _Packing(positions, [count for count in real.sum(dim=1).tolist() if count])


def _padded(
    rows: Float[Tensor, "directions rows hidden"], packing: _Packing, shape: torch.Size
) -> Float[Tensor, "batch length states"]:
    """Put rows back to their positions, the directions side by side, and 0 elsewhere."""
    directions, _, hidden = rows.shape
    side = torch.arange(directions, device=rows.device).unsqueeze(-1)
    places = packing.positions * directions + side
    padded = rows.new_zeros(shape[0] * shape[1] * directions, hidden)
    padded = padded.index_copy(0, places.flatten(), rows.flatten(0, 1))
    return padded.view(*shape, directions * hidden)


def _weights(recurrence: nn.GRU | nn.LSTM, layer: int) -> Weights:
    """Return the weights of a layer, its directions on an axis, in the order of the scan's gates.

    The gates of a PyTorch GRU are reset, update, candidate, with a bias on either side.
    """
    sides = ["", "_reverse"] if recurrence.bidirectional else [""]

    def stacked(name: str) -> Tensor:
        return torch.stack([getattr(recurrence, f"{name}_l{layer}{side}") for side in sides])

    of_input, of_state = stacked("weight_ih"), stacked("weight_hh")
    hidden, is_gru = recurrence.hidden_size, isinstance(recurrence, nn.GRU)
    if is_gru:
        of_input = of_input.roll(hidden, dims=1)
    if not recurrence.bias:
        return Weights(of_input, of_state, of_state.new_zeros(len(sides), 4 * hidden))
    bias, of_state_bias = stacked("bias_ih"), stacked("bias_hh")
    if is_gru:
        bias = F.pad(bias.roll(hidden, dims=1), (0, hidden))
        of_state_bias = F.pad(of_state_bias, (hidden, 0))
    return Weights(of_input, of_state, bias + of_state_bias)
