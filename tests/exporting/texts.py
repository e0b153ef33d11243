"""Texts that exported programs are tried with."""

from collections.abc import Sequence

import torch

from regard.interfaces import PAD, Tokens
from tests.drawing import VOCAB

__all__ = ["texts", "texts_for"]

LENGTHS = [[9, 4, 0, 1], [1], [1, 1], [0, 0], [14, 3, 2, 1, 0, 9, 9]]
"""Batches and lengths other than those that programs are made with."""

LONG = [40, 2]
LIMITED = ("learned", "location", "matcher")
"""What the names of cases end in that take no text so long."""


def texts_for(name: str) -> list[Tokens]:
    """Draw texts of all these lengths for a case of this name."""
    lengths = LENGTHS if name.endswith(LIMITED) else [*LENGTHS, LONG]
    return [texts(each, seed=number) for number, each in enumerate(lengths)]


def texts(lengths: Sequence[int], seed: int = 0) -> Tokens:
    """Draw texts of any ids but padding, padded to the longest, and by two positions more."""
    generator = torch.Generator().manual_seed(seed)
    counted = torch.tensor(lengths)
    ids = torch.randint(1, VOCAB, (len(lengths), max(lengths) + 2), generator=generator)
    padding = torch.arange(ids.shape[1]) >= counted.unsqueeze(1)
    return Tokens(ids.masked_fill(padding, PAD), counted)
