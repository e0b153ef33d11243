"""Follow one hypothesis a row, token by token, however the next one is chosen."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.decoding.steps import advance
from regard.decoding.trellis import Ends, Trellis
from regard.interfaces import BOS, EOS, Hypothesis, StepDecoder

__all__ = ["Choose", "follow"]

Choose = Callable[[Float[Tensor, "rows vocab"]], Int[Tensor, " rows"]]
"""Chooses the next token of every row by its log-probabilities."""


def follow(
    decoder: StepDecoder[Any],
    state: Any,
    choose: Choose,
    *,
    source_lengths: Int[Tensor, " rows"],
    limits: Int[Tensor, " rows"],
    penalties: Float[Tensor, " lengths"],
) -> list[Hypothesis]:
    """Write one hypothesis for every row of a state before the first token.

    A row leaves the batch when it has written `EOS`, or as many tokens as its limit says.

    Args:
        penalties: what the log-probability of a hypothesis of each length is divided by.

    Raises:
        ValueError: a row has no token of finite probability.
    """
    row = torch.arange(len(limits), device=limits.device)
    token = torch.full_like(row, BOS)
    log_prob = torch.zeros(len(limits), device=limits.device)
    length = torch.zeros_like(row)
    trellis = Trellis()
    while True:
        log_probs, alignment, state = advance(decoder, state, token)
        token = choose(log_probs)
        log_prob[row] += log_probs.gather(1, token.unsqueeze(1)).squeeze(1)
        length[row] += 1
        _record(trellis, len(limits), row, token, alignment)
        unfinished = (token != EOS) & (length < limits)[row]
        keep = unfinished.nonzero().squeeze(1)  # the one wait for the device
        if not len(keep):
            break
        if len(keep) < len(token):
            row, token, state = row[keep], token[keep], decoder.reorder(state, keep)
    columns = (log_prob / penalties[length], log_prob, length, torch.zeros_like(length))
    ends = Ends(*(column.unsqueeze(1) for column in columns))
    return [hypothesis for (hypothesis,) in trellis.hypotheses(ends, source_lengths)]


def _record(
    trellis: Trellis,
    num_rows: int,
    row: Int[Tensor, " rows"],
    token: Int[Tensor, " rows"],
    alignment: Float[Tensor, "rows source"],
) -> None:
    """Add a step of one slot per row, also for the rows that have left the batch."""
    nowhere = torch.zeros(num_rows, 1, dtype=torch.long, device=token.device)
    written, place = nowhere.clone(), nowhere.clone()
    written[row, 0] = token
    place[row, 0] = torch.arange(len(row), device=token.device)
    trellis.add(written, nowhere, place, alignment)
