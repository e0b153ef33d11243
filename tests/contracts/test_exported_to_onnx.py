"""What ONNX has no operator for, or another one, gives there what it gives in PyTorch."""

from collections.abc import Callable
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

import regard
from regard import masks, scores
from regard.interfaces import Tokens
from regard.nn.ngrams import Ngrams
from tests.drawing import VOCAB, draws, sentences

pytestmark = pytest.mark.compiled

AXES = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}


class Asking(nn.Module):
    """A function of tensors as a program."""

    def __init__(self, ask: Callable[..., Tensor]) -> None:
        super().__init__()
        self.ask = ask

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.ask(first, second)


def exported(
    ask: Callable[..., Tensor], example: tuple[Tensor, Tensor], axes: Any
) -> Callable[..., Tensor]:
    """Return what runs a function in ONNX Runtime."""
    program: Any = torch.onnx.export(
        Asking(ask).eval(), example, dynamic_shapes=axes, dynamo=True, verbose=False
    )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    names = [each.name for each in session.get_inputs()]

    def run(*given: Tensor) -> Tensor:
        feed = dict(zip(names, (tensor.numpy() for tensor in given), strict=True))
        return torch.from_numpy(session.run(None, feed)[0])

    return run


def test_who_may_attend_nothing_gets_nothing() -> None:
    def ask(sequence: Tensor, lengths: Tensor) -> Tensor:
        mask = masks.padding(lengths, sequence.shape[1])
        return regard.attention(sequence, sequence, sequence, mask=mask)

    def given(*lengths: int) -> tuple[Tensor, Tensor]:
        return draws(1, torch.float32)(len(lengths), max(lengths), 4), torch.tensor(lengths)

    run = exported(ask, given(5, 2, 0), (AXES, {0: Dim.DYNAMIC}))
    for asked in (given(7, 0), given(0, 1, 3, 9)):
        found = run(*asked)
        torch.testing.assert_close(found, ask(*asked), rtol=1e-5, atol=1e-6)
        assert found[asked[1] == 0].abs().sum().item() == 0


def test_distances_are_distances() -> None:
    draw = draws(2, torch.float32)
    run = exported(scores.inverse_distance, (draw(2, 3, 4), draw(2, 5, 4)), (AXES, AXES))
    for shape in ((1, 1), (3, 7)):
        query, key = draw(*shape, 4), draw(*shape, 4)
        key[0, 0] = query[0, 0]
        wanted = scores.inverse_distance(query, key)
        torch.testing.assert_close(run(query, key), wanted, rtol=1e-5, atol=1e-6)


def known(number: int) -> Ngrams:
    """Draw so many known pairs of words."""
    every = torch.tensor([VOCAB * first + last for first in range(4, 11) for last in range(4, 11)])
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(number))
    return Ngrams(VOCAB, [every[order[:number]].sort().values])


def test_known_ngrams_are_found() -> None:
    ngrams, lengths = known(20), [200, 0, 50]
    ask = Asking(lambda ids, lengths: ngrams(Tokens(ids, lengths)))
    run = exported(ask, tuple(sentences([5, 3, 0])), (AXES, {0: Dim.DYNAMIC}))
    for text in (sentences([1]), sentences(lengths, seed=3)):
        torch.testing.assert_close(run(*text), ngrams(text), rtol=0, atol=0)


@pytest.mark.parametrize("number", [0, 1, 2, 3, 7, 8, 9, 49])
def test_however_many_are_known(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ngrams, text = known(number), sentences([200, 0, 50])
    wanted = ngrams(text)
    monkeypatch.setattr("regard.nn.ngrams.for_onnx", lambda: True)
    torch.testing.assert_close(ngrams(text), wanted, rtol=0, atol=0)
