"""How well candidates are ranked: mean average precision and its relatives."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics.functional.retrieval import (
    retrieval_average_precision,
    retrieval_precision,
    retrieval_reciprocal_rank,
)

__all__ = ["score_ranking"]


def score_ranking(
    scores: Float[Tensor, " rows"], relevant: Bool[Tensor, " rows"], groups: Sequence[str]
) -> dict[str, Any]:
    """Score rankings, one of each group, as trec_eval does; shares in percent.

    `map` is the mean average precision, `mrr` the mean reciprocal rank of the first relevant row,
    `precision_at_1` how often a relevant one stands first. Groups without a relevant row are left
    out, and counted in `unanswerable`; those whose rows all are relevant count.

    Args:
        scores: the greater, the further to the front.
        groups: which question each row belongs to.

    Differs: of equal scores trec_eval puts first what has the greater name. Here what is not
    relevant comes first, so that nothing is gained by scoring alike.
    """
    rows_of: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        rows_of.setdefault(group, []).append(row)
    found = []
    for rows in rows_of.values():
        target = relevant[rows]
        if target.any():
            places = _places(scores[rows], target)
            found.append(
                [
                    float(metric(places, target))
                    for metric in (
                        retrieval_average_precision,
                        retrieval_reciprocal_rank,
                        _precision_at_1,
                    )
                ]
            )
    means = [100 * sum(column) / len(column) for column in zip(*found, strict=True)] or [0.0] * 3
    figures: dict[str, Any] = dict(zip(("map", "mrr", "precision_at_1"), means, strict=True))
    return figures | {"questions": len(found), "unanswerable": len(rows_of) - len(found)}


def _places(scores: Tensor, relevant: Tensor) -> Float[Tensor, " rows"]:
    """Return numbers that are all different and rank as the scores do."""
    order = sorted(range(len(scores)), key=lambda row: (-float(scores[row]), bool(relevant[row])))
    places = torch.empty(len(scores))
    places[order] = torch.arange(len(scores), 0, -1, dtype=torch.float32)
    return places


def _precision_at_1(places: Tensor, relevant: Tensor) -> Tensor:
    return retrieval_precision(places, relevant, top_k=1)
