"""Teacher forcing by schedule: a translator learns to go on from words that it wrote itself."""

import torch
from jaxtyping import Int
from torch import Tensor

from regard.functional import masks
from regard.interfaces import Tokens, Translator

__all__ = ["mix", "share_at", "with_own_words"]


def share_at(step: int, *, num_steps: int, final: float) -> float:
    """Return the share of true words at a step: it falls linearly from 1 to `final` at the last.

    >>> [share_at(step, num_steps=5, final=0.5) for step in range(5)]
    [1.0, 0.875, 0.75, 0.625, 0.5]
    """
    return 1 - (1 - final) * min(1.0, step / max(1, num_steps - 1))


@torch.no_grad()
def with_own_words(
    model: Translator,
    source: Tokens,
    given: Tokens,
    share: float,
    generator: torch.Generator | None = None,
) -> Tokens:
    """Return the given words with some replaced by what the model would have written there.

    That is its most probable word after the true ones before it, with the dropout of training. A
    word that is drawn would be any word at all where labels are smoothed, as often as they are.

    Args:
        share: of the given words that stay.
        generator: on the device of `given`; PyTorch's own if not given.

    Source: Bengio et al. 2015, section 2.4 (scheduled sampling); Duckworth et al. 2019, Mihaylova &
    Martins 2019 (in parallel).
    Differs: each own word was written after true ones, not after own ones; none is drawn.
    Cost: another pass forwards.
    """
    lengths = given.lengths.to(given.ids.device)
    real = masks.padding(lengths, given.ids.shape[1]).squeeze(-2)
    best = model.predictions(source, given).logits.argmax(dim=-1)
    return mix(given, torch.zeros_like(given.ids).masked_scatter(real, best), share, generator)


def mix(
    given: Tokens,
    own: Int[Tensor, "batch length"],
    share: float,
    generator: torch.Generator | None = None,
) -> Tokens:
    """Return the given words, each but the first replaced by the model's own with 1 - `share`.

    Padding stays, and so do the lengths.

    Args:
        own: what the model writes after each given word.
        generator: on the device of `given`; PyTorch's own if not given.
    """
    ids, device = given.ids, given.ids.device
    drawn = torch.rand(ids.shape, generator=generator, device=device)
    position = torch.arange(ids.shape[1], device=device)
    later = (position > 0) & (position < given.lengths.to(device).unsqueeze(-1))
    return given._replace(ids=torch.where(later & (drawn >= share), own.roll(1, dims=1), ids))
