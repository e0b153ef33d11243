"""One step of a decoder, as every search needs it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.interfaces import BOS, PAD, State, StepDecoder

__all__ = ["advance", "best_tokens"]


def advance(
    decoder: StepDecoder[State], state: State, token: Int[Tensor, " rows"]
) -> tuple[Float[Tensor, "rows vocab"], Float[Tensor, "rows source"], State]:
    """Return the log-probabilities of every row's next token, where it looked, and the new state.

    Both in float32; `PAD` and `BOS`, which are never written, have log-probability -inf.
    """
    log_probs, state = decoder.step(state, token)
    log_probs = log_probs.to(torch.float32, copy=True)  # a decoder may hand out its own table
    log_probs[:, PAD] = -torch.inf
    log_probs[:, BOS] = -torch.inf
    return log_probs, decoder.alignment(state).float(), state


def best_tokens(
    log_probs: Float[Tensor, "rows vocab"], count: int
) -> tuple[Float[Tensor, "rows count"], Int[Tensor, "rows count"]]:
    """Return the most probable tokens of every row, best first, the lower id first among equals.

    `topk` alone leaves open which of several equals it takes. Here it sorts integers without
    equals: the bits of a float without its sign (log-probabilities have no other sign than minus)
    sort as the float does, and the token id below them decides the rest.
    """
    ids = torch.arange(log_probs.shape[1], device=log_probs.device)
    order = log_probs.abs().view(torch.int32).long()
    order <<= 32  # in place: on a CPU, memory for another copy costs more than the sorting
    order |= ids
    tokens = order.topk(min(count, len(ids)), dim=1, largest=False).indices
    return log_probs.gather(1, tokens), tokens
