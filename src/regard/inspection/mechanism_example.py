"""Attention of any choices over a few words, with small random vectors: an example to learn by."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from regard.functional import biases, normalizers, scores
from regard.functional.masks import Window
from regard.inspection.mechanism import Mechanism, mechanism_of

__all__ = ["BIASES", "NORMALIZERS", "SCORES", "example_of"]

SCORES: dict[str, Callable[..., Tensor]] = {
    name: function
    for name in scores.__all__
    # What projects one side alone is no score.
    if list(inspect.signature(function := getattr(scores, name)).parameters)[:2] == ["query", "key"]
}
"""Every score by its name."""

NORMALIZERS: dict[str, Callable[..., Tensor]] = {
    name: getattr(normalizers, name) for name in normalizers.__all__
}
"""Every normalizer by its name."""

BIASES: dict[str, Callable[[int, int], Tensor]] = {
    "alibi": lambda query_len, key_len: biases.alibi(torch.tensor([0.5]), query_len, key_len)[0],
    "gaussian": lambda query_len, key_len: biases.gaussian(
        torch.arange(key_len - query_len, key_len).float(), key_len, deviation=1.0
    ),
}
"""Biases that need no parameters, by their names."""


def example_of(
    tokens: Sequence[str],
    queries: Sequence[str],
    *,
    score: str = "scaled_dot",
    normalizer: str = "softmax",
    bias: str | None = None,
    mask: Window | None = None,
    width: int = 4,
    seed: int = 71,
) -> Mechanism:
    """Let some words attend to others.

    Vectors and parameters are drawn by `seed`, and rounded to tenths so that one can follow with
    pencil and paper; a word has the same ones wherever it stands. Queries stand at the end of the
    tokens, as everywhere.

    Args:
        tokens: what is attended to.
        queries: what attends.
        score, normalizer, bias: by name.
        width: of all vectors.

    Raises:
        KeyError: there is no such score, normalizer or bias.
        ValueError: there are no tokens or too many, or vectors are too wide.

    >>> example_of(["the", "cat", "sat"], ["sat"], normalizer="hardmax").weights
    tensor([[1., 0., 0.]])
    """
    for name, words in {"tokens": tokens, "queries": queries}.items():
        if not words:
            raise ValueError(f"{name} must hold a word; got none")
    if width < 1:
        raise ValueError(f"vectors must have a dimension; got a width of {width}")
    generator = torch.Generator().manual_seed(seed)
    vectors = {word: _draw((3, width), generator) for word in dict.fromkeys([*tokens, *queries])}
    key, value = (torch.stack([vectors[word][part] for word in tokens]) for part in (1, 2))
    sizes = {"max_len": len(tokens), "query_dim_plus_key_dim": 2 * width}
    return mechanism_of(
        torch.stack([vectors[word][0] for word in queries]),
        key,
        value,
        score=_with_parameters(SCORES[score], sizes, width, generator),
        bias=None if bias is None else BIASES[bias](len(queries), len(tokens)),
        mask=mask,
        normalizer=_drawing_from(NORMALIZERS[normalizer], generator),
        queries=queries,
        keys=tokens,
    )


def _with_parameters(
    score: Callable[..., Tensor], sizes: dict[str, int], width: int, generator: torch.Generator
) -> Callable[..., Tensor]:
    """Bind what a score must be given, of the shapes that its signature says."""
    required = {
        name: parameter.annotation.dim_str.split()
        for name, parameter in inspect.signature(score).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    }
    drawn = {
        name: _draw([sizes.get(axis, width) for axis in axes], generator)
        for name, axes in required.items()
    }
    return partial(score, **drawn) if drawn else score


def _drawing_from(normalizer: Callable[..., Tensor], generator: torch.Generator) -> Any:
    """Let a normalizer that draws draw the same each time."""
    if "generator" in inspect.signature(normalizer).parameters:
        return partial(normalizer, generator=generator)
    return normalizer


def _draw(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=generator).mul(10).round().div(10)
