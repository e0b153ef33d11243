"""What is done to one tile by the programs of `tanh_energy_softmax`."""

from typing import no_type_check

import triton
import triton.language as tl

__all__ = ["bias_of", "may_attend", "sum_tanh", "sum_weighed"]


@triton.jit
@no_type_check
def sum_tanh(compared, n, i, j, PTX: tl.constexpr):
    """Sum v tanh(q + k) = v - 2 v r over hidden."""
    query = compared.query + n * compared.hidden * compared.query_stride + i
    key = compared.key + n * compared.hidden * compared.key_stride + j
    total = tl.zeros([i.shape[0], j.shape[0]], tl.float32)
    if tl.load(compared.factored) != 0:
        total = _sum_units(total, compared, query, key, True, PTX)
    else:
        total = _sum_units(total, compared, query, key, False, PTX)
    return -2 * total


@triton.jit
@no_type_check
def _sum_units(total, compared, query, key, FACTORED: tl.constexpr, PTX: tl.constexpr):
    """Add up v r less half of v, in which nothing large cancels.

    Four hidden units, then eight such sums, before they meet the total, whose rounding is largest.
    """
    for first in range(0, compared.hidden, 32):
        part = tl.zeros_like(total)
        for h in range(first, tl.minimum(first + 32, compared.hidden), 4):
            one, v = _two_units(compared, query, key, h, FACTORED, PTX)
            other, w = _two_units(compared, query, key, h + 2, FACTORED, PTX)
            part += one - (v + w) / 2 + other
        total += part
    return total


@triton.jit
@no_type_check
def _two_units(compared, query, key, h, FACTORED: tl.constexpr, PTX: tl.constexpr):
    """Sum v r, and v, for two hidden units.

    By one reciprocal where its denominators may be multiplied: v/a + w/b = (v b + w a) / a b.
    """
    v, q, k = _unit(compared, query, key, h)
    w, s, t = _unit(compared, query, key, h + 1)
    if FACTORED:
        a = 1 + q * k
        b = 1 + s * t
        summed = (v * b + w * a) * _reciprocal(a * b, PTX)
    else:
        summed = v * _reciprocal(1 + tl.exp(2 * (q + k)), PTX)
        summed += w * _reciprocal(1 + tl.exp(2 * (s + t)), PTX)
    return summed, v + w


@triton.jit
@no_type_check
def _unit(compared, query, key, h):
    """Load what a hidden unit is compared by."""
    q = tl.load(query + h * compared.query_stride)[:, None]
    k = tl.load(key + h * compared.key_stride)[None, :]
    return tl.load(compared.energy + h), q, k


@triton.jit
@no_type_check
def sum_weighed(
    own,
    other,
    weights,
    hidden,
    n,
    i,
    h,
    OTHERS: tl.constexpr,
    FACTORED: tl.constexpr,
    PTX: tl.constexpr,
):
    """Sum r (1 - r), and r, over others, weighed.

    1 - r is had as e r, in which nothing cancels. Others that weigh nothing, such as keys that are
    padding, are passed over.
    """
    mine = i < own.length
    units = h < hidden
    vectors = own.vectors + n * own.batch_stride + i[:, None] * own.stride + h[None, :]
    vectors = tl.load(vectors, mask=mine[:, None] & units[None, :], other=0.0)
    others = other.vectors + n * other.batch_stride + h
    weights += n * other.length * own.length + i
    slope = tl.zeros([i.shape[0], h.shape[0]], tl.float32)
    once = tl.zeros([i.shape[0], h.shape[0]], tl.float32)
    for first in range(0, other.length, OTHERS):
        these = first + tl.arange(0, OTHERS)
        block = weights[:, None] + these[None, :] * own.length
        block = tl.load(block, mask=mine[:, None] & (these < other.length)[None, :], other=0.0)
        if tl.max((block != 0).to(tl.int32)) > 0:
            last = tl.minimum(first + OTHERS, other.length)
            for j in tl.range(first, last, loop_unroll_factor=4):
                weight = tl.load(weights + j * own.length, mask=mine, other=0.0)
                facing = tl.load(others + j * other.stride, mask=units, other=0.0)[None, :]
                if FACTORED:
                    # e is a product, whose own factor is left to the end.
                    r = _reciprocal(1 + vectors * facing, PTX)
                    rest = facing * r
                else:
                    e = tl.exp(2 * (vectors + facing))
                    r = _reciprocal(1 + e, PTX)
                    rest = tl.where(e > 1, 1 - r, e * r)
                slope += (weight[:, None] * r) * rest
                once += weight[:, None] * r
    if FACTORED:
        slope *= vectors
    return slope, once


@triton.jit
@no_type_check
def _reciprocal(number, PTX: tl.constexpr):
    """Divide in one instruction where there is one: a division that is exact throughout takes six.

    It is off by one unit in the last place, and 0 where that would be below 1e-38.
    """
    if PTX:
        result = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [number], tl.float32, is_pure=True, pack=1
        )
    else:
        result = 1 / number
    return result


@triton.jit
@no_type_check
def may_attend(asked, n, i, j):
    """Say which keys there are for which queries."""
    inside = (i < asked.query_len)[:, None] & (j < asked.key_len)[None, :]
    # Positions are aligned to the end of the keys.
    away = j[None, :] - i[:, None] - (asked.key_len - asked.query_len)
    inside &= (away >= -asked.before) & (away <= asked.after)
    if asked.mask is not None:
        inside &= tl.load(_place(asked.mask, asked, n, i, j), mask=inside, other=0) != 0
    return inside


@triton.jit
@no_type_check
def bias_of(asked, n, i, j):
    """Load what is added to the scores, in float32."""
    bias = 0.0
    if asked.bias is not None:
        inside = (i < asked.query_len)[:, None] & (j < asked.key_len)[None, :]
        at = _place(asked.bias, asked, n, i, j)
        bias = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    return bias


@triton.jit
@no_type_check
def _place(strided, asked, n, i, j):
    """Point at elements of what may broadcast; they may be further apart than 32 bits count."""
    pointer, batch_stride, head_stride, query_stride, key_stride = strided
    pointer += n // asked.heads * batch_stride + n % asked.heads * head_stride
    return pointer + i[:, None].to(tl.int64) * query_stride + j[None, :].to(tl.int64) * key_stride
