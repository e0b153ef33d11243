"""The recurrent encoder runs every sequence as if it stood alone."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from regard.nn import RecurrentEncoder
from tests.cases import WIDTH
from tests.drawing import draws

LENGTHS = torch.tensor([5, 2, 0, 3, 1])

RECURRENCES: dict[str, tuple[type[nn.GRU] | type[nn.LSTM], dict[str, Any]]] = {
    "gru": (nn.GRU, {}),
    "lstm": (nn.LSTM, {}),
    "bidirectional gru": (nn.GRU, {"bidirectional": True}),
    "projected lstm": (nn.LSTM, {"proj_size": 2}),
    "deep bidirectional lstm": (nn.LSTM, {"bidirectional": True, "num_layers": 2}),
}


def made(name: str) -> RecurrentEncoder:
    cell, options = RECURRENCES[name]
    return RecurrentEncoder(cell(WIDTH, 3, batch_first=True, **options)).double()


def inputs(length: int = 5) -> Tensor:
    return draws()(5, length, WIDTH)


@pytest.mark.parametrize("name", RECURRENCES)
def test_shapes_are_announced(name: str) -> None:
    encoder = made(name)
    states, final = encoder(inputs(), LENGTHS)
    assert states.shape == (5, 5, encoder.output_dim)
    assert final.shape == (5, encoder.output_dim)


@pytest.mark.parametrize("name", RECURRENCES)
def test_states_beyond_the_end_are_zero(name: str) -> None:
    states, final = made(name)(inputs(), LENGTHS)
    padding = torch.arange(5) >= LENGTHS.unsqueeze(-1)
    assert states[padding].abs().sum().item() == 0
    assert (states[~padding] != 0).all()
    assert final[2].abs().sum().item() == 0


@pytest.mark.parametrize("name", RECURRENCES)
def test_final_state_is_the_last_real_one(name: str) -> None:
    encoder = made(name)
    states, final = encoder(inputs(), LENGTHS)
    directions = 2 if encoder.recurrence.bidirectional else 1
    hidden = encoder.output_dim // directions
    for row, length in enumerate(LENGTHS.tolist()):
        if length:
            forward = states[row, length - 1, :hidden]
            torch.testing.assert_close(final[row, :hidden], forward, rtol=0, atol=0)
            backward = states[row, 0, hidden:]
            torch.testing.assert_close(final[row, hidden:], backward, rtol=0, atol=0)


@pytest.mark.parametrize("name", RECURRENCES)
def test_padding_changes_no_state(name: str) -> None:
    encoder, sequence = made(name), inputs()
    longer = torch.cat([sequence, 1e3 * draws(1)(5, 4, WIDTH)], dim=1)
    states, final = encoder(sequence, LENGTHS)
    longer_states, longer_final = encoder(longer, LENGTHS)
    torch.testing.assert_close(longer_states[:, :5], states, rtol=1e-12, atol=1e-12)
    assert longer_states[:, 5:].abs().sum().item() == 0
    torch.testing.assert_close(longer_final, final, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (0, 0)], ids=str)
def test_nothing_to_read(shape: tuple[int, int]) -> None:
    encoder = made("bidirectional gru")
    lengths = torch.zeros(shape[0], dtype=torch.long)
    states, final = encoder(torch.zeros(*shape, WIDTH, dtype=torch.float64), lengths)
    assert states.shape == (*shape, 6)
    assert final.tolist() == [[0.0] * 6] * shape[0]


def test_all_sequences_may_be_empty() -> None:
    states, final = made("gru")(inputs(), torch.zeros(5, dtype=torch.long))
    assert states.abs().sum().item() == 0
    assert final.abs().sum().item() == 0
