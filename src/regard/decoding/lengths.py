"""How long a hypothesis may become, and what its length is worth."""

import math
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.interfaces import Tokens

__all__ = [
    "LENGTH_PENALTY",
    "check_length_penalty",
    "length_limits",
    "length_penalties",
    "longest_hypothesis",
]

LENGTH_PENALTY = 1.0
"""The exponent of what hypotheses are ranked by; 1 comes near the mean over their tokens.

On Multi30k's validation pairs better than 0.6 (Vaswani 2017, §6.1) and 1.4.
"""


Length = TypeVar("Length", int, Tensor)


def longest_hypothesis(source_len: Length) -> Length:
    """Return how many tokens what is written for a source may have, if nothing else is said.

    As many as the decoder reads to write them, since that begins with `BOS`.

    Args:
        source_len: tokens of the source, its `EOS` counted, as that of the hypothesis is.
    """
    return 2 * source_len + 10


def length_limits(
    source: Tokens, max_len: int | Int[Tensor, " batch"] | None = None
) -> Int[Tensor, " batch"]:
    """Return the number of tokens each sentence may be given, its `EOS` counted.

    `None` allows twice the sentence's own source tokens and ten more (`longest_hypothesis`): never
    a number taken from the batch, so that a translation does not depend on its neighbours.

    Raises:
        ValueError: a limit is below 1, or a tensor of limits does not hold one per sentence.
    """
    # Where the ids are: what is decoded goes back into the model.
    lengths = source.lengths.to(source.ids.device)
    if max_len is None:
        return longest_hypothesis(lengths)
    if not isinstance(max_len, Tensor):
        if max_len < 1:
            raise ValueError(f"max_len must be at least 1; got {max_len}")
        return torch.full_like(lengths, max_len)
    if max_len.shape != source.lengths.shape:
        raise ValueError(
            f"max_len must hold one limit per sentence, shape {tuple(source.lengths.shape)}; "
            f"got {tuple(max_len.shape)}"
        )
    if bool((max_len < 1).any()):
        raise ValueError(f"max_len must be at least 1; got {int(max_len.min())}")
    return max_len.to(lengths)


def length_penalties(longest: int, exponent: float, device: torch.device) -> Float[Tensor, " len"]:
    r"""Return what the log-probability of a hypothesis of 0, 1, … `longest` tokens is divided by.

    $$\mathrm{lp}(Y) = \left(\frac{5 + |Y|}{6}\right)^\alpha$$

    `|Y|` counts `EOS`. An `exponent` of 0 leaves log-probabilities as they are.

    Source: Wu 2016, eq. 14.

    Raises:
        ValueError: the exponent is negative or not finite.
    """
    check_length_penalty(exponent)
    return ((5 + torch.arange(longest + 1, device=device)) / 6) ** exponent


def check_length_penalty(exponent: float) -> None:
    """Refuse what is no exponent."""
    if not (math.isfinite(exponent) and exponent >= 0):
        raise ValueError(f"length_penalty must be 0 or a positive number; got {exponent}")
