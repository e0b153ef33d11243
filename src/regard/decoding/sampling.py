"""Sampling: each token drawn by its probability, or from the most probable ones alone."""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.decoding.following import follow
from regard.decoding.lengths import LENGTH_PENALTY, length_limits, length_penalties
from regard.interfaces import Hypothesis, State, StepDecoder, Tokens

__all__ = ["sample"]


@torch.no_grad()
def sample(
    decoder: StepDecoder[State],
    source: Tokens,
    *,
    num_samples: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
    max_len: int | Int[Tensor, " batch"] | None = None,
    length_penalty: float = LENGTH_PENALTY,
) -> list[list[Hypothesis]]:
    r"""Draw `num_samples` hypotheses per sentence, in the order in which they are drawn.

    $$p_i \propto p(y_i)^{1 / T}$$

    over the `top_k` most probable tokens, and of those over the fewest that have `top_p` of the
    probability. `log_prob` and `score` are the decoder's own, of nothing raised or left out. Each
    source is read once, however many samples there are. Lengths are limited as in `greedy`.

    Args:
        temperature: T; below 1 the probable becomes more so.
        generator: on the decoder's device; PyTorch's own if not given.

    Source: Fan et al. 2018, section 5 (top-k); Holtzman et al. 2020, section 3.1 (top-p).

    Raises:
        ValueError: an argument is out of range, or a sentence has no token of finite probability.
    """
    _check(num_samples, temperature, top_k, top_p)
    limits = length_limits(source, max_len)
    if not len(limits):
        return []
    sentence = torch.arange(len(limits), device=limits.device).repeat_interleave(num_samples)
    found = follow(
        decoder,
        decoder.reorder(decoder.start(source), sentence),
        partial(_draw, temperature=temperature, top_k=top_k, top_p=top_p, generator=generator),
        source_lengths=source.lengths.repeat_interleave(num_samples),
        limits=limits[sentence],
        penalties=length_penalties(int(limits.max()), length_penalty, limits.device),
    )
    return [found[first : first + num_samples] for first in range(0, len(found), num_samples)]


def _check(num_samples: int, temperature: float, top_k: int | None, top_p: float) -> None:
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1; got {num_samples}")
    if not 0 < temperature < float("inf"):
        raise ValueError(f"temperature must be above 0, and greedy is for 0; got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1; got {top_k}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1; got {top_p}")


def _draw(
    log_probs: Float[Tensor, "rows vocab"],
    *,
    temperature: float,
    top_k: int | None,
    top_p: float,
    generator: torch.Generator | None,
) -> Int[Tensor, " rows"]:
    logits, token = (log_probs / temperature).sort(dim=1, descending=True, stable=True)
    if top_k is not None:
        logits[:, top_k:] = -torch.inf
    probs = logits.softmax(dim=1)
    # The token that reaches top_p belongs to those that have it.
    before = probs.cumsum(dim=1) - probs
    probs = probs.masked_fill(before >= top_p, 0)
    probs[:, 0] = torch.where(before[:, 0] >= top_p, 1, probs[:, 0])
    # What cannot be drawn from is drawn anyhow: its log-probability then tells what is wrong.
    drawn = probs.nan_to_num(1).multinomial(1, generator=generator)
    return token.gather(1, drawn).squeeze(1)
