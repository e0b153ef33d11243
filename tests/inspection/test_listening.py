"""Only the layer itself is listened to, while the block runs, and only as Python."""

import copy
import io

import pytest
import torch
from torch._dynamo.exc import Unsupported

from regard import record
from regard.nn import MultiHeadAttention
from tests.cases import WIDTH
from tests.drawing import draws

TEXT = draws(dtype=torch.float32)(3, 5, WIDTH)


def test_nobody_listens_to_what_was_copied_or_saved() -> None:
    layer, file = MultiHeadAttention(WIDTH, 2), io.BytesIO()
    with record(layer) as seen:
        copied = copy.deepcopy(layer)
        torch.save(layer, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=False)
        wanted = layer(TEXT, TEXT, TEXT)
        for other in (copied, loaded):
            torch.testing.assert_close(other(TEXT, TEXT, TEXT), wanted, rtol=0, atol=0)
            other.value.weight.data.zero_()
            assert not torch.equal(other(TEXT, TEXT, TEXT), wanted)
        torch.testing.assert_close(layer(TEXT, TEXT, TEXT), wanted, rtol=0, atol=0)
    assert len(seen.only()) == 2


@pytest.mark.compiled
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_whole_graph_cannot_be_recorded() -> None:
    torch.compiler.reset()
    layer = MultiHeadAttention(WIDTH, 2)
    whole = torch.compile(layer, backend="eager", fullgraph=True)
    with record(layer), pytest.raises(Unsupported, match="compile without fullgraph=True"):
        whole(TEXT, TEXT, TEXT)
    in_parts = torch.compile(layer, backend="eager")
    with record(layer) as seen:
        in_parts(TEXT, TEXT, TEXT)
    wanted = layer.weights(TEXT, TEXT, TEXT)
    torch.testing.assert_close(seen.only().weights(), wanted, rtol=0, atol=0)
