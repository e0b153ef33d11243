"""Pairs of texts that have something to do with each other, as ids, and the batches of them."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import torch

from regard.data.batching import Plan
from regard.data.encoders import Encoder
from regard.data.encoding import Ids, pad
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.pair_features import PairFeatures, split_words
from regard.interfaces import MatchBatch, Matched

__all__ = [
    "EncodedMatched",
    "by_groups",
    "collate_groups",
    "collate_matched",
    "encode_matched",
    "in_groups",
    "pair_lengths",
]


class EncodedMatched(NamedTuple):
    """A pair as ids, its features, if it has any, and its target (see `Labels`, `Grades`)."""

    left: Ids
    right: Ids
    features: list[float]
    target: int | list[float]


def encode_matched(
    rows: Sequence[Matched],
    encoder: Encoder,
    labels: Labels | Grades,
    features: PairFeatures | None = None,
) -> list[EncodedMatched]:
    """Encode pairs, each side as `encoder` does: no row is left out, and a side may have no ids.

    Features see all of both sides, however little of them the encoder reads.

    Raises:
        DataError: if a label is unknown, or outside the grades.
    """
    targets = [_target(labels, row.label) for row in rows]
    lefts = encoder.encode([row.left for row in rows])
    rights = encoder.encode([row.right for row in rows])
    found: Iterable[list[float]]
    if features is None:
        found = ([] for _ in rows)
    else:
        found = (features.of(split_words(row.left), split_words(row.right)) for row in rows)
    return [EncodedMatched(*each) for each in zip(lefts, rights, found, targets, strict=True)]


def collate_matched(examples: Iterable[EncodedMatched]) -> MatchBatch:
    """Make a batch of encoded pairs; without features, theirs has no columns."""
    lefts, rights, features, targets = zip(*examples, strict=True)
    return MatchBatch(pad(lefts), pad(rights), torch.tensor(features), torch.tensor(targets))


def collate_groups(groups: Iterable[Sequence[EncodedMatched]]) -> MatchBatch:
    """Make a batch of whole groups, which says which pair belongs to which."""
    groups = list(groups)
    numbers = [number for number, group in enumerate(groups) for _ in group]
    batch = collate_matched(chain.from_iterable(groups))
    return batch._replace(group=torch.tensor(numbers))


def in_groups(
    pairs: Sequence[EncodedMatched], groups: Sequence[str], *, max_tokens: int
) -> list[list[EncodedMatched]]:
    """Put the pairs of a group together, groups in the order of their first pairs.

    A group that has more than `max_tokens` ids, padding counted, is divided; with 0, none is.
    """
    together = defaultdict[str, list[EncodedMatched]](list)
    for pair, group in zip(pairs, groups, strict=True):
        together[group].append(pair)
    divided = []
    for members in together.values():
        longest = max(pair_lengths(members))
        size = max(1, max_tokens // longest) if max_tokens and longest else len(members)
        divided += [members[first : first + size] for first in range(0, len(members), size)]
    return divided


def by_groups(
    groups: Iterable[Sequence[EncodedMatched]], *, max_tokens: int, max_pairs: int
) -> Plan:
    """Plan batches of groups whose pairs are of similar length, as many as fit, or else one.

    Args:
        max_tokens: ids in a batch, padding counted; 0 for any number.
        max_pairs: pairs in a batch.
    """
    # Groups of one size and about one length may change places.
    sizes = [(-(-max(pair_lengths(group)) // 8) * 8, len(group)) for group in groups]
    return partial(_fill, sizes=sizes, max_tokens=max_tokens or sys.maxsize, max_pairs=max_pairs)


def _fill(
    order: Sequence[int], sizes: Sequence[tuple[int, int]], max_tokens: int, max_pairs: int
) -> list[list[int]]:
    batches: list[list[int]] = []
    num_pairs = 0
    for index in sorted(order, key=sizes.__getitem__):
        # In ascending order the newest is the longest, to which all others are padded.
        longest, number = sizes[index]
        num_pairs += number
        if batches and num_pairs <= max_pairs and num_pairs * longest <= max_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
            num_pairs = number
    return batches


def pair_lengths(examples: Iterable[EncodedMatched]) -> list[int]:
    """Return how many ids the two sides of each pair have together."""
    return [len(example.left) + len(example.right) for example in examples]


def _target(labels: Labels | Grades, label: str) -> int | list[float]:
    return labels.target(label) if isinstance(labels, Grades) else labels.target((label,))
