"""The programs of `tanh_energy_softmax`, in Triton: FlashAttention, the tanh energy its product.

Source: Dao et al. 2022 (FlashAttention), algorithm 1; Dao 2023 (FlashAttention-2), algorithm 1,
for the loop over keys inside of that over queries.

Imported where it is first needed: Triton may be missing.
"""

from typing import Any, NamedTuple, no_type_check

import triton
import triton.language as tl

from regard.kernels.tanh_energy_tiles import bias_of, may_attend, sum_tanh, sum_weighed

__all__ = ["Asked", "Compared", "Side", "attend", "sum_over_others", "weigh"]

# All tensors are contiguous, and have one batch axis, unless strides are given.


class Compared(NamedTuple):
    """What makes scores: query and key, hidden first, in float32, filled up to whole tiles.

    Where `factored` is not 0, they are $e^{2q}$ and $e^{2k}$.
    """

    query: Any
    key: Any
    energy: Any
    factored: Any
    hidden: Any
    query_stride: Any
    key_stride: Any


class Asked(NamedTuple):
    """What is added to the scores, and which of them count.

    Bias and mask are None, or a tensor and its strides for batch, heads, query and key: 0 where it
    broadcasts. A query may attend so many keys before and after its position.
    """

    bias: Any
    mask: Any
    before: Any
    after: Any
    heads: Any
    query_len: Any
    key_len: Any


class Side(NamedTuple):
    """Query or key, positions first; otherwise as in `Compared`."""

    vectors: Any
    batch_stride: Any
    stride: Any
    length: Any


@triton.jit
@no_type_check
def attend(
    compared,
    asked,
    value,
    value_dim,
    context,
    normalizer,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    VALUES: tl.constexpr,
    PTX: tl.constexpr,
):
    """Write the context of a tile of queries, and the logarithms of its normalizers.

    The context is gathered in memory, where it is 0 before, and not in registers. So values may
    have any width; and beside the scores of a tile of keys, to read it back costs nothing.
    """
    tiles = tl.cdiv(asked.query_len, QUERIES)
    n = (tl.program_id(0) // tiles).to(tl.int64)
    i = tl.program_id(0) % tiles * QUERIES + tl.arange(0, QUERIES)
    value += n * asked.key_len * value_dim
    context += n * asked.query_len * value_dim
    highest = tl.full([QUERIES], float("-inf"), tl.float32)
    total = tl.zeros([QUERIES], tl.float32)
    for first in range(0, asked.key_len, KEYS):
        j = first + tl.arange(0, KEYS)
        allowed = may_attend(asked, n, i, j)
        if tl.max(allowed.to(tl.int32)) > 0:
            scores = sum_tanh(compared, n, i, j, PTX) + bias_of(asked, n, i, j)
            scores = tl.where(allowed, scores, float("-inf"))
            raised = tl.maximum(highest, tl.max(scores, axis=1))
            # Where nothing may be attended so far, not -inf - -inf.
            base = tl.where(raised == float("-inf"), 0.0, raised)
            weights = tl.exp(scores - base[:, None])
            shrink = tl.exp(highest - base)
            highest = raised
            total = total * shrink + tl.sum(weights, axis=1)
            _read_out(asked, value, value_dim, context, weights, shrink, i, j, VALUES)
    empty = total == 0
    total = tl.where(empty, 1.0, total)
    _scale(asked, value_dim, context, 1 / total, i, VALUES)
    logarithm = tl.where(empty, 0.0, highest + tl.log(total))
    tl.store(normalizer + n * asked.query_len + i, logarithm, mask=i < asked.query_len)


@triton.jit
@no_type_check
def weigh(
    compared,
    asked,
    normalizer,
    weights,
    first,
    num_queries,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    PTX: tl.constexpr,
):
    """Write a tile of the weights of some queries.

    `compared` begins with the first of them, whose number among all is `first`.
    """
    tiles = tl.cdiv(num_queries, QUERIES)
    n = (tl.program_id(0) // tiles).to(tl.int64)
    i = tl.program_id(0) % tiles * QUERIES + tl.arange(0, QUERIES)
    j = tl.program_id(1) * KEYS + tl.arange(0, KEYS)
    wanted = (i < num_queries)[:, None] & (j < asked.key_len)[None, :]
    allowed = wanted & may_attend(asked, n, first + i, j)
    found = tl.zeros([QUERIES, KEYS], tl.float32)
    if tl.max(allowed.to(tl.int32)) > 0:
        scores = sum_tanh(compared, n, i, j, PTX) + bias_of(asked, n, first + i, j)
        at = normalizer + n * asked.query_len + first + i
        logarithm = tl.load(at, mask=i < num_queries, other=0.0)
        found = tl.where(allowed, tl.exp(scores - logarithm[:, None]), 0.0)
    at = weights + n * num_queries * asked.key_len + i[:, None] * asked.key_len + j[None, :]
    tl.store(at, found, mask=wanted)


@triton.jit
@no_type_check
def sum_over_others(
    own,
    other,
    weights,
    factored,
    hidden,
    slopes,
    reciprocals,
    OWN: tl.constexpr,
    OTHERS: tl.constexpr,
    HIDDEN: tl.constexpr,
    PTX: tl.constexpr,
):
    """Write the sums of r (1 - r), and where asked of r, over all of the other side, weighed.

    For a tile of own positions by hidden units. The gradients of query and of key are such sums,
    and in `weights` their positions are next to each other: it is `batch other own`.
    """
    tiles = tl.cdiv(own.length, OWN)
    n = (tl.program_id(0) // tiles).to(tl.int64)
    i = tl.program_id(0) % tiles * OWN + tl.arange(0, OWN)
    h = tl.program_id(1) * HIDDEN + tl.arange(0, HIDDEN)
    if tl.load(factored) != 0:
        slope, once = sum_weighed(own, other, weights, hidden, n, i, h, OTHERS, True, PTX)
    else:
        slope, once = sum_weighed(own, other, weights, hidden, n, i, h, OTHERS, False, PTX)
    inside = (i < own.length)[:, None] & (h < hidden)[None, :]
    at = n * own.length * hidden + i[:, None] * hidden + h[None, :]
    tl.store(slopes + at, slope, mask=inside)
    if reciprocals is not None:
        tl.store(reciprocals + at, once, mask=inside)


@triton.jit
@no_type_check
def _read_out(asked, value, value_dim, context, weights, shrink, i, j, VALUES: tl.constexpr):
    """Shrink the context so far to the new base of the exponentials; add these keys' values."""
    for first in range(0, value_dim, VALUES):
        c = first + tl.arange(0, VALUES)
        inside = (c < value_dim)[None, :]
        at = value + j[:, None] * value_dim + c[None, :]
        read = tl.load(at, mask=(j < asked.key_len)[:, None] & inside, other=0.0)
        at = context + i[:, None] * value_dim + c[None, :]
        held = tl.load(at, mask=(i < asked.query_len)[:, None] & inside, other=0.0)
        held = held * shrink[:, None]
        held = tl.dot(weights.to(read.dtype), read, held, input_precision="ieee")
        tl.store(at, held, mask=(i < asked.query_len)[:, None] & inside)
    # Other threads may read it next.
    tl.debug_barrier()


@triton.jit
@no_type_check
def _scale(asked, value_dim, context, factor, i, VALUES: tl.constexpr):
    for first in range(0, value_dim, VALUES):
        c = first + tl.arange(0, VALUES)
        inside = (i < asked.query_len)[:, None] & (c < value_dim)[None, :]
        at = context + i[:, None] * value_dim + c[None, :]
        tl.store(at, tl.load(at, mask=inside, other=0.0) * factor[:, None], mask=inside)
