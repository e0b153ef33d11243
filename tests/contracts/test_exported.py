"""Exported with axes that may vary, attention and its layers give what they give in Python."""

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

import regard
from tests.cases import MAX_LEN, WIDTH, LayerCase, over
from tests.drawing import draws
from tests.layer_cases import LAYERS
from tests.questions import PAIRS, Pair, question

# Runtime type checks fix the sizes of an exported program, so these run without them.
pytestmark = pytest.mark.compiled

BATCH, QUERY, KEY = Dim("batch", max=64), Dim("query", max=64), Dim("key", max=MAX_LEN)


class Ask(nn.Module):
    """One call of attention as a program of its inputs."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        asked = question(pair, dtype=torch.float32)
        self.score, self.normalizer = asked.score, asked.normalizer
        for parameter in asked.leaves.values():
            parameter.requires_grad_(False)  # constants of the program

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, bias: Tensor
    ) -> Tensor:
        return regard.attention(
            query,
            key,
            value,
            score=self.score,
            normalizer=self.normalizer,
            mask=mask,
            bias=bias,
        )


def inputs(pair: Pair, batch: int, query_len: int, key_len: int) -> tuple[Tensor, ...]:
    asked = question(pair, (batch,), query_len=query_len, key_len=key_len, dtype=torch.float32)
    mask = draws(3)(batch, query_len, key_len) > -0.3
    mask[0, 0] = False  # nothing to attend to
    bias = draws(4, torch.float32)(query_len, key_len)
    return asked.query.detach(), asked.key.detach(), asked.value.detach(), mask, bias


@over(PAIRS)
def test_exported_attention_is_attention(case: Pair) -> None:
    axes = (
        {0: BATCH, 1: QUERY},
        {0: BATCH, 1: KEY},
        {0: BATCH, 1: KEY},
        {0: BATCH, 1: QUERY, 2: KEY},
        {0: QUERY, 1: KEY},
    )
    ask = Ask(case)
    exported = torch.export.export(ask, inputs(case, 2, 3, 5), dynamic_shapes=axes).module()
    for sizes in [(2, 3, 5), (4, 2, 9), (3, 7, 4)]:
        given = inputs(case, *sizes)
        context = exported(*given)
        torch.testing.assert_close(context, ask(*given), rtol=1e-5, atol=1e-6)
        assert context[0, 0].abs().sum().item() == 0


class Read(nn.Module):
    """The reading of a layer as a program of sequences and their lengths."""

    def __init__(self, case: LayerCase) -> None:
        super().__init__()
        self.case, self.layer = case, case.make()

    def forward(self, sequence: Tensor, lengths: Tensor) -> Tensor:
        return self.case.read(self.layer, sequence, lengths)


@over([case for case in LAYERS if case.exportable])
def test_exported_layer_is_the_layer(case: LayerCase) -> None:
    read = Read(case)
    example = draws(dtype=torch.float32)(4, 5, WIDTH), torch.tensor([5, 2, 0, 3])
    axes = ({0: BATCH, 1: KEY}, {0: BATCH})
    exported = torch.export.export(read, example, dynamic_shapes=axes).module()
    for length in (5, 9):
        sequence = draws(length, torch.float32)(3, length, WIDTH)
        lengths = torch.tensor([length, 0, 2])
        result = exported(sequence, lengths)
        torch.testing.assert_close(result, read(sequence, lengths), rtol=1e-5, atol=1e-6)
