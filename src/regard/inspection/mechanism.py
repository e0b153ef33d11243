"""The drawing model of attention itself: one call, with every number on its way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from regard.functional import masks
from regard.functional.attention import attention, check, scores_shape
from regard.functional.masks import Window
from regard.functional.normalizers import softmax
from regard.functional.scores import scaled_dot
from regard.inspection.checks import check_range
from regard.inspection.layouts.formulas import formula_of, name_of
from regard.interfaces import Normalizer

__all__ = ["ADD", "MAX_TOKENS", "MAX_WIDTH", "READ_OUT", "Mechanism", "Stage", "mechanism_of"]

MAX_TOKENS, MAX_WIDTH = 12, 16
"""How many tokens, and how wide vectors, can be taken in at a glance."""


class Stage(NamedTuple):
    """A function on the way: its name, its formula, and the shapes of its parameters by name."""

    name: str
    formula: str = ""
    parameters: tuple[tuple[str, tuple[int, ...]], ...] = ()


ADD = Stage("add the bias", "sᵢⱼ + bᵢⱼ")
"""The stage between score and normalizer, where there is a bias."""

READ_OUT = Stage("weighted sum", formula_of(attention))
"""The last stage, which is the same whatever the others are."""


@dataclass(frozen=True, eq=False)
class Mechanism:
    """One call of attention: what goes in, what each stage makes of it, and what comes out.

    Args:
        query, key, value: `query query_dim`, `key key_dim` and `key value_dim`.
        scores, weights: `query key`, before the bias and after the normalizer.
        context: `query value_dim`.
        score, normalizer: the two stages that papers choose.
        queries, keys: the texts of the tokens; they may come from anywhere.
        bias: added to the scores. mask: boolean, True = may attend. Both `query key`.

    Raises:
        TypeError: a part is no floating-point tensor, or the mask is not boolean.
        ValueError: parts do not fit each other, are too large to be drawn number by number, or
            hold no numbers, or weights do not lie in 0…1.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    scores: Tensor
    weights: Tensor
    context: Tensor
    score: Stage
    normalizer: Stage
    queries: Sequence[str]
    keys: Sequence[str]
    bias: Tensor | None = None
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        _check_size(self.query, self.key, self.value)
        (num_queries, _), (num_keys, _) = self.query.shape, self.key.shape
        pairs, read = (num_queries, num_keys), (num_queries, self.value.shape[-1])
        _check_shape("value", self.value, (num_keys, read[1]))
        for name, matrix in {
            "scores": self.scores,
            "bias": self.bias,
            "mask": self.mask,
            "weights": self.weights,
        }.items():
            if matrix is not None:
                _check_shape(name, matrix, pairs)
        _check_shape("context", self.context, read)
        if self.mask is not None and self.mask.dtype != torch.bool:
            raise TypeError(f"the mask must be boolean, True = may attend; got {self.mask.dtype}")
        for name, texts, number in (
            ("queries", self.queries, num_queries),
            ("keys", self.keys, num_keys),
        ):
            if len(texts) != number:
                raise ValueError(f"there are {number} {name}, but {len(texts)} texts for them")
        check_range(self.weights.detach())

    @property
    def title(self) -> str:
        """Which choices make the mechanism."""
        return f"{self.score.name} × {self.normalizer.name}"

    @property
    def biased(self) -> Tensor:
        """What the normalizer is given: scores, and the bias if there is one."""
        return self.scores if self.bias is None else self.scores + self.bias

    def may_attend(self, query: int, key: int) -> bool:
        """Say whether a query may attend to a key."""
        return self.mask is None or bool(self.mask[query, key])


def mechanism_of(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    score: Callable[[Tensor, Tensor], Tensor] = scaled_dot,
    bias: Tensor | None = None,
    mask: Tensor | Window | None = None,
    normalizer: Normalizer = softmax,
    queries: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> Mechanism:
    """Attend, as `regard.attention` does, and keep what every stage has computed.

    Args:
        query, key, value: of one sequence and one head, with few tokens and narrow vectors.
        queries, keys: the texts of the tokens; q₁, q₂, … and k₁, k₂, … if not given.

    Raises:
        TypeError: `mask` is not boolean, or a part is no floating-point tensor.
        ValueError: parts do not fit each other, or are too large to be drawn number by number.

    >>> one = mechanism_of(torch.zeros(1, 2), torch.zeros(2, 2), torch.tensor([[1.0], [3.0]]))
    >>> one.weights, one.context
    (tensor([[0.5000, 0.5000]]), tensor([[2.]]))
    """
    _check_size(query, key, value)
    shape = scores_shape(query, key, value)
    check(shape, bias=bias, mask=mask)
    with torch.no_grad():
        scores = score(query, key)
        added = None if bias is None else bias.to(scores.dtype).expand(shape)
        allowed = masks.dense(mask, *shape, device=query.device)
        weights = normalizer(scores if added is None else scores + added, allowed)
        return Mechanism(
            query=query,
            key=key,
            value=value,
            scores=scores,
            weights=weights,
            context=weights.to(value.dtype) @ value,
            score=_stage(score),
            normalizer=_stage(normalizer),
            queries=queries or _numbered("q", len(query)),
            keys=keys or _numbered("k", len(key)),
            bias=added,
            mask=None if allowed is None else allowed.expand(shape),
        )


def _stage(function: Callable[..., Tensor]) -> Stage:
    return Stage(name_of(function), formula_of(function), tuple(_parameters(function)))


def _parameters(function: Callable[..., Tensor]) -> list[tuple[str, tuple[int, ...]]]:
    if isinstance(function, nn.Module):
        return [(name, tuple(each.shape)) for name, each in function.named_parameters()]
    bound = function.keywords if isinstance(function, partial) else {}
    return [(name, tuple(each.shape)) for name, each in bound.items() if isinstance(each, Tensor)]


def _numbered(letter: str, count: int) -> list[str]:
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return [letter + str(number).translate(subscripts) for number in range(1, count + 1)]


def _check_size(query: Tensor, key: Tensor, value: Tensor) -> None:
    for name, vectors in {"query": query, "key": key, "value": value}.items():
        _check_floating_point(name, vectors)
        if vectors.dim() != 2 or not vectors.numel():
            raise ValueError(
                f"{name} must have shape ({name}, {name}_dim), of one sequence and one head, and "
                f"be no empty one; got {tuple(vectors.shape)}"
            )
        if not torch.isfinite(vectors).all():
            raise ValueError(f"{name} must be finite to be drawn; got NaN or infinity")
        num_tokens, width = vectors.shape
        if num_tokens > MAX_TOKENS or width > MAX_WIDTH:
            raise ValueError(
                f"a flow chart shows every number: at most {MAX_TOKENS} tokens of at most "
                f"{MAX_WIDTH} dimensions; {name} has {num_tokens} of {width}. Take a few of them."
            )


def _check_floating_point(name: str, matrix: Tensor) -> None:
    received = getattr(matrix, "dtype", type(matrix).__name__)
    if not getattr(received, "is_floating_point", False):
        raise TypeError(f"{name} must be a floating-point tensor; got {received}")


def _check_shape(name: str, matrix: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(matrix.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}; got {tuple(matrix.shape)}")
    if not torch.isfinite(matrix).all():
        raise ValueError(f"{name} must be finite to be drawn; got NaN or infinity")
