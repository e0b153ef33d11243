"""Masks as others have them: added to the scores, or causal from the first key on."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["lower_triangle", "taken_apart"]


def taken_apart(
    added: Float[Tensor, "*shape"],
) -> tuple[Bool[Tensor, "*shape"] | None, Float[Tensor, "*shape"]]:
    """Return who may attend whom, and a bias without -inf, of what is added to the scores.

    >>> taken_apart(torch.tensor([0.5, -torch.inf]))
    (tensor([ True, False]), tensor([0.5000, 0.0000]))
    """
    allowed = added > -torch.inf
    if allowed.all():
        return None, added
    return allowed, added.masked_fill(~allowed, 0.0)


def lower_triangle(query_len: int, key_len: int, device: torch.device) -> Bool[Tensor, "query key"]:
    """Let query i attend the keys up to i: causal, but aligned to the first key, not the last.

    >>> lower_triangle(2, 3, torch.device("cpu"))
    tensor([[ True, False, False],
            [ True,  True, False]])
    """
    return torch.ones(query_len, key_len, dtype=torch.bool, device=device).tril()
