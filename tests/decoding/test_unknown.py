import pytest
import torch

from regard.decoding import replace_unknown


def test_unknown_becomes_the_most_attended_source_word() -> None:
    alignment = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    tokens = ["a", "<unk>", "<unk>"]
    assert replace_unknown(tokens, alignment, ["berta", "carl"]) == ["a", "carl", "berta"]
    assert tokens == ["a", "<unk>", "<unk>"]


def test_the_column_of_eos_is_never_chosen() -> None:
    alignment = torch.tensor([[0.1, 0.2, 0.7]])
    assert replace_unknown(["<unk>"], alignment, ["berta", "carl"]) == ["carl"]


def test_the_first_word_wins_among_equals() -> None:
    assert replace_unknown(["<unk>"], torch.tensor([[0.5, 0.5]]), ["berta", "carl"]) == ["berta"]


def test_unknown_stays_where_no_word_is_attended() -> None:
    only_eos = torch.tensor([[0.0, 0.0, 1.0]])
    assert replace_unknown(["<unk>"], only_eos, ["berta", "carl"]) == ["<unk>"]
    assert replace_unknown(["<unk>"], torch.ones(1, 1), []) == ["<unk>"]


def test_another_word_may_stand_for_the_unknown() -> None:
    tokens = replace_unknown(["<unk>", "?"], torch.ones(2, 1), ["berta"], unknown="?")
    assert tokens == ["<unk>", "berta"]


def test_nothing_to_replace_leaves_the_tokens() -> None:
    assert replace_unknown(["a"], torch.ones(1, 2), ["berta", "carl"]) == ["a"]
    assert replace_unknown([], torch.ones(0, 2), ["berta", "carl"]) == []


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 4), (3, 2)])
def test_an_alignment_that_does_not_fit_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 2\) or \(2, 3\); got \(\d, \d\)"):
        replace_unknown(["<unk>", "a"], torch.ones(shape), ["berta", "carl"])
