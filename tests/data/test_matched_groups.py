"""Pairs that are ranked against each other stand in one batch."""

from regard.data.matched_encoding import (
    EncodedMatched,
    collate_groups,
    group_lengths,
    in_groups,
)


def pair(left_len: int, right_len: int, target: int = 0) -> EncodedMatched:
    return EncodedMatched([4] * left_len, [5] * right_len, [], target)


PAIRS = [pair(1, 2), pair(2, 2, 1), pair(1, 1), pair(1, 5), pair(0, 0)]
GROUPS = ["b", "a", "b", "a", "c"]


def test_groups_stand_in_the_order_of_their_first_pairs() -> None:
    groups = in_groups(PAIRS, GROUPS, max_tokens=100)
    assert groups == [[PAIRS[0], PAIRS[2]], [PAIRS[1], PAIRS[3]], [PAIRS[4]]]
    assert group_lengths(groups) == [2 * 3, 2 * 6, 0]


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
