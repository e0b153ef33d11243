"""Pairs that are ranked against each other stand in one batch."""

import random

from regard.data.matched_encoding import (
    EncodedMatched,
    by_groups,
    collate_groups,
    in_groups,
)


def pair(left_len: int, right_len: int, target: int = 0) -> EncodedMatched:
    return EncodedMatched([4] * left_len, [5] * right_len, [], target)


PAIRS = [pair(1, 2), pair(2, 2, 1), pair(1, 1), pair(1, 5), pair(0, 0)]
GROUPS = ["b", "a", "b", "a", "c"]


def test_groups_stand_in_the_order_of_their_first_pairs() -> None:
    groups = in_groups(PAIRS, GROUPS, max_tokens=100)
    assert groups == [[PAIRS[0], PAIRS[2]], [PAIRS[1], PAIRS[3]], [PAIRS[4]]]


def test_a_group_that_is_too_large_is_divided() -> None:
    assert in_groups(PAIRS[:4], ["a"] * 4, max_tokens=12) == [PAIRS[:2], PAIRS[2:4]]
    assert in_groups(PAIRS[:2], ["a"] * 2, max_tokens=1) == [PAIRS[:1], PAIRS[1:2]]
    assert in_groups(PAIRS, ["a"] * 5, max_tokens=0) == [PAIRS]
    assert in_groups(PAIRS[4:], ["a"], max_tokens=3) == [PAIRS[4:]]


def test_a_batch_says_which_pair_belongs_to_which_group() -> None:
    batch = collate_groups(in_groups(PAIRS, GROUPS, max_tokens=100))
    assert batch.group is not None
    assert batch.group.tolist() == [0, 0, 1, 1, 2]
    assert batch.left.lengths.tolist() == [1, 1, 2, 1, 0]
    assert batch.target.tolist() == [0, 0, 1, 0, 0]


def test_batches_of_groups_keep_to_their_limits() -> None:
    rng = random.Random(0)
    groups = [[pair(rng.randint(1, 40), 2)] * rng.randint(1, 12) for _ in range(200)]
    for max_tokens, max_pairs in ((600, 30), (0, 30), (10_000, 1)):
        plan = by_groups(groups, max_tokens=max_tokens, max_pairs=max_pairs)
        for seed in range(5):
            order = random.Random(seed).sample(range(200), 200)
            batches = plan(order)
            assert sorted(index for batch in batches for index in batch) == list(range(200))
            assert len(batches) == len(plan(range(200)))  # as many whatever the order
            for batch in batches:
                pairs = [each for index in batch for each in groups[index]]
                padded = len(pairs) * max(len(each.left) + 2 for each in pairs)
                assert len(batch) == 1 or len(pairs) <= max_pairs
                assert len(batch) == 1 or not max_tokens or padded <= max_tokens
    assert max(map(len, by_groups(groups, max_tokens=600, max_pairs=30)(range(200)))) > 2
