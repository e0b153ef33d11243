"""Which layers are recorded, how much memory that takes, and calls under each other."""

import pytest
import torch
from torch import Tensor, nn

from regard import record
from regard.functional.masks import Window
from regard.nn import CachedMultiHeadAttention, MultiHeadAttention
from tests.cases import WIDTH
from tests.drawing import draws

draw = draws(dtype=torch.float32)
TEXT = draw(3, 5, WIDTH)


class Two(nn.Module):
    """Attention of two makes, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = MultiHeadAttention(WIDTH, 2)
        self.second = nn.MultiheadAttention(WIDTH, 2, batch_first=True)

    def forward(self, text: Tensor) -> Tensor:
        text = self.first(text, text, text)
        return self.second(text, text, text, need_weights=False)[0]


class Writing(nn.Module):
    """A decoder reduced to attention among what it has written, which it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = CachedMultiHeadAttention(WIDTH, 2)

    def forward(self, text: Tensor, sizes: list[int]) -> None:
        end = 0
        for size in sizes:
            end += size
            memory = self.attention.memory(text[:, :end], text[:, :end])
            self.attention(text[:, end - size : end], memory, mask=Window(None, 0))


def test_layers_of_different_makes_stand_in_one_record() -> None:
    model = Two().eval()
    with record(model) as seen:
        model(TEXT)
    assert seen.layers == ["first", "second"]
    assert [seen[name].weights().shape for name in seen.layers] == [(3, 2, 5, 5)] * 2


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("first", ["first"]),
        (["second"], ["second"]),
        ("*", ["first", "second"]),
        (["sec*", "first"], ["first", "second"]),
        ([], []),
    ],
)
def test_chosen_layers_alone_are_recorded(wanted: str | list[str], found: list[str]) -> None:
    model = Two().eval()
    with record(model, wanted) as seen:
        assert ("forward" in vars(model.second)) == ("second" in found)
        assert ("forward" in vars(model.first)) == ("first" in found)
        model(TEXT)
    assert seen.layers == found
    assert all(len(seen[name]) == 1 for name in found)


def test_layers_that_are_not_there_are_refused() -> None:
    said = r"no attention layer is named 'third\*'; there are first, second"
    with pytest.raises(ValueError, match=said), record(Two(), ["first", "third*"]):
        pass


def test_memory_counts_what_layers_share_once() -> None:
    model = Two().eval()
    with record(model) as seen:
        assert seen.num_bytes == 0
        model(TEXT)
        # What each is given as query, key and value is one tensor.
        assert seen.num_bytes == 2 * 4 * TEXT.numel()
        model(TEXT)
    assert seen.num_bytes == 3 * 4 * TEXT.numel()
    with record(model, "second") as seen:
        model(TEXT)
    assert seen.num_bytes == 4 * TEXT.numel()


def test_steps_that_add_to_the_keys_are_one_alignment() -> None:
    model = Writing()
    with record(model) as steps:
        model(TEXT, [2, 1, 1, 1])
    with record(model) as at_once:
        model(TEXT, [5])
    found = steps["attention"].alignment()
    assert found.shape == (3, 2, 5, 5)
    assert found.triu(1).abs().sum() == 0
    torch.testing.assert_close(found, at_once["attention"].weights(), rtol=0, atol=1e-6)


def test_calls_whose_keys_are_others_have_no_alignment() -> None:
    model = Writing()
    with record(model) as seen:
        model(TEXT, [2, 1])
        model(TEXT, [2, 1])
    with pytest.raises(ValueError, match=r"attention differ in batch or keys .*one by one"):
        seen["attention"].alignment()
