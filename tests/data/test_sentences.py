import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.data import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["I saw it in the U.S. on Friday.", "It was late."],
        ["Mr. J. R. Smith and Dr. No paid $3.50 for it.", "That is 7.5 of 10, e.g. by St. Paul."],
        ["Great...", "Loved it."],
        ["It dragged on... and on.", "Then it stopped!"],
        ['"Why?" she asked.', '"Go!"', "He left."],
        ['They called it "the best of all."', "Really?!", "Yes."],
        ["It ended at 3 p.m. yesterday.", "See p. 5 of vol. 2."],
        ["J.R.R. Tolkien wrote it (in 1937).", "Nobody knew."],
    ],
)
def test_sentences_end_where_they_end(sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences)) == sentences


def test_a_blank_line_ends_a_sentence() -> None:
    assert split_sentences("no end\n\nnor here\n \t\n\nor here") == [
        "no end",
        "nor here",
        "or here",
    ]


def test_a_line_end_alone_does_not() -> None:
    assert split_sentences("it goes\non.") == ["it goes\non."]


@pytest.mark.parametrize("text", ["", " ", "\n\n \n"])
def test_nothing_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


PIECES = st.sampled_from(
    [
        "Dr.",
        "U.S.",
        "a",
        "The",
        ".",
        "...",
        "?!",
        '"',
        ")",
        "3.5",
        " ",
        "\n",
        "\n\n",
        "\u2028",
        "猫。",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=50))
def test_nothing_is_lost_or_empty(text: str) -> None:
    sentences = split_sentences(text)
    assert all(sentence.strip() for sentence in sentences)
    assert "".join(" ".join(sentences).split()) == "".join(text.split())


def test_a_document_of_five_megabytes_is_split_in_seconds() -> None:
    sentence = "Mr. Smith of no. 5 saw it. "
    start = time.process_time()
    assert len(split_sentences(sentence * (5_000_000 // len(sentence)))) > 100_000
    assert time.process_time() - start < 60
