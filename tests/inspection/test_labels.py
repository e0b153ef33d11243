"""Text from anywhere is shown whole, and does nothing but being shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.inspection.labels import printable, prose, shorten, token_label

ANY_TEXT = st.text(st.characters())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\tc\x7f", r"a\nb\tc\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("user\u202egnp", r"user\u202egnp"),
        ("\u2067rtl\u2069", r"\u2067rtl\u2069"),
        ("line\u2028end", r"line\u2028end"),
        ("\ud800", r"\ud800"),
        ("\uffff", r"\uffff"),
        ("12\u200f/3", "12\u200f/3"),
    ],
)
def test_what_acts_is_written_as_python_would(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("haus", "haus"),
        (" ", "␣"),
        ("\u202f", "␣"),
        ("a b", "a␣b"),
        ("", "∅"),
        ("\n", r"\n"),
        ("\u200f", r"\u200f"),
        ("\xad", r"\xad"),
        ("\u200d", r"\u200d"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("می\u200cروم", "می\u200cروم"),
        ("\u0301", "◌\u0301"),
        ("▁новый", "▁новый"),
    ],
)
def test_every_part_of_a_token_can_be_seen(token: str, shown: str) -> None:
    assert token_label(token) == shown


@given(ANY_TEXT)
def test_no_text_keeps_a_character_that_acts(text: str) -> None:
    categories = {unicodedata.category(character) for character in printable(text)}
    assert categories.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


@given(ANY_TEXT)
def test_no_token_is_invisible(token: str) -> None:
    label = token_label(token)
    assert not label.isspace()
    assert any(
        unicodedata.category(character)[0] not in "CMZ" or character == "◌" for character in label
    ) or any(unicodedata.category(character) in {"Cn", "Co"} for character in label)


def test_long_text_ends_in_an_ellipsis() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\r\nb\n\tc", "a\nb\n\tc"), ("a\rb", r"a\rb"), ("\x1b[2J\u2028", r"\x1b[2J\u2028")],
)
def test_prose_keeps_line_ends_and_tabs(text: str, shown: str) -> None:
    assert prose(text) == shown
