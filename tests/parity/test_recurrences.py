"""Recurrent steps and encoders against PyTorch's cells, and its recurrences run one by one."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard.nn import RecurrentEncoder, RecurrentLayers, scan
from regard.nn.cells import gru_step, lstm_step
from tests.drawing import draws
from tests.questions import leaf


def gates(cell: nn.GRUCell | nn.LSTMCell, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    return (
        F.linear(inputs, cell.weight_ih, cell.bias_ih),
        F.linear(state, cell.weight_hh, cell.bias_hh),
    )


def test_gru_step_is_a_gru_cell() -> None:
    cell = nn.GRUCell(4, 3).double()
    inputs, state = leaf(draws()(5, 4)), leaf(draws(1)(5, 3))
    new_state = gru_step(*gates(cell, inputs, state), state)
    wanted = cell(inputs, state)
    torch.testing.assert_close(new_state, wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad(new_state.square().sum(), [inputs, state]),
        torch.autograd.grad(wanted.square().sum(), [inputs, state]),
        rtol=1e-10,
        atol=1e-12,
    )


def test_lstm_step_is_an_lstm_cell() -> None:
    cell = nn.LSTMCell(4, 3).double()
    inputs, state, memory = leaf(draws()(5, 4)), leaf(draws(1)(5, 3)), leaf(draws(2)(5, 3))
    new_state, new_memory = lstm_step(*gates(cell, inputs, state), memory)
    wanted_state, wanted_memory = cell(inputs, (state, memory))
    torch.testing.assert_close(new_state, wanted_state, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(new_memory, wanted_memory, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        torch.autograd.grad((new_state * new_memory).sum(), [inputs, state, memory]),
        torch.autograd.grad((wanted_state * wanted_memory).sum(), [inputs, state, memory]),
        rtol=1e-10,
        atol=1e-12,
    )


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize(
    "options",
    [{}, {"bidirectional": True}, {"bidirectional": True, "num_layers": 2}, {"num_layers": 3}],
    ids=str,
)
def test_encoder_is_the_recurrence_run_for_each_sequence_alone(
    cell: type[nn.GRU] | type[nn.LSTM], options: dict[str, Any]
) -> None:
    recurrence = cell(4, 3, batch_first=True, **options).double()
    inputs, lengths = leaf(draws()(4, 6, 4)), [3, 6, 1, 4]
    states, final = RecurrentEncoder(recurrence)(inputs, torch.tensor(lengths))
    directions = 2 if options.get("bidirectional") else 1
    total = torch.zeros(())
    for row, length in enumerate(lengths):
        alone, hidden = recurrence(inputs[row : row + 1, :length])
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        torch.testing.assert_close(states[row, :length], alone[0], rtol=1e-10, atol=1e-12)
        last_layer = hidden[-directions:, 0].flatten()
        torch.testing.assert_close(final[row], last_layer, rtol=1e-10, atol=1e-12)
        total = total + alone.square().sum() + last_layer.square().sum()
    leaves = [inputs, *recurrence.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(states.square().sum() + final.square().sum(), leaves),
        torch.autograd.grad(total, leaves),
        rtol=1e-9,
        atol=1e-10,
    )


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_chunks_of_steps_are_the_whole(
    cell: type[nn.GRU] | type[nn.LSTM], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = RecurrentEncoder(cell(4, 3, batch_first=True, bidirectional=True)).double()
    inputs, lengths = leaf(draws()(5, 9, 4)), torch.tensor([3, 9, 0, 1, 7])
    leaves = [inputs, *encoder.parameters()]

    def asked(rows: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        monkeypatch.setattr(scan, "ROWS", rows)
        states, final = encoder(inputs, lengths)
        return states, torch.autograd.grad(states.square().sum() + final.sum(), leaves)

    whole, of_whole = asked(1000)
    for rows in (1, 6):
        states, gradients = asked(rows)
        torch.testing.assert_close(states, whole, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(gradients, of_whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_encoder_under_autocast_is_close(cell: type[nn.GRU] | type[nn.LSTM]) -> None:
    encoder = RecurrentEncoder(cell(4, 3, batch_first=True, bidirectional=True))
    inputs, lengths = draws(dtype=torch.float32)(4, 6, 4), torch.tensor([3, 6, 1, 4])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states, _ = encoder(inputs, lengths)
    assert states.dtype == torch.bfloat16
    torch.testing.assert_close(states.float(), encoder(inputs, lengths)[0], rtol=0, atol=0.03)
    states.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_layers_have_one_bias_per_gate(cell: Any) -> None:
    layers = RecurrentLayers(4, 3, cell=cell, num_layers=2).double()
    inputs, lengths = draws()(4, 6, 4), torch.tensor([3, 6, 1, 4])
    wanted = inputs
    for layer, width in zip(layers.layers, (4, 6), strict=True):
        recurrence = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](
            width, 3, batch_first=True, bidirectional=True
        ).double()
        for name, weight in layer.recurrence.named_parameters():
            with torch.no_grad():
                if name.startswith("weight_ih"):
                    getattr(recurrence, name).copy_(weight[:, :width])
                    getattr(recurrence, name.replace("weight", "bias")).copy_(weight[:, width])
                else:
                    getattr(recurrence, name).copy_(weight)
                    getattr(recurrence, name.replace("weight", "bias")).zero_()
        wanted = RecurrentEncoder(recurrence)(wanted, lengths)[0]
    torch.testing.assert_close(layers(inputs, lengths)[0], wanted, rtol=1e-10, atol=1e-12)
