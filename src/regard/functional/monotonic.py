"""Attention that only moves forwards: each query scans the keys from where the last one stopped.

At every key that it comes to, a query stops with the probability of that key and reads there; the
next one begins with that key. A query that passes the last key reads nothing, and so do all after
it. In training one reads by how likely the scan stops at each key (`expected`), in decoding where
it really stops (`hard`, and `search`, which looks at no key beyond). Monotonic chunkwise attention
reads not one key but the chunk that ends there, softly (`chunkwise`, `hard_chunkwise`).

The probability of a key is the sigmoid of its energy, which may be any score and a learned offset.
Everything is computed in at least float32.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from regard.functional.masks import check_boolean
from regard.functional.normalizers import softmax
from regard.functional.precision import at_least_float32

__all__ = ["Chunk", "chunk", "chunkwise", "expected", "hard", "hard_chunkwise", "search", "start"]

Mask = Bool[Tensor, "*#batch #key"] | None


def start(key_len: int, *, device: torch.device | None = None) -> Float[Tensor, " key"]:
    """Return the alignment before the first query: the scan begins at the first key.

    Source: Raffel et al. 2017, section 2.2.

    >>> start(3)
    tensor([1., 0., 0.])
    """
    return (torch.arange(key_len, device=device) == 0).float()


def expected(
    probabilities: Float[Tensor, "*#batch key"],
    before: Float[Tensor, "*#batch key"],
    mask: Mask = None,
) -> Float[Tensor, "*batch key"]:
    r"""Return how likely a query is to stop at each key, if the last one stopped by `before`.

    $$\alpha_j = p_j \sum_{k \le j} \alpha'_k \prod_{l=k}^{j-1} (1 - p_l)$$

    What is missing to one is the probability that it passes the last key. A key that is masked is
    passed. The result has the wider dtype of the two; an alignment that is handed from query to
    query is best kept in float32, as `start` gives it.

    Args:
        probabilities: p, in 0..1, which is not checked: of this query to stop at each key.
        before: the expected alignment of the last query; of the first, `start`.

    Source: Raffel et al. 2017, eq. 9, by the recurrence of eq. 13-14.
    Differs: appendix C.1 divides by a cumulative product, which underflows; here nothing is
    divided, and probabilities of 0 and 1 are as good as any. There is no forward-mode derivative.
    Cost: key x log key multiply-adds in time; memory is linear in the number of keys.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: there are not as many numbers in `before` as probabilities.

    >>> expected(torch.tensor([0.5, 0.5, 1.0]), start(3))
    tensor([0.5000, 0.2500, 0.2500])
    """
    check_boolean(mask)
    _check_same_keys("before", before, "probabilities", probabilities)
    stops = at_least_float32(probabilities)
    if mask is not None:
        stops = torch.where(mask, stops, 0)
    stops, begins = torch.broadcast_tensors(stops, at_least_float32(before))
    alignment: Tensor = stops * _states(1 - stops[..., :-1], begins)
    return alignment.to(torch.promote_types(probabilities.dtype, before.dtype))


def hard(
    energies: Float[Tensor, "*#batch key"], position: Int[Tensor, "*#batch"], mask: Mask = None
) -> Int[Tensor, "*batch"]:
    r"""Find where each scan stops that goes on from a position: the first energy not below 0.

    $$t = \min \{ j \ge t' : \sigma(e_j) \ge 1 / 2 \}$$

    Where nothing stops it, the result is one beyond the last key that the mask allows. There
    nothing is read, and if handed on nothing is found either: `expected` says the same where
    probabilities are 0 and 1. Who would rather try the next query from the last key, or from where
    this one began, puts that position in its place.

    Source: Raffel et al. 2017, section 2.2, for probabilities that are rounded to 0 and 1.
    Cost: linear in the number of keys; `search` finds the same without looking at all.

    Raises:
        TypeError: `mask` is not boolean.

    >>> hard(torch.tensor([3.0, -1.0, 2.0, 1.0]), torch.tensor([0, 1, 4]))
    tensor([0, 2, 4])
    """
    check_boolean(mask)
    positions = torch.arange(energies.shape[-1], device=energies.device)
    stops = (energies >= 0) & (positions >= position.unsqueeze(-1))
    end = torch.full_like(position, energies.shape[-1])
    if mask is not None:
        stops = stops & mask
        end = F.pad(torch.where(mask, positions + 1, 0), (1, 0)).amax(dim=-1)
    passed = (stops.cumsum(dim=-1) == 0).sum(dim=-1)
    return torch.where(stops.any(dim=-1), passed, torch.maximum(position, end))


def search(
    energy: Callable[[Tensor, Tensor], Tensor],
    position: Int[Tensor, " rows"],
    lengths: Int[Tensor, " rows"],
    *,
    block_len: int = 16,
) -> Int[Tensor, " rows"]:
    """Find what `hard` finds, a block of keys at a time, and look no further.

    Each row goes on from its own position, and is asked about no longer once it has stopped.

    Args:
        energy: gives the energies of some keys of some rows, `energy(rows, keys)`: of the numbers
            of the rows, `number`, and of positions of keys in each, `number block`, those of keys.
            A key that is to be passed has one below 0.
        lengths: how many keys each row has, padding left out.
        block_len: how many keys of a row are looked at together; of a row that is shorter than its
            block the last is repeated, and only its first answer counts.

    Source: Raffel et al. 2017, section 2.2.
    Cost: the energies of the keys from position to result, rounded up to whole blocks, however many
        keys there are.

    Raises:
        ValueError: `block_len` is not positive, or `energy` does not give a number for each key.

    >>> energies = torch.tensor([[3.0, -1.0, 2.0], [-1.0, -1.0, 5.0]])
    >>> keys_of = lambda rows, keys: energies[rows.unsqueeze(-1), keys]
    >>> search(keys_of, torch.tensor([1, 0]), torch.tensor([3, 2]))
    tensor([2, 2])
    """
    _check_count("block_len", block_len)
    found = torch.maximum(position, lengths)
    (rows,) = (position < lengths).nonzero(as_tuple=True)
    begin, end = position[rows], lengths[rows]
    while len(rows):
        width = min(block_len, int((end - begin).max()))
        keys = begin.unsqueeze(-1) + torch.arange(width, device=begin.device)
        keys = torch.minimum(keys, end.unsqueeze(-1) - 1)
        stops = _energies(energy, rows, keys) >= 0
        stopped = stops.any(dim=-1)
        first = stops[stopped].int().argmax(dim=-1)
        found[rows[stopped]] = begin[stopped] + first
        on = ~stopped & (begin + width < end)
        rows, begin, end = rows[on], begin[on] + width, end[on]
    return found


def chunkwise(
    alignment: Float[Tensor, "*#batch key"],
    scores: Float[Tensor, "*#batch key"],
    *,
    chunk_len: int,
    mask: Mask = None,
) -> Float[Tensor, "*batch key"]:
    r"""Spread what a scan weighs each key over the `chunk_len` keys that end there, by a softmax.

    $$\beta_j = \sum_{k=j}^{j+w-1} \alpha_k \frac{e^{u_j}}{\sum_{l=k-w+1}^{k} e^{u_l}}$$

    They sum to what the alignment sums to. The result has the wider dtype of the two.

    Args:
        alignment: α, from `expected`; what it has at masked keys is left out.
        scores: u, of this query and each key; another score than that of the energies.
        chunk_len: w; positions are counted whether masked or not.

    Source: Chiu & Raffel 2018, section 2.3.
    Differs: exponentials are relative to the largest of their chunk, so that no score is too large.
    Cost: key x chunk_len exponentials, in time and in memory; no more than key x key.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `chunk_len` is not positive, or there are not as many scores as weights.

    >>> chunkwise(torch.tensor([0.0, 0.5, 0.5]), torch.zeros(3), chunk_len=2)
    tensor([0.2500, 0.5000, 0.2500])
    """
    check_boolean(mask)
    _check_count("chunk_len", chunk_len)
    _check_same_keys("alignment", alignment, "scores", scores)
    if scores.shape[-1] == 0:
        return alignment * scores
    chunk_len = min(chunk_len, scores.shape[-1])
    ends, wide = torch.broadcast_tensors(at_least_float32(alignment), at_least_float32(scores))
    # A finite number: of a chunk that is masked altogether the largest is one that is masked.
    lowest = torch.finfo(wide.dtype).min
    if mask is not None:
        ends, wide = torch.where(mask, ends, 0), torch.where(mask, wide, lowest)
    chunks = F.pad(wide, (chunk_len - 1, 0), value=lowest).unfold(-1, chunk_len, 1)
    # Detached: it cancels, and so does its gradient.
    largest = chunks.amax(dim=-1).detach()
    share = ends / (chunks - largest.unsqueeze(-1)).exp().sum(dim=-1)
    # Of each key, the chunks that it is in: those that end there and at the next keys.
    shares = F.pad(share, (0, chunk_len - 1)).unfold(-1, chunk_len, 1)
    largest = F.pad(largest, (0, chunk_len - 1), value=torch.inf).unfold(-1, chunk_len, 1)
    weights: Tensor = (shares * (wide.unsqueeze(-1) - largest).exp()).sum(dim=-1)
    return weights.to(torch.promote_types(alignment.dtype, scores.dtype))


def hard_chunkwise(
    position: Int[Tensor, "*#batch"],
    scores: Float[Tensor, "*#batch key"],
    *,
    chunk_len: int,
    mask: Mask = None,
) -> Float[Tensor, "*batch key"]:
    r"""Weigh the `chunk_len` keys that end at a position by a softmax; 0 where there is no key.

    $$\beta_j = [t - w < j \le t] \; \frac{e^{u_j}}{\sum_{l=t-w+1}^{t} e^{u_l}}$$

    A chunk of one key has weight 1, whatever its score, if that is finite: the weights of plain
    monotonic attention.

    Source: Chiu & Raffel 2018, section 2.3.
    Cost: linear in the number of keys; a softmax over what `chunk` gives is not.

    Raises:
        TypeError: `mask` is not boolean.
        ValueError: `chunk_len` is not positive.

    >>> hard_chunkwise(torch.tensor([1, 3]), torch.zeros(3), chunk_len=2)
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    check_boolean(mask)
    _check_count("chunk_len", chunk_len)
    behind = position.unsqueeze(-1) - torch.arange(scores.shape[-1], device=scores.device)
    within = (behind >= 0) & (behind < chunk_len)
    if mask is not None:
        within = within & mask
    # Beyond the last key there is no chunk, though its first keys would be there.
    stops = (within & (behind == 0)).any(dim=-1, keepdim=True)
    return softmax(*torch.broadcast_tensors(scores, within & stops))


class Chunk(NamedTuple):
    """The keys of a chunk: where they stand, and which of them are there at all."""

    position: Int[Tensor, "*batch chunk"]
    mask: Bool[Tensor, "*batch chunk"]


def chunk(
    position: Int[Tensor, "*#batch"], lengths: Int[Tensor, "*#batch"], *, chunk_len: int
) -> Chunk:
    """Return which keys the chunk has that ends at a position, to read these alone.

    Args:
        lengths: how many keys each row has; at a position beyond them there is no chunk.

    A key that is not there has position 0, so that something can be gathered.

    Source: Chiu & Raffel 2018, section 2.3.
    Cost: chunk_len, however many keys there are.

    Raises:
        ValueError: `chunk_len` is not positive.

    >>> chunk(torch.tensor(1), torch.tensor(4), chunk_len=3)
    Chunk(position=tensor([0, 0, 1]), mask=tensor([False,  True,  True]))
    """
    _check_count("chunk_len", chunk_len)
    back = torch.arange(chunk_len - 1, -1, -1, device=position.device)
    positions = position.unsqueeze(-1) - back
    mask = (positions >= 0) & (position < lengths).unsqueeze(-1)
    return Chunk(torch.where(mask, positions, 0), mask)


def _states(kept: Tensor, added: Tensor) -> Tensor:
    """Return x_j = added_j + kept_{j-1} x_{j-1}: what is added, and what is kept of the last."""
    if torch.compiler.is_compiling():  # which finds the gradient by itself
        return _joined(kept, added)
    states: Tensor = _Recurrence.apply(kept, added)  # type: ignore[no-untyped-call]
    return states


def _joined(kept: Tensor, added: Tensor) -> Tensor:
    """Join spans of 1, 2, 4, ... steps.

    Where no number is negative, products and sums lose nothing: each state is as good as a loop's.
    The quotients of appendix C.1 divide by 0; their logarithms round by their size, which grows
    with the length, and end at a probability of 1.
    """
    states, span = added, 1
    while span < added.shape[-1]:
        joined = torch.addcmul(states[..., span:], kept, states[..., :-span])
        states = torch.cat([states[..., :span], joined], dim=-1)
        kept = kept[..., span:] * kept[..., :-span]
        span *= 2
    return states


class _Recurrence(torch.autograd.Function):
    """`_joined`, whose gradient is the same recurrence backwards: only states are remembered."""

    generate_vmap_rule = True

    @staticmethod
    def forward(kept: Tensor, added: Tensor) -> Tensor:
        return _joined(kept, added.view_as(added))  # a function may not return what it was given

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        kept, states = ctx.saved_tensors
        backwards: Tensor = _Recurrence.apply(kept.flip(-1), grad.flip(-1))  # type: ignore[no-untyped-call]
        of_added = backwards.flip(-1)
        return of_added[..., 1:] * states[..., :-1], of_added


def _energies(energy: Callable[[Tensor, Tensor], Tensor], rows: Tensor, keys: Tensor) -> Tensor:
    energies = energy(rows, keys)
    if energies.shape != keys.shape:
        raise ValueError(
            f"energy must give a number for each of the keys it is asked for, "
            f"{tuple(keys.shape)}; got shape {tuple(energies.shape)}"
        )
    return energies


def _check_count(name: str, count: int) -> None:
    if count < 1:
        raise ValueError(f"{name} counts keys, 1 or more; got {count}")


def _check_same_keys(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    if tensor.shape[-1] != other.shape[-1]:
        raise ValueError(
            f"{name} and {other_name} must have a number for each key; got {tensor.shape[-1]} and "
            f"{other.shape[-1]}"
        )
