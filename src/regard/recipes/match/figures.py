"""What a matcher scores: by classes or grades, and by rankings where pairs are ranked."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from regard.data.files import DataError
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.matched import MatchedText
from regard.data.matched_encoding import EncodedMatched, encode_matched
from regard.recipes.match.system import MatchingSystem
from regard.training.matching_metrics import score_grades, score_matches
from regard.training.ranking_metrics import score_ranking

__all__ = ["LabelledPairs", "encoded_pairs", "evaluate_matcher", "evaluate_rows", "figure_names"]


class LabelledPairs(NamedTuple):
    """Pairs that are encoded, with what is true of them, and what each is ranked for."""

    pairs: list[EncodedMatched]
    groups: list[str]

    @property
    def is_ranked(self) -> bool:
        """Whether there are groups, and one of them at least has a right answer."""
        return any(self.groups) and any(pair.target == 1 for pair in self.pairs)


def encoded_pairs(system: MatchingSystem, rows: MatchedText) -> LabelledPairs:
    """Encode pairs as the system reads them.

    Raises:
        DataError: a label is unknown, or pairs are ranked that are not of two classes.
    """
    try:
        pairs = encode_matched(rows.rows, system.encoder, system.truth, system.features)
    except DataError as error:
        raise DataError(f"{rows.name}: {error}") from None
    groups = [row.group for row in rows.rows]
    if any(groups) and isinstance(system.truth, Labels) and len(system.truth.names) > 2:
        raise DataError(
            f"{rows.name}: what is ranked by its group is of two classes; there are "
            f"{len(system.truth.names)}"
        )
    return LabelledPairs(pairs, groups)


def evaluate_rows(system: MatchingSystem, rows: MatchedText) -> dict[str, Any]:
    """Score the matcher on labelled pairs.

    Raises:
        DataError: as `encoded_pairs`.
    """
    return evaluate_matcher(system, *encoded_pairs(system, rows))


def evaluate_matcher(
    system: MatchingSystem, pairs: Sequence[EncodedMatched], groups: Sequence[str]
) -> dict[str, Any]:
    """Score the matcher on encoded pairs; rankings too, if a group is not empty."""
    found = system.outputs(pairs)
    target = torch.tensor([pair.target for pair in pairs])
    truth = system.truth
    if isinstance(truth, Grades):
        shares = found[:, 0], target[:, 0].to(found.dtype)
        loss = torch.nn.functional.binary_cross_entropy(*shares)
        figures = score_grades(*(truth.low + (truth.high - truth.low) * share for share in shares))
    else:
        loss = torch.nn.functional.nll_loss(found.clamp(min=1e-12).log(), target)
        figures = score_matches(found, target, list(truth.names))
    figures = {"loss": float(loss), "pairs": len(pairs), **figures}
    is_binary = not isinstance(truth, Grades) and len(truth.names) == 2
    if is_binary and any(groups) and (target == 1).any():
        figures |= score_ranking(found[:, 1], target == 1, groups)
    return figures


def figure_names(system: MatchingSystem, *, ranked: bool) -> list[str]:
    """Return the figures that the best epoch may be chosen by, the usual one first."""
    if isinstance(system.truth, Grades):
        return ["pearson", "spearman"]
    if len(system.truth.names) > 2:
        return ["accuracy", "macro_f1"]
    ranking = ["map", "mrr"] if ranked else []
    return [*ranking, "accuracy", "f1", "macro_f1"]
