"""What `tanh_energy_softmax` runs: its programs, on inputs that are prepared for them.

Imported where it is first needed: Triton may be missing.
"""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.nn import functional as F

from regard.kernels.tanh_energy_programs import (
    Asked,
    Compared,
    Side,
    attend,
    sum_over_others,
    weigh,
)
from regard.kernels.tanh_energy_softmax import AT_ONCE

__all__ = ["backward", "forward"]

LARGEST = 21.0
"""Up to here e^(2q), e^(2k) and the product of two 1 + e^(2q + 2k) stay well within float32."""

SCORES = {"QUERIES": 16, "KEYS": 128}
"""A tile of scores: 16 for each of 128 threads, which read the numbers of 16 queries four at a
time. So compiled for an H100, two tanh take 10 instructions, and their one reciprocal 8 cycles."""

VALUES = 64
"""Values to read out at a time: as many as there are registers for, in float32."""

SUMS = {"OWN": 32, "OTHERS": 32, "HIDDEN": 64}
"""A tile of sums: 16 for each thread too. There are 7 instructions for every reciprocal."""

REGISTERS = 128
"""So that a multiprocessor takes four programs, not two. The innermost loops need no more."""

WHOLE = SCORES["KEYS"]
"""Lengths are filled up to tiles of the longest kind: the innermost loops need not mask them."""


class _Prepared(NamedTuple):
    """Query and key in float32 and whole tiles, exponentiated if `factored`; and the energy."""

    query: Tensor
    key: Tensor
    energy: Tensor
    factored: Tensor
    hidden: int


class _Sums(NamedTuple):
    """What gradients are made of, in float32: those of query and key but for a factor."""

    query: Tensor
    key: Tensor
    value: Tensor
    energy: Tensor
    bias: Tensor

    def add(self, given: _Prepared, of_scores: Tensor, rows: slice) -> None:
        """Add what the gradient of the scores of some queries sums to."""
        queries = given.query[:, rows]
        reciprocals = of_scores.new_empty(*of_scores.shape[:2], given.hidden)
        self.query[:, rows] = _summed(
            given, queries, given.key, of_scores.mT.contiguous(), reciprocals
        )
        self.key.add_(_summed(given, given.key, queries, of_scores))
        self.energy.add_(of_scores.sum() - 2 * reciprocals.sum(dim=(0, 1)))

    def add_to_bias(self, of_scores: Tensor, rows: slice) -> None:
        """Add the gradient of the scores of some queries, where the bias broadcasts summed."""
        of_these = self.bias[..., rows, :] if self.bias.shape[-2] > 1 else self.bias
        of_these.add_(of_scores.sum_to_size(of_these.shape))


def forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    energy: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    before: int | None,
    after: int | None,
) -> tuple[Tensor, Tensor]:
    """Return context and log-sum-exp.

    Source: Dao 2023 (FlashAttention-2), algorithm 1.
    """
    query_len, value_dim = query.shape[-2], value.shape[-1]
    context = query.new_zeros(*query.shape[:-1], value_dim, dtype=torch.float32)
    normalizer = context.new_zeros(query.shape[:-1])
    if context.numel() and value.numel():
        num_tiles = query.shape[:2].numel() * triton.cdiv(query_len, SCORES["QUERIES"])
        with torch.cuda.device_of(query):
            attend[(num_tiles,)](
                _compared(_prepared(query, key, energy)),
                _asked(query, key, bias, mask, before, after),
                _readable(value),
                value_dim,
                context,
                normalizer,
                **SCORES,
                VALUES=VALUES,
                **_options(),
            )
    return context.to(value.dtype), normalizer


def backward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    energy: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    before: int | None,
    after: int | None,
    normalizer: Tensor,
    grad: Tensor,
    is_bias_learnt: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of query, key, value, energy and bias, the last 0 if it is not learnt.

    Some queries at a time: their weights; then the sums over keys that are their gradients, and the
    sums over them that add to those of the keys. All in an order that is always the same.

    Source: Dao et al. 2022 (FlashAttention), appendix B.2.
    """
    values, grad = value.flatten(0, 1).float(), grad.flatten(0, 1).float()
    sums = _Sums(
        query=grad.new_zeros(query.shape).flatten(0, 1),
        key=grad.new_zeros(key.shape).flatten(0, 1),
        value=torch.zeros_like(values),
        energy=grad.new_zeros(energy.shape),
        bias=grad.new_zeros(bias.shape if bias is not None and is_bias_learnt else ()),
    )
    if grad.numel() and values.numel():
        given, asked = _prepared(query, key, energy), _asked(query, key, bias, mask, before, after)
        compared = _compared(given)
        step = max(64, AT_ONCE // len(grad) // 64 * 64)
        for first in range(0, query.shape[-2], step):
            rows = slice(first, first + step)
            weights = _weights(compared, asked, normalizer, first, grad[:, rows].shape[:2])
            of_weights = grad[:, rows] @ values.mT
            of_scores = weights * (of_weights - (weights * of_weights).sum(dim=-1, keepdim=True))
            sums.value.baddbmm_(weights.mT, grad[:, rows])
            sums.add(given, of_scores, rows)
            if is_bias_learnt:
                sums.add_to_bias(of_scores.unflatten(0, query.shape[:2]), rows)
    slope = 4 * energy.float()
    return (
        sums.query.mul_(slope).view(query.shape).to(query.dtype),
        sums.key.mul_(slope).view(key.shape).to(key.dtype),
        sums.value.view(value.shape).to(value.dtype),
        sums.energy.to(energy.dtype),
        sums.bias if bias is None else sums.bias.to(bias.dtype),
    )


def _prepared(query: Tensor, key: Tensor, energy: Tensor) -> _Prepared:
    query, key = _whole_tiles(query), _whole_tiles(key)
    low, high = torch.stack([*query.aminmax(), *key.aminmax()]).view(2, 2).unbind(dim=1)
    extent = torch.cat([-low, high, high.sum(dim=0, keepdim=True)]).amax()
    # Decided where it is computed: a GPU is not waited for. A NaN decides for no.
    factored = extent <= LARGEST
    query, key = (torch.where(factored, (2 * side).exp(), side) for side in (query, key))
    padded = F.pad(energy.float(), (0, key.shape[-1] - len(energy)))
    return _Prepared(query, key, padded, factored.to(torch.uint8), len(energy))


def _whole_tiles(side: Tensor) -> Tensor:
    """Fill up by zeros: lengths, and hidden to a multiple of 4, where their energy will be 0."""
    length, hidden = side.shape[-2:]
    more = max(4, triton.cdiv(hidden, 4) * 4) - hidden
    return F.pad(side.flatten(0, 1).float(), (0, more, 0, -length % WHOLE))


def _compared(given: _Prepared) -> Compared:
    query, key = given.query.mT.contiguous(), given.key.mT.contiguous()
    return Compared(
        query, key, given.energy, given.factored, len(given.energy), query.stride(1), key.stride(1)
    )


def _asked(
    query: Tensor,
    key: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    before: int | None,
    after: int | None,
) -> Asked:
    *batch, query_len, key_len = shape = (*query.shape[:-1], key.shape[-2])
    return Asked(
        bias=_strided(bias, shape),
        mask=_strided(None if mask is None else mask.view(torch.uint8), shape),
        before=key_len if before is None else before,
        after=query_len if after is None else after,
        heads=batch[1],
        query_len=query_len,
        key_len=key_len,
    )


def _strided(tensor: Tensor | None, shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    return None if tensor is None else (tensor, *tensor.expand(shape).stride())


def _readable(value: Tensor) -> Tensor:
    # The interpreter multiplies the bits of bfloat16 as if they were those of an integer.
    widen = triton.knobs.runtime.interpret and value.dtype == torch.bfloat16
    return (value.float() if widen else value).contiguous()


def _weights(
    compared: Compared, asked: Asked, normalizer: Tensor, first: int, shape: torch.Size
) -> Tensor:
    """Compute the weights of some queries, of which the first has number `first`."""
    size, num_queries = shape
    weights = normalizer.new_empty(size, num_queries, asked.key_len)
    tiles = triton.cdiv(num_queries, SCORES["QUERIES"]), triton.cdiv(asked.key_len, SCORES["KEYS"])
    with torch.cuda.device_of(weights):
        weigh[(size * tiles[0], tiles[1])](
            compared._replace(query=compared.query[:, :, first:]),
            asked,
            normalizer.contiguous(),
            weights,
            first,
            num_queries,
            **SCORES,
            **_options(),
        )
    # The logarithm was rounded, all of a row's weights by as much. An empty row stays empty.
    total = weights.sum(dim=-1, keepdim=True)
    return weights.div_(torch.where(total == 0, 1, total))


def _summed(
    given: _Prepared, own: Tensor, other: Tensor, weights: Tensor, reciprocals: Tensor | None = None
) -> Tensor:
    """Return the sums of r (1 - r) over others, by weights that are `batch other own`.

    Write those of r into `reciprocals`.
    """
    size, num_other, num_own = weights.shape
    slopes = weights.new_empty(size, num_own, given.hidden)
    tiles = triton.cdiv(num_own, SUMS["OWN"]), triton.cdiv(given.hidden, SUMS["HIDDEN"])
    if slopes.numel():
        with torch.cuda.device_of(slopes):
            sum_over_others[(size * tiles[0], tiles[1])](
                Side(own, own.stride(0), own.stride(1), num_own),
                Side(other, other.stride(0), other.stride(1), num_other),
                weights,
                given.factored,
                given.hidden,
                slopes,
                reciprocals,
                **SUMS,
                **_options(),
            )
    return slopes


def _options() -> dict[str, Any]:
    """Return how to compile. There is no PTX in the interpreter, and off NVIDIA's GPUs."""
    ptx = torch.version.cuda is not None and not triton.knobs.runtime.interpret
    options = {"PTX": ptx, "num_warps": 4, "num_stages": 2, "enable_fp_fusion": True}
    return options | ({"maxnreg": REGISTERS} if ptx else {})
