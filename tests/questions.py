"""Calls of attention for tests: a score, a normalizer, and inputs drawn for them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

import regard
from regard import kernels
from regard.interfaces import Normalizer
from regard.kernels.call import take_apart
from regard.kernels.dispatch import TABLE
from tests.cases import NORMALIZERS, SCORES, NormalizerCase, ScoreCase
from tests.drawing import draws


class Pair(NamedTuple):
    """A score and a normalizer, with the name that a test runs under."""

    score: ScoreCase
    normalizer: NormalizerCase

    @property
    def id(self) -> str:
        """Name both."""
        return f"{self.score.id}-{self.normalizer.id}"


_BY_SCORE = {case.id: case for case in SCORES}
SOFTMAX = NORMALIZERS[0]
PAIRS = [
    *(Pair(score, SOFTMAX) for score in SCORES),
    *(
        Pair(_BY_SCORE[score], normalizer)
        for score in ("scaled_dot", "additive")
        for normalizer in NORMALIZERS
        if normalizer is not SOFTMAX
    ),
]
"""Every score with softmax, and the two comparisons that papers build on with every normalizer."""


@dataclass(frozen=True)
class Question:
    """One call of attention, all of its inputs leaves that gradients reach."""

    query: Tensor
    key: Tensor
    value: Tensor
    score: Callable[[Tensor, Tensor], Tensor]
    normalizer: Normalizer
    bias: Tensor | None = None
    mask: Tensor | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the call."""
        return {
            "score": self.score,
            "normalizer": self.normalizer,
            "bias": self.bias,
            "mask": self.mask,
        }

    @property
    def leaves(self) -> dict[str, Tensor]:
        """What gradients may reach, the parameters of the score included."""
        bound = self.score.keywords if isinstance(self.score, partial) else {}
        named = {"query": self.query, "key": self.key, "value": self.value, **bound}
        if self.bias is not None:
            named["added"] = self.bias
        return {name: leaf for name, leaf in named.items() if isinstance(leaf, Tensor)}

    def weights(self) -> Tensor:
        """Ask for the weights."""
        return regard.attention_weights(self.query, self.key, **self.options)

    def context(self) -> Tensor:
        """Ask for the context."""
        return regard.attention(self.query, self.key, self.value, **self.options)

    def gradients(self, seed: int = 9) -> dict[str, Tensor | None]:
        """Ask for the gradients of the context, all of its elements weighed by chance."""
        context = self.context()
        return self.gradients_of(context, draws(seed, context.dtype)(*context.shape))

    def gradients_of(self, context: Tensor, cotangent: Tensor) -> dict[str, Tensor | None]:
        """Return the gradients of a context of this call, weighed by `cotangent`."""
        leaves = self.leaves
        grads = torch.autograd.grad(context, list(leaves.values()), cotangent, allow_unused=True)
        return dict(zip(leaves, grads, strict=True))

    def having(self, **changes: Any) -> "Question":
        """Return this question with other inputs."""
        return replace(self, **changes)


def leaf(tensor: Tensor) -> Tensor:
    """Return the tensor as one that gradients stop at."""
    return tensor.detach().clone().requires_grad_()


def question(
    pair: Pair,
    batch: tuple[int, ...] = (2,),
    *,
    query_len: int = 3,
    key_len: int = 5,
    value_dim: int = 6,
    dtype: torch.dtype = torch.float64,
) -> Question:
    """Draw a question without bias and mask."""
    draw = draws(dtype=dtype)
    score = pair.score.bind(draw)
    if isinstance(score, partial):
        bound = {
            name: leaf(value) if isinstance(value, Tensor) else value
            for name, value in score.keywords.items()
        }
        score = partial(score.func, **bound)
    return Question(
        query=leaf(draw(*batch, query_len, pair.score.query_dim)),
        key=leaf(draw(*batch, key_len, pair.score.key_dim)),
        value=leaf(draw(*batch, key_len, value_dim)),
        score=score,
        normalizer=pair.normalizer.make(),
    )


class Call(NamedTuple):
    """A pair, computed by one of the kernels."""

    pair: Pair
    kernel: str

    @property
    def id(self) -> str:
        """Name the pair and the kernel."""
        return f"{self.pair.id}-{self.kernel}"

    def kernel_only(self) -> AbstractContextManager[None]:
        """Let the kernel compute what is asked in the block."""
        return kernels.only(self.kernel)


def takers(asked: Question) -> list[str]:
    """Return the kernels that take a question, the reference last."""
    call = take_apart(asked.query, asked.key, asked.value, **asked.options)
    return [kernel.name for kernel in TABLE if kernel.refuses(call) is None]


CALLS = [Call(pair, kernel) for pair in PAIRS for kernel in takers(question(pair))]
"""Every pair by every kernel that takes it."""

FAST_CALLS = [call for call in CALLS if call.kernel != "reference"]
"""Those that the reference must confirm."""
