"""Greedy decoding: the most probable token, again and again."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.decoding.lengths import LENGTH_PENALTY, length_limits, length_penalties
from regard.decoding.steps import advance
from regard.decoding.trellis import Ends, Trellis
from regard.interfaces import BOS, EOS, Hypothesis, State, StepDecoder, Tokens

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
    penalties = length_penalties(int(limits.max()), length_penalty, limits.device)
    sentence = torch.arange(len(limits), device=limits.device)
    token = torch.full_like(sentence, BOS)
    log_prob = torch.zeros(len(limits), device=limits.device)
    length = torch.zeros_like(sentence)
    state = decoder.start(source)
    trellis = Trellis()
    while True:
        log_probs, alignment, state = advance(decoder, state, token)
        best, token = log_probs.max(dim=1)  # of equals the first, by its documentation
        log_prob[sentence] += best
        length[sentence] += 1
        _record(trellis, len(limits), sentence, token, alignment)
        unfinished = (token != EOS) & (length < limits)[sentence]
        keep = unfinished.nonzero().squeeze(1)  # the one wait for the device
        if not len(keep):
            break
        if len(keep) < len(token):
            sentence, token, state = sentence[keep], token[keep], decoder.reorder(state, keep)
    columns = (log_prob / penalties[length], log_prob, length, torch.zeros_like(length))
    ends = Ends(*(column.unsqueeze(1) for column in columns))
    return [hypothesis for (hypothesis,) in trellis.hypotheses(ends, source.lengths)]


def _record(
    trellis: Trellis,
    num_sentences: int,
    sentence: Int[Tensor, " rows"],
    token: Int[Tensor, " rows"],
    alignment: Float[Tensor, "rows source"],
) -> None:
    """Add a step of one slot per sentence, also for the sentences that have left the batch."""
    nowhere = torch.zeros(num_sentences, 1, dtype=torch.long, device=token.device)
    written, row = nowhere.clone(), nowhere.clone()
    written[sentence, 0] = token
    row[sentence, 0] = torch.arange(len(sentence), device=token.device)
    trellis.add(written, nowhere, row, alignment)
