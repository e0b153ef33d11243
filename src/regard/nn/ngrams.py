"""Which known n-grams stand in a text: words, pairs of words, and so on, by their numbers."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

from regard.functional import masks
from regard.functional.exported import for_onnx
from regard.interfaces import PAD, UNK, Tokens

__all__ = ["Ngrams"]


class Ngrams(nn.Module):
    r"""Number the known n-grams of texts; 0 is none. An unknown word is in no known one.

    A word has the number of its id. A longer n-gram has the key
    $\text{number of all but its last word} \cdot \text{vocab} + \text{last word}$; those whose key
    is known are numbered on, level by level. So an n-gram is known only if its beginning is.

    Args:
        vocab: number of word ids.
        keys: the known keys of each length from 2 words upwards, in rising order.

    Cost: length x levels x log(number of keys).

    >>> pairs = Ngrams(10, [torch.tensor([4 * 10 + 5, 5 * 10 + 4])])
    >>> pairs(Tokens(torch.tensor([[4, 5, 4, 9]]), torch.tensor([4])))
    tensor([[[ 4,  5,  4,  9],
             [10, 11,  0,  0]]])
    """

    def __init__(self, vocab: int, keys: Sequence[Int[Tensor, " _known"]] = ()) -> None:
        super().__init__()
        self.vocab = vocab
        self.longest = 1 + len(keys)
        for level, known in enumerate(keys):
            self.register_buffer(f"keys_{level}", known, persistent=False)

    @property
    def keys(self) -> list[Int[Tensor, " _known"]]:
        """The known keys of each length from 2 words upwards."""
        return [getattr(self, f"keys_{level}") for level in range(self.longest - 1)]

    def __len__(self) -> int:
        """Return how many numbers there are, 0 among them."""
        return self.vocab + sum(map(len, self.keys))

    def forward(self, text: Tokens) -> Int[Tensor, "batch longest length"]:
        """Return the number of the n-gram of each length that begins at each position."""
        ids = text.ids.long()  # keys are too large for narrower integers
        real = masks.real(text).squeeze(-2)
        numbers = [ids.masked_fill(~real | (ids == UNK), PAD)]
        first = self.vocab
        for level, keys in enumerate(self.keys, start=1):
            numbers.append(self._numbers(keys, first, self.keys_of(numbers[-1], numbers[0], level)))
            first += len(keys)
        return torch.stack(numbers, dim=1)

    def keys_of(self, prefixes: Tensor, words: Tensor, level: int) -> Int[Tensor, "batch length"]:
        """Return the key of the n-gram that begins at each position; -1 where there is none.

        Args:
            prefixes: numbers of the n-grams that are one word shorter.
            level: how many words those have.
        """
        last = F.pad(words, (0, level))[:, level:]
        return torch.where((prefixes > 0) & (last > 0), prefixes * self.vocab + last, -1)

    @staticmethod
    def _numbers(keys: Tensor, first: int, wanted: Tensor) -> Tensor:
        if not len(keys):
            return torch.zeros_like(wanted)
        place = _place(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where(keys[place] == wanted, first + place, 0)


def _place(keys: Int[Tensor, " known"], wanted: Tensor) -> Tensor:
    """Return how many of the rising keys are below each that is wanted."""
    if not for_onnx():
        return torch.searchsorted(keys, wanted)
    # ONNX has no such search: half of the keys that are left are passed over, if they are below.
    place = torch.zeros_like(wanted)
    for power in reversed(range(len(keys).bit_length())):
        further = place + 2**power
        below = keys[further.clamp(max=len(keys)) - 1] < wanted
        place = torch.where(below & (further <= len(keys)), further, place)
    return place
