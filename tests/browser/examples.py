"""Weights that are easy to know again, and reports of them."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.report import Example, HeadsExample, Report, TextExample
from regard.inspection.shading import ShadedText


def drawn(*shape: int, seed: int = 0, sharpness: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).mul(sharpness).softmax(-1)


def tokens(letter: str, number: int) -> list[str]:
    """Name tokens so that their names say where they stand."""
    return [f"{letter}{place}" for place in range(number)]


def alignment(num_target: int, num_source: int, **options: float) -> Alignment:
    weights = drawn(num_target, num_source, **options)
    return Alignment(weights, tokens("s", num_source), tokens("t", num_target), "an alignment")


def attention(
    name: str,
    num_layers: int,
    num_heads: int,
    num_query: int,
    num_key: int,
    *,
    causal: bool = False,
) -> HeadWeights:
    layers = [drawn(num_heads, num_query, num_key, seed=layer) for layer in range(num_layers)]
    mask = torch.ones(num_query, num_key, dtype=torch.bool).tril() if causal else None
    if mask is not None:
        layers = [torch.nn.functional.normalize(each * mask, p=1, dim=-1) for each in layers]
    return HeadWeights(name, layers, tokens("q", num_query), tokens("k", num_key), mask)


def shaded(text: str = "A fine film. Bad acting.") -> ShadedText:
    spans = [found.span() for found in re.finditer(r"\w+", text)]
    weights = torch.arange(1, len(spans) + 1).float()
    return ShadedText(text, spans, weights / weights.sum(), None, "a text")


def report(*examples: Example | HeadsExample | TextExample) -> Report:
    return Report("A page", examples)


def of(weights: Tensor, names: Sequence[str]) -> float:
    """Return the weight of a row and a column by names that end in their places."""
    row, column = (int(re.sub(r"\D", "", name)) for name in names)
    return float(weights[row, column])
