"""Forced decoding: follow translations that are given, as if the decoder had chosen them."""

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F

from regard.decoding.following import follow
from regard.decoding.lengths import LENGTH_PENALTY, length_penalties
from regard.interfaces import BOS, EOS, PAD, Hypothesis, State, StepDecoder, Tokens

__all__ = ["force"]


@torch.no_grad()
def force(
    decoder: StepDecoder[State],
    source: Tokens,
    target: Tokens,
    *,
    length_penalty: float = LENGTH_PENALTY,
) -> list[Hypothesis]:
    """Return the hypothesis that writes the given target, for every source.

    A target has neither `BOS` nor `EOS`, and may be empty; the log-probability of the `EOS` that
    ends it counts, as in `greedy`. A sentence leaves the batch at its end.

    Source: Luong et al. 2015, section 5.4, where alignments are judged on reference translations.

    Raises:
        ValueError: there is not a target for each source, a target holds what is never written, or
            the decoder gives a token of one no finite probability.
    """
    _check(source, target)
    if not len(source.ids):
        return []
    device = source.ids.device
    lengths = target.lengths.to(device)
    given = _given(target.ids.to(device), lengths)
    return follow(
        decoder,
        decoder.start(source),
        lambda _log_probs: next(given),
        source_lengths=source.lengths,
        limits=lengths + 1,
        penalties=length_penalties(int(lengths.max()) + 1, length_penalty, device),
    )


def _given(
    ids: Int[Tensor, "batch target"], lengths: Int[Tensor, " batch"]
) -> Iterator[Int[Tensor, " rows"]]:
    """Give the tokens of step after step, of the rows that have not come to their end."""
    ended = F.pad(ids, (0, 1), value=PAD)
    ended[torch.arange(len(lengths), device=lengths.device), lengths] = EOS
    for step, column in enumerate(ended.unbind(dim=1)):
        yield column[lengths >= step]


def _check(source: Tokens, target: Tokens) -> None:
    if len(source.ids) != len(target.ids):
        raise ValueError(f"there are {len(source.ids)} sources, but {len(target.ids)} targets")
    position = torch.arange(target.ids.shape[1], device=target.ids.device)
    real = position < target.lengths.to(target.ids.device).unsqueeze(1)
    for name, token in {"PAD": PAD, "BOS": BOS, "EOS": EOS}.items():
        if bool((real & (target.ids == token)).any()):
            raise ValueError(f"a target that is to be followed cannot hold {name}")
