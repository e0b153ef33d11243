"""Random inputs for tests: the same for the same seed."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from regard.interfaces import Tokens

Draw = Callable[..., Tensor]
"""Draws a tensor of standard normal numbers of the given shape."""

VOCAB = 11
"""How many tokens `sentences` draws from, the four special ones included."""


def draws(seed: int = 0, dtype: torch.dtype = torch.float64) -> Draw:
    """Return a function that draws the same numbers for the same seed, whatever the dtype."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return draw


def sentences(lengths: Sequence[int], seed: int = 0) -> Tokens:
    """Draw sentences of these lengths, without special tokens, padded at the end."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, VOCAB, (len(lengths), max(lengths, default=0)), generator=generator)
    counted = torch.tensor(lengths, dtype=torch.long)
    return Tokens(ids * (torch.arange(ids.shape[1]) < counted.unsqueeze(-1)), counted)
