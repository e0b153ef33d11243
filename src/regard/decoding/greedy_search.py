"""Greedy decoding: the most probable token, again and again."""

import torch
from jaxtyping import Int
from torch import Tensor

from regard.decoding.following import follow
from regard.decoding.lengths import LENGTH_PENALTY, length_limits, length_penalties
from regard.interfaces import Hypothesis, State, StepDecoder, Tokens

__all__ = ["greedy"]


# Not inference_mode: a table that a model fills on first use would stay unfit for training.
@torch.no_grad()
def greedy(
    decoder: StepDecoder[State],
    source: Tokens,
    *,
    max_len: int | Int[Tensor, " batch"] | None = None,
    length_penalty: float = LENGTH_PENALTY,
) -> list[Hypothesis]:
    """Write one hypothesis per sentence, each token the most probable after those before it.

    The lower id wins among equals; `PAD` and `BOS` are never written. A sentence leaves the
    batch when it has written `EOS`, or `max_len` tokens (`EOS` counts as one): then its hypothesis
    is returned unfinished. Without `max_len` the limit is twice the source's length plus ten.

    `length_penalty` chooses nothing here: it makes `score` comparable with `beam_search`.

    Raises:
        ValueError: an argument is out of range, or a sentence has no token of finite probability.
    """
    limits = length_limits(source, max_len)
    if not len(limits):
        return []
    return follow(
        decoder,
        decoder.start(source),
        lambda log_probs: log_probs.max(dim=1).indices,  # of equals the first, as documented
        source_lengths=source.lengths,
        limits=limits,
        penalties=length_penalties(int(limits.max()), length_penalty, limits.device),
    )
