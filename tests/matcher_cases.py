"""Every public matcher of two texts, with the properties it declares; see `tests/cases.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from regard import nn as layers
from regard.interfaces import Tokens
from regard.models import (
    AttentiveMatcher,
    CompareAggregateMatcher,
    ConvolutionalMatcher,
    TransformerMatcher,
)
from tests.cases import MAX_LEN
from tests.drawing import VOCAB, sentences


@dataclass(frozen=True)
class MatcherCase:
    """A matcher of three outputs that reads `VOCAB` words and two features; it drops nothing.

    `make` takes how many positions there may be, where there is an end to them.
    """

    id: str
    make: Callable[..., Any]
    name: str
    turns: bool = False  # the texts swapped, the matrix is transposed
    sums_to_one: bool = False  # so does each row of the matrix, over real positions
    stands_for_its_system: bool = False  # in tests that take their time


SIZES: dict[str, Any] = {
    "vocab": VOCAB,
    "num_outputs": 3,
    "embed_dim": 6,
    "num_features": 2,
    "dropout": 0.0,
}


def convolutional(kind: str, max_len: int = MAX_LEN, **options: Any) -> ConvolutionalMatcher:
    """Make a small one of two blocks."""
    given: dict[str, Any] = {"channels": 4, "window": 3, "num_blocks": 2}
    return ConvolutionalMatcher.named(kind, max_len=max_len, **(SIZES | given | options))


def attentive(score: layers.ScoreModule | None = None, **options: Any) -> AttentiveMatcher:
    """Make a small one, whose states have a width of 8."""
    return AttentiveMatcher(**SIZES, hidden_dim=4, score=score, **options)


def compare_aggregate(**options: Any) -> CompareAggregateMatcher:
    """Make a small one, with pairs and triples of words."""
    given: dict[str, Any] = {"hidden_dim": 4, "widths": (2, 3)}
    return CompareAggregateMatcher(**(SIZES | given | options))


def pairs(lengths: Sequence[tuple[int, int]], seed: int = 0) -> tuple[Tokens, Tokens]:
    """Draw pairs of texts of these lengths."""
    left, right = zip(*lengths, strict=True)
    return sentences(left, seed), sentences(right, seed + 1)


MATCHERS = [
    *(
        MatcherCase(
            f"ConvolutionalMatcher_{id_}",
            lambda max_len=MAX_LEN, kind=kind, options=options: convolutional(
                kind, max_len, **options
            ),
            name="ConvolutionalMatcher",
            turns=turns,
            stands_for_its_system=id_ == "abcnn3",
        )
        for id_, kind, turns, options in (
            ("bcnn", "bcnn", True, {}),
            ("abcnn1", "abcnn1", True, {}),
            ("abcnn2", "abcnn2", True, {"comparison": layers.VectorComparison, "hidden_dim": 5}),
            ("abcnn3", "abcnn3", True, {}),
            ("words", "abcnn2", True, {"window": 1}),
            ("coverage", "abcnn3", True, {"comparison": layers.CoverageComparison}),
            ("bilinear", "abcnn3", False, {"score": lambda n: layers.BilinearScore(n, n)}),
        )
    ),
    *(
        MatcherCase(
            f"AttentiveMatcher_{id_}",
            lambda max_len=MAX_LEN, make=make, options=options: attentive(make(max_len), **options),
            name="AttentiveMatcher",
            sums_to_one=True,
            stands_for_its_system=id_ == "dot",
        )
        for id_, make, options in (
            ("dot", lambda _: None, {}),
            ("scaled", lambda _: layers.ScaledDotScore(), {"cell": "gru"}),
            ("cosine", lambda _: layers.CosineScore(), {"normalizer": layers.Entmax()}),
            ("bilinear", lambda _: layers.BilinearScore(8, 8), {}),
            ("additive", lambda _: layers.AdditiveScore(8, 8, 5), {}),
            ("concat", lambda _: layers.ConcatScore(8, 8, 5), {}),
            ("distance", lambda _: layers.DistanceScore(), {}),
            ("location", lambda max_len: layers.LocationScore(8, max_len), {}),
        )
    ),
    *(
        MatcherCase(
            f"CompareAggregateMatcher_{id_}",
            lambda max_len=MAX_LEN, options=options: compare_aggregate(**options()),
            name="CompareAggregateMatcher",
            sums_to_one=True,
            stands_for_its_system=id_ == "cosine",
        )
        for id_, options in (
            ("cosine", dict),
            (
                "additive",
                lambda: {"score": layers.AdditiveScore(6, 6, 5), "normalizer": layers.Entmax()},
            ),
        )
    ),
    *(
        MatcherCase(
            f"TransformerMatcher_{positions}",
            lambda max_len=MAX_LEN, positions=positions: TransformerMatcher(
                **SIZES, num_heads=2, positions=positions, max_len=2 * max_len + 2
            ),
            name="TransformerMatcher",
            stands_for_its_system=positions == "sinusoid",
        )
        for positions in ("sinusoid", "learned")
    ),
]
