import unicodedata
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data import Tokenizer
from regard.interfaces import Link, Links
from regard.training.alignment_metrics import link_words, score_links, word_membership

some_links = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)))
some_pairs = st.lists(st.tuples(some_links, some_links, some_links), min_size=1, max_size=5)


def links(sure: set[Link], possible: set[Link]) -> Links:
    return Links(frozenset(sure), frozenset(possible))


def slow_scores(pairs: list[tuple[set[Link], set[Link], set[Link]]]) -> tuple[float, float, float]:
    """Count link by link; return the error rate, precision and recall."""
    right_sure = right_possible = num_found = num_sure = 0
    for found, sure, possible in pairs:
        for link in found:
            num_found += 1
            right_sure += link in sure
            right_possible += link in sure or link in possible
        num_sure += len(sure)
    total = num_found + num_sure
    return (
        100 * (1 - (right_sure + right_possible) / total) if total else 0.0,
        100 * right_possible / num_found if num_found else 100.0,
        100 * right_sure / num_sure if num_sure else 100.0,
    )


@given(pairs=some_pairs)
def test_links_score_what_counting_gives(
    pairs: list[tuple[set[Link], set[Link], set[Link]]],
) -> None:
    scores = score_links([found for found, _, _ in pairs], [links(*each[1:]) for each in pairs])
    assert list(scores) == ["alignment_error_rate", "alignment_precision", "alignment_recall"]
    assert tuple(scores.values()) == pytest.approx(slow_scores(pairs), abs=1e-9)


def test_scores_of_an_example_by_hand() -> None:
    # Of four links found, two are sure, one more is possible; three are sure in all.
    found = {(0, 0), (1, 1), (2, 2), (3, 0)}
    sure = {(0, 0), (1, 1), (3, 3)}
    scores = score_links([found], [links(sure, sure | {(2, 2)})])
    assert scores["alignment_error_rate"] == pytest.approx(100 * (1 - (2 + 3) / (4 + 3)), abs=1e-9)
    assert scores["alignment_precision"] == pytest.approx(75, abs=1e-9)
    assert scores["alignment_recall"] == pytest.approx(100 * 2 / 3, abs=1e-9)


def test_all_pairs_count_together() -> None:
    long = {(word, word) for word in range(9)}
    scores = score_links([long, {(0, 1)}], [links(long, long), links({(0, 0)}, {(0, 0)})])
    assert scores["alignment_precision"] == pytest.approx(90, abs=1e-9)


def test_there_must_be_a_reference_for_each_pair() -> None:
    with pytest.raises(ValueError, match="a reference for each pair; got 1 and 2"):
        score_links([set(), set()], [links(set(), set())])


TEXTS = [
    "Ein Mann mit einem Hut, der etwas anstarrt.",
    "Zwei Männer und ein Hund stehen (im Schnee).",
    "我喜欢 猫 。",
] * 3

TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "words": lambda: Tokenizer.words(TEXTS),
    "bpe": lambda: Tokenizer.bpe(TEXTS, vocab_size=330, lowercase=True),
    "characters": lambda: Tokenizer.characters(TEXTS, lowercase=True),
}

every_kind = pytest.mark.parametrize("make", TOKENIZERS.values(), ids=TOKENIZERS)


@every_kind
@pytest.mark.parametrize(
    "text",
    [
        "EIN Hut, der\tetwas  anstarrt .",
        "  Zwei Zwiebeln ",
        unicodedata.normalize("NFD", "Männer über Bäume é"),
        "我喜欢 猫 。",
        "🙂 👩\u200d👩\u200d👧 x",
        "İSTANBUL ist \ufb01n",
        "a▁b \u0301c d\u3000e\u00a0f",
        "a\u2028b",
    ],
)
def test_every_token_is_of_the_word_that_it_stands_in(
    make: Callable[[], Tokenizer], text: str
) -> None:
    tokenizer = make()
    membership = word_membership(text, tokenizer.spans(text))
    words = text.split()
    assert membership.shape == (len(tokenizer.encode(text)), len(words))
    tokens = tokenizer.tokens(text)
    for column, word in enumerate(words):
        within = [tokens[row] for row in membership[:, column].nonzero().flatten().tolist()]
        # A word alone is made of the same tokens, but for the space before it.
        alone = tokenizer.tokens(word)
        assert without_blanks(within) == without_blanks(alone)
    trailing = len(text) - len(text.rstrip())
    assert int((membership.sum(1) == 0).sum()) <= trailing


def without_blanks(tokens: list[str]) -> list[str]:
    """Return the tokens without those that stand for a blank alone, and without blanks in them."""
    return [token.strip("▁") for token in tokens if token.strip("▁ \t\u3000\u00a0\u2028")]


def test_words_without_a_token_and_tokens_without_a_word_are_left_alone() -> None:
    membership = word_membership("one two  ", [(0, 3), (8, 9)])
    assert membership.tolist() == [[1, 0], [0, 0]]
    assert word_membership("", []).shape == (0, 0)


def slow_links(
    weights: list[list[int]], source: list[int], target: list[int], num_words: tuple[int, int]
) -> set[Link]:
    """Link words by sums and means, token by token; a word of -1 is none."""
    found = set()
    for target_word in range(num_words[1]):
        rows = [row for row, word in zip(weights, target, strict=True) if word == target_word]
        sums = [
            sum(row[at] for row in rows for at, word in enumerate(source) if word == source_word)
            for source_word in range(num_words[0])
        ]
        if sums and max(sums) > 0:
            found.add((sums.index(max(sums)), target_word))
    return found


@given(data=st.data())
def test_links_go_where_most_weight_lies(data: st.DataObject) -> None:
    num_words = data.draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    source, target = (
        data.draw(st.lists(st.integers(-1, count - 1), max_size=7)) for count in num_words
    )
    row = st.lists(st.integers(0, 3), min_size=len(source), max_size=len(source))
    weights = data.draw(st.lists(row, min_size=len(target), max_size=len(target)))
    found = link_words(
        torch.tensor(weights, dtype=torch.float32).view(len(target), len(source)),
        members(source, num_words[0]),
        members(target, num_words[1]),
    )
    assert found == slow_links(weights, source, target, num_words)


def members(words: list[int], num_words: int) -> torch.Tensor:
    return torch.tensor([[float(word == at) for at in range(num_words)] for word in words]).view(
        len(words), num_words
    )


def test_weights_of_a_word_count_together() -> None:
    # The largest single weight lies on the first word, most of them on the second.
    source = word_membership("ab cd", [(0, 2), (3, 4), (4, 5)])
    target = word_membership("xy z", [(0, 1), (1, 2), (3, 4)])
    weights = torch.tensor([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [1.0, 0.0, 0.0]])
    assert link_words(weights, source, target) == {(1, 0), (0, 1)}


def test_a_word_that_looks_nowhere_is_not_linked() -> None:
    weights = torch.tensor([[0.0, 0.0], [0.0, 0.1]])
    assert link_words(weights, torch.eye(2), torch.eye(2)) == {(1, 1)}
