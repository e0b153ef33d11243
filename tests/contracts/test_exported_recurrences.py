"""Exported, recurrences of any kind read padded sequences as they do in Python."""

from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from regard.nn import RecurrentEncoder
from tests.drawing import draws

pytestmark = pytest.mark.compiled

AXES = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, {0: Dim.DYNAMIC}

RECURRENCES: dict[str, tuple[type[nn.GRU] | type[nn.LSTM], dict[str, Any]]] = {
    "gru": (nn.GRU, {}),
    "lstm": (nn.LSTM, {"bias": False}),
    "both ways": (nn.GRU, {"bidirectional": True, "bias": False}),
    "deep": (nn.LSTM, {"bidirectional": True, "num_layers": 2}),
}


def made(name: str) -> RecurrentEncoder:
    cell, options = RECURRENCES[name]
    return RecurrentEncoder(cell(4, 3, batch_first=True, **options)).eval()


def sequences(lengths: list[int], padding: int = 0) -> tuple[Tensor, Tensor]:
    shape = len(lengths), max(lengths) + padding, 4
    return draws(len(lengths), torch.float32)(*shape), torch.tensor(lengths)


def given() -> list[tuple[Tensor, Tensor]]:
    """Return sequences other than those that are exported with."""
    return [
        sequences([1]),
        sequences([0, 1], padding=1),
        sequences([0], padding=2),
        sequences([60, 1, 0, 33, 60], padding=3),
    ]


@pytest.mark.parametrize("name", RECURRENCES)
def test_an_exported_recurrence_is_the_recurrence(name: str) -> None:
    encoder = made(name)
    example = sequences([5, 3, 0])
    exported = torch.export.export(encoder, example, dynamic_shapes=AXES).module()
    for sequence, lengths in given():
        with torch.no_grad():
            found, wanted = exported(sequence, lengths), encoder(sequence, lengths)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["both ways", "deep"])
def test_in_onnx_it_is_one_operator_a_layer(name: str) -> None:
    encoder = made(name)
    program: Any = torch.onnx.export(
        encoder, sequences([5, 3, 0]), dynamic_shapes=AXES, dynamo=True, verbose=False
    )
    operators = [node.op_type for node in program.model.graph]
    kind = type(encoder.recurrence).__name__
    assert operators.count(kind) == encoder.recurrence.num_layers
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    names = [each.name for each in session.get_inputs()]
    for asked in given():
        feed = dict(zip(names, (tensor.numpy() for tensor in asked), strict=True))
        found = [torch.from_numpy(result) for result in session.run(None, feed)]
        with torch.no_grad():
            wanted = encoder(*asked)
        torch.testing.assert_close(found, list(wanted), rtol=1e-5, atol=1e-6)


def test_projected_states_are_refused() -> None:
    encoder = RecurrentEncoder(nn.LSTM(4, 3, proj_size=2, batch_first=True)).eval()
    with pytest.raises(ValueError, match="projects its states"):
        torch.export.export(encoder, sequences([5, 3, 0]), dynamic_shapes=AXES)
