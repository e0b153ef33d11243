"""Beam search: follow the most probable hypotheses of every sentence at once."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from regard.decoding.lengths import LENGTH_PENALTY, length_limits, length_penalties
from regard.decoding.steps import advance, best_tokens
from regard.decoding.trellis import Ends, Trellis
from regard.interfaces import BOS, EOS, PAD, Hypothesis, State, StepDecoder, Tokens

__all__ = ["beam_search"]


class _Beam(NamedTuple):
    """The hypotheses of every sentence after a step, best first, and one slot in reserve.

    A hypothesis that has ended keeps its slot, writing `PAD` at no cost, for as long as it is among
    the most probable. An empty slot has log-probability -inf.

    The reserve holds the greedy hypothesis while it lives and is not in the beam itself. So what
    greedy decoding would find is always among the hypotheses to choose from, no larger beam can
    score below it, and it costs a row only where the beam has dropped it.
    """

    token: Int[Tensor, "batch slots"]
    log_prob: Float[Tensor, "batch slots"]
    parent: Int[Tensor, "batch slots"]
    greedy: Int[Tensor, "batch 1"]

    @property
    def over(self) -> Bool[Tensor, "batch slots"]:
        return (self.token == EOS) | (self.token == PAD)


# Not inference_mode: a table that a model fills on first use would stay unfit for training.
@torch.no_grad()
def beam_search(
    decoder: StepDecoder[State],
    source: Tokens,
    *,
    beam_size: int,
    length_penalty: float = LENGTH_PENALTY,
    num_best: int = 1,
    max_len: int | Int[Tensor, " batch"] | None = None,
) -> list[list[Hypothesis]]:
    r"""Return up to `num_best` different hypotheses per sentence, highest score first.

    $$\mathrm{score}(Y) = \log p(Y) \Big/ \left(\frac{5 + |Y|}{6}\right)^\alpha$$

    with `length_penalty` for $\alpha$ and `EOS` counted in $|Y|$; at 0 the score is the
    log-probability. Each step keeps the `beam_size` most probable of all continuations, ended
    hypotheses among them. A hypothesis is given up only when it can no longer, however it goes on,
    score above the `num_best` best that ended; a sentence without others leaves the batch. What
    lives at `max_len` tokens, `EOS` counted, is ranked with the others as it is. Without `max_len`
    the limit is twice the source's length plus ten.

    A beam of 1 is `greedy`; a larger one never returns a best hypothesis scored below greedy's.
    Among equals the earlier hypothesis wins, then the lower token id; `PAD` and `BOS` are never
    written.

    Source: Wu 2016, §7 (its coverage penalty left out).
    Cost: at most `beam_size + 1` decoder rows per sentence and step.

    Raises:
        ValueError: an argument is out of range, or a sentence has no token of finite probability.
    """
    if beam_size < 1:
        raise ValueError(f"beam_size must be at least 1; got {beam_size}")
    if not 1 <= num_best <= beam_size:
        raise ValueError(f"num_best must lie between 1 and beam_size={beam_size}; got {num_best}")
    limits = length_limits(source, max_len)
    if not len(limits):
        return []
    penalties = length_penalties(int(limits.max()), length_penalty, limits.device)
    beam = _first_beam(limits, beam_size)
    ends = _no_ends(limits, num_best)
    rows = torch.arange(len(limits), device=limits.device) * (beam_size + 1)
    state = decoder.start(source)
    trellis = Trellis()
    for length in range(1, len(penalties)):
        log_probs, alignment, state = advance(decoder, state, beam.token.flatten()[rows])
        beam, row = _extend(beam, rows, log_probs)
        trellis.add(beam.token, beam.parent, row, alignment)
        ends = _merge(ends, _new_ends(beam, length, limits, penalties))
        live = _worth_going_on(beam, ends, length, limits, penalties)
        rows = live.flatten().nonzero().squeeze(1)  # the one wait for the device
        if not len(rows):
            break
        state = decoder.reorder(state, row.flatten()[rows])
    return trellis.hypotheses(ends, source.lengths)


def _first_beam(limits: Int[Tensor, " batch"], beam_size: int) -> _Beam:
    """Return the beam before the first token: one hypothesis, which is also the greedy one."""
    shape = (len(limits), beam_size + 1)
    token = torch.full(shape, PAD, device=limits.device)
    log_prob = torch.full(shape, -torch.inf, device=limits.device)
    token[:, 0] = BOS
    log_prob[:, 0] = 0
    return _Beam(token, log_prob, torch.zeros_like(token), torch.zeros_like(token[:, :1]))


def _extend(
    beam: _Beam, rows: Int[Tensor, " rows"], log_probs: Float[Tensor, "rows vocab"]
) -> tuple[_Beam, Int[Tensor, "batch slots"]]:
    """Return the beam one token later, and the decoder's row that each slot continues.

    `rows` are the slots, counted through the whole batch, that the rows of `log_probs` stand for.
    """
    num_slots = beam.token.shape[1]
    log_prob, token = _continuations(beam, rows, log_probs)
    num_each = log_prob.shape[1] // num_slots
    ranked = log_prob.sort(dim=1, descending=True, stable=True)
    best, chosen = (column[:, : num_slots - 1] for column in ranked)
    greedy = beam.greedy * num_each  # the first continuation of a slot is its most probable
    in_beam = (chosen == greedy).any(dim=1, keepdim=True)
    reserve = log_prob.gather(1, greedy).masked_fill(in_beam, -torch.inf)
    chosen = torch.cat([chosen, greedy], dim=1)
    parent = chosen // num_each
    row_of_slot = torch.zeros_like(beam.token).flatten()
    row_of_slot[rows] = torch.arange(len(rows), device=rows.device)
    extended = _Beam(
        token=token.gather(1, chosen),
        log_prob=torch.cat([best, reserve], dim=1),
        parent=parent,
        greedy=(chosen == greedy).int().argmax(dim=1, keepdim=True),
    )
    return extended, row_of_slot.view_as(beam.token).gather(1, parent)


def _continuations(
    beam: _Beam, rows: Int[Tensor, " rows"], log_probs: Float[Tensor, "rows vocab"]
) -> tuple[Float[Tensor, "batch continuations"], Int[Tensor, "batch continuations"]]:
    """Return log-probability and token of what may follow: as many for each slot, slot by slot.

    No row can give the beam more than its `beam_size` best tokens, so that the vocabulary is
    looked through once, row by row, and all that follows is small.
    """
    num_sentences, num_slots = beam.token.shape
    best, best_token = best_tokens(log_probs, num_slots - 1)
    shape = (num_sentences * num_slots, best.shape[1])
    log_prob = best.new_full(shape, -torch.inf)
    token = best_token.new_full(shape, PAD)
    waits = beam.over
    waits[:, -1] = False  # what has ended is kept by its place in the beam, never in reserve
    log_prob[:, 0] = beam.log_prob.masked_fill(~waits, -torch.inf).flatten()
    log_prob[rows] = beam.log_prob.flatten()[rows, None] + best
    token[rows] = best_token
    return log_prob.view(num_sentences, -1), token.view(num_sentences, -1)


def _no_ends(limits: Int[Tensor, " batch"], num_best: int) -> Ends:
    """Return the ends of hypotheses before there are any."""
    nowhere = limits.new_zeros(len(limits), num_best)
    never = torch.full(nowhere.shape, -torch.inf, device=limits.device)
    return Ends(never, never, nowhere, nowhere)


def _new_ends(
    beam: _Beam,
    length: int,
    limits: Int[Tensor, " batch"],
    penalties: Float[Tensor, " lengths"],
) -> Ends:
    """Return the hypotheses that this step, the `length`th, has ended, by `EOS` or by the limit."""
    at_limit = (limits == length).unsqueeze(1)
    ended = (beam.token == EOS) | (at_limit & ~beam.over)
    return Ends(
        score=(beam.log_prob / penalties[length]).masked_fill(~ended, -torch.inf),
        log_prob=beam.log_prob,
        length=torch.full_like(beam.token, length),
        slot=torch.arange(beam.token.shape[1], device=limits.device).expand_as(beam.token),
    )


def _merge(old: Ends, new: Ends) -> Ends:
    """Return the best of both, as many as in `old`, the older first among equals."""
    both = Ends(*(torch.cat(pair, dim=1) for pair in zip(old, new, strict=True)))
    order = both.score.sort(dim=1, descending=True, stable=True).indices[:, : old.score.shape[1]]
    return Ends(*(column.gather(1, order) for column in both))


def _worth_going_on(
    beam: _Beam,
    ends: Ends,
    length: int,
    limits: Int[Tensor, " batch"],
    penalties: Float[Tensor, " lengths"],
) -> Bool[Tensor, "batch slots"]:
    """Return which slots to continue: those whose hypotheses may still be kept.

    A hypothesis can only lose probability, so the most it can come to is what it has now, divided
    by the largest penalty, that of the limit. Giving up one that falls short changes no result:
    it, and all that would follow from it, ranks below every hypothesis that does not.
    """
    alive = ~beam.over & (beam.log_prob > -torch.inf) & (limits > length).unsqueeze(1)
    bound = beam.log_prob / penalties[limits].unsqueeze(1)
    return alive & (bound > ends.score[:, -1:])
