import pytest

from regard.data import Encoder, SentenceEncoder, TextEncoder, Tokenizer
from regard.data.encoders import Keep
from regard.interfaces import EOS, UNK

WORDS = Tokenizer.words(["a b c d e f g h i j !"], min_frequency=1)


def words_read(encoder: Encoder, text: str) -> list[str]:
    """Return the characters that each id stands for; the end of a sentence stands for none."""
    return [text[start:end].lower() or "|" for start, end in encoder.spans(text)]


def ids(text: str) -> list[int]:
    return [EOS if word == "|" else WORDS.encode(word)[0] for word in text.split()]


@pytest.mark.parametrize("encoder", [TextEncoder(WORDS), SentenceEncoder(WORDS)])
def test_both_are_encoders(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.encode([]) == []
    assert encoder.encode(["", " \n\n "]) == [[], []]
    assert encoder.spans("") == []


@pytest.mark.parametrize(
    ("max_len", "keep", "read"),
    [
        (None, "first", "a b c d e"),
        (5, "both", "a b c d e"),
        (4, "first", "a b c d"),
        (4, "last", "b c d e"),
        (4, "both", "a b d e"),
        (3, "both", "a b e"),
        (1, "both", "a"),
        (1, "last", "e"),
    ],
)
def test_a_long_text_is_cut(max_len: int | None, keep: Keep, read: str) -> None:
    encoder = TextEncoder(WORDS, max_len, keep)
    assert encoder.encode(["a b c d e", "a"]) == [ids(read), ids("a")]
    assert words_read(encoder, "a b c d e") == read.split()


def test_an_unknown_word_is_a_token_too() -> None:
    encoder = TextEncoder(WORDS)
    assert encoder.encode(["a Xylophon"]) == [[*ids("a"), UNK]]
    assert words_read(encoder, "a Xylophon") == ["a", "xylophon"]


TEXT = "A b c! D e!\n\nF g h i j"


@pytest.mark.parametrize(
    ("encoder", "read"),
    [
        (SentenceEncoder(WORDS), "a b c ! | d e ! | f g h i j |"),
        (SentenceEncoder(WORDS, 6), "a b c ! | d e |"),
        (SentenceEncoder(WORDS, 6, "last"), "! | f g h i j |"),
        (SentenceEncoder(WORDS, 6, "both"), "a b c | h i j |"),
        (SentenceEncoder(WORDS, 3, "both"), "a b | j |"),
        (SentenceEncoder(WORDS, max_words=3), "a b c | ! | d e ! | f g h | i j |"),
        (SentenceEncoder(WORDS, 7, max_words=2), "a b | c ! | d e | ! |"),
    ],
)
def test_every_sentence_ends_in_eos(encoder: SentenceEncoder, read: str) -> None:
    assert encoder.encode(["", TEXT, "a"]) == [[], ids(read), ids("a |")]
    assert words_read(encoder, TEXT) == read.split()


@pytest.mark.parametrize("keep", ["first", "last", "both"])
@pytest.mark.parametrize("max_len", range(1, 13))
def test_sentences_are_cut_as_texts_are(keep: Keep, max_len: int) -> None:
    [read] = SentenceEncoder(WORDS, max_len, keep).encode([TEXT])
    [flat] = TextEncoder(WORDS, max_len, keep).encode([TEXT])
    assert [id_ for id_ in read if id_ != EOS] == flat
    assert read[-1] == EOS
    assert EOS not in {one for one, other in zip(read, [EOS, *read], strict=False) if other == EOS}
