"""Sampling: each token drawn by its probability, or from the most probable ones alone."""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from regard.decoding.following import follow
from regard.decoding.lengths import LENGTH_PENALTY, length_limits, length_penalties
from regard.interfaces import Hypothesis, State, StepDecoder, Tokens

__all__ = ["check_sampling", "sample"]


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
    Cost: `num_samples` decoder rows per sentence and step; top-p alone sorts the vocabulary.

    Raises:
        ValueError: an argument is out of range, or a sentence has no token of finite probability.
    """
    check_sampling(num_samples, temperature, top_k, top_p)
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


def check_sampling(num_samples: int, temperature: float, top_k: int | None, top_p: float) -> None:
    """Refuse what nothing can be drawn by."""
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
    if top_k is None and top_p == 1:
        return _drawn(_probabilities(log_probs, temperature), generator).squeeze(1)
    num_tokens = log_probs.shape[1] if top_k is None else min(top_k, log_probs.shape[1])
    best, token = log_probs.topk(num_tokens, dim=1)
    probs = _probabilities(best, temperature)
    if top_p < 1:
        # The token that reaches top_p is one of those that have it, and the first always is.
        left_out = probs.cumsum(dim=1) - probs >= top_p
        left_out[:, 0] = False
        probs = probs.masked_fill(left_out, 0)
    return token.gather(1, _drawn(probs, generator)).squeeze(1)


def _probabilities(
    log_probs: Float[Tensor, "rows tokens"], temperature: float
) -> Float[Tensor, "rows tokens"]:
    below = log_probs - log_probs.amax(dim=1, keepdim=True)  # so that no temperature is too low
    return (below / max(temperature, torch.finfo(below.dtype).tiny)).softmax(dim=1)


def _drawn(
    probs: Float[Tensor, "rows tokens"], generator: torch.Generator | None
) -> Int[Tensor, "rows 1"]:
    # What cannot be drawn from is drawn anyhow: its log-probability then tells what is wrong.
    return probs.nan_to_num(1).multinomial(1, generator=generator)
