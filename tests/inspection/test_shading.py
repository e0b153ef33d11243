"""The drawing model of a text: every character once, shades as published, and what is refused."""

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.inspection.shading import Passage, Piece, ShadedText, percentage

Spans = list[tuple[int, int]]


def words(text: str) -> Spans:
    return [found.span() for found in re.finditer(r"\w+", text)]


def shaded(text: str, weights: list[float], sentences: list[int] | None = None) -> ShadedText:
    return ShadedText(text, words(text), torch.tensor(weights), sentences)


def texts(passage: Passage) -> list[str]:
    return [piece.text for piece in passage.pieces]


def shades(text: ShadedText) -> dict[str, float]:
    return {
        piece.text: piece.shade
        for passage in text.passages()
        for piece in passage.pieces
        if piece.weight
    }


def test_a_text_is_cut_into_tokens_and_what_stands_between() -> None:
    (whole,) = shaded('"A FINE film.\n', [0.25, 0.5, 0.25]).passages()
    assert texts(whole) == ['"', "A", " ", "FINE", " ", "film", ".\n"]
    assert [piece.weight for piece in whole.pieces] == [0, 0.25, 0, 0.5, 0, 0.25, 0]
    assert (whole.share, whole.shade) == (1.0, 1.0)


def test_shade_is_the_weight_over_the_largest() -> None:
    assert shades(shaded("a b c", [0.125, 0.625, 0.25])) == pytest.approx(
        {"a": 0.2, "b": 1.0, "c": 0.4}, abs=1e-12
    )


def test_shades_in_sentences_are_those_of_yang() -> None:
    text = shaded("a b. c d.", [0.2, 0.6, 0.15, 0.05], [0, 0, 4, 4])
    by_hand = {
        "a": math.sqrt(0.8) * 0.25,
        "b": math.sqrt(0.8) * 0.75,
        "c": math.sqrt(0.2) * 0.75,
        "d": math.sqrt(0.2) * 0.25,
    }
    expected = {word: value / by_hand["b"] for word, value in by_hand.items()}
    assert shades(text) == pytest.approx(expected, abs=1e-6)
    first, second = text.passages()
    assert (first.share, second.share) == pytest.approx((0.8, 0.2), abs=1e-6)
    assert (first.shade, second.shade) == pytest.approx((1.0, 0.25), abs=1e-6)


def test_a_sentence_has_the_signs_it_touches_and_no_blanks_around_it() -> None:
    passages = shaded(' "One," he.  (Two)\n', [0.5, 0.25, 0.25], [0, 0, 1]).passages()
    assert ["".join(texts(passage)) for passage in passages] == ['"One," he.', "(Two)"]


def test_a_sign_between_sentences_without_blanks_closes_the_first() -> None:
    text = ShadedText("好。坏。", [(0, 1), (2, 3)], torch.tensor([0.5, 0.5]), [0, 1])
    assert [texts(passage) for passage in text.passages()] == [["好", "。"], ["坏", "。"]]


def test_what_was_not_read_is_a_passage_without_a_share() -> None:
    text = "Read this! Not that."
    *_, rest = ShadedText(text, words(text)[:2], torch.tensor([0.5, 0.5]), [0, 0]).passages()
    assert rest == Passage([Piece("Not that.")], 0.0, 0.0)


def test_blanks_within_a_span_are_not_shaded() -> None:
    text = ShadedText("a very  b", [(0, 1), (1, 8), (8, 9)], torch.tensor([0.25, 0.5, 0.25]))
    (whole,) = text.passages()
    assert texts(whole) == ["a", " ", "very", "  ", "b"]


def test_a_blank_that_is_a_token_is_a_piece() -> None:
    (whole,) = ShadedText("a b", [(0, 1), (1, 2)], torch.tensor([0.25, 0.75])).passages()
    assert whole.pieces[1] == Piece(" ", 0.75, 1.0)


def test_tokens_that_share_characters_are_one_piece() -> None:
    weights = torch.tensor([0.25, 0.25, 0.25, 0.25])
    (whole,) = ShadedText("👍 x", [(0, 1), (0, 1), (0, 1), (2, 3)], weights).passages()
    assert whole.pieces[0] == Piece("👍", 0.75, 1.0)
    assert whole.pieces[-1].shade == pytest.approx(1 / 3, abs=1e-12)


def test_the_strongest_tokens_come_first_and_those_without_weight_never() -> None:
    strongest = shaded("a b c d", [0.125, 0.5, 0.0, 0.375]).strongest
    assert [piece.text for piece in strongest(2)] == ["b", "d"]
    assert [piece.text for piece in strongest()] == ["b", "d", "a"]


@given(st.text(), st.lists(st.integers(0, 30)), st.booleans())
def test_no_character_is_lost_or_doubled(text: str, cuts: list[int], in_sentences: bool) -> None:
    borders = sorted(min(cut, len(text)) for cut in cuts)
    spans = list(zip(borders[::2], borders[1::2], strict=False))
    weights = torch.full((len(spans),), 1 / max(1, len(spans)), dtype=torch.float64)
    sentences = [number // 2 for number in range(len(spans))] if in_sentences else None
    drawn = ShadedText(text, spans, weights, sentences)
    joined = "".join("".join(texts(passage)) for passage in drawn.passages())
    if in_sentences:
        assert "".join(joined.split()) == "".join(text.split())
    else:
        assert joined == text
    assert all(0 <= shade <= 1 + 1e-12 for shade in shades(drawn).values())


def test_what_cannot_be_shaded_is_said_in_words() -> None:
    assert shaded("", []).why_unshaded() == "nothing to draw: the text is empty"
    unshaded = "nothing is shaded: no token has any weight"
    assert shaded("...", []).why_unshaded() == unshaded
    assert shaded("a b", [0.0, 0.0]).why_unshaded() == unshaded
    assert shaded("a", [1.0]).why_unshaded() == ""


@pytest.mark.parametrize("sentences", [None, [0, 1]])
def test_without_weight_nothing_has_a_shade(sentences: list[int] | None) -> None:
    text = shaded("a b", [0.0, 0.0], sentences)
    assert shades(text) == {}
    assert {passage.shade for passage in text.passages()} == {0.0}
    assert text.strongest() == []


def test_weights_in_half_precision_with_a_gradient_are_taken() -> None:
    weights = torch.full((300,), 1 / 300, dtype=torch.bfloat16, requires_grad=True)
    text = "x " * 300
    assert set(shades(ShadedText(text, words(text), weights)).values()) == {1.0}


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0 %"), (1e-6, "< 0.1 %"), (0.0005, "0.1 %"), (1.0, "100.0 %")]
)
def test_shares_are_read_as_percentages(share: float, shown: str) -> None:
    assert percentage(share) == shown


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 1), (2, 4)], r"within the 3 characters.*\(2, 4\) at position 1.*not bytes"),
        ([(1, 0), (2, 3)], r"\(1, 0\) at position 0"),
        ([(-1, 0), (2, 3)], r"\(-1, 0\) at position 0"),
        ([(2, 3), (0, 1)], r"order of the text; got \(0, 1\) after \(2, 3\) at position 1"),
        ([(0, 3), (0, 1)], "order of the text"),
    ],
)
def test_spans_must_stand_in_the_text_in_order(spans: Spans, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShadedText("a b", spans, torch.tensor([0.5, 0.5]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"shape \(tokens=2,\).*got \(1,\)"),
        ([[0.5, 0.5]], r"got \(1, 2\)\. Choose one text"),
        ([0.5, 0.5, 0.0], "Leave out padding"),
        ([float("nan"), 1.0], "must be finite"),
        ([3.0, -2.0], "must lie in 0…1"),
        ([0.5, 0.2], r"sum to 1, or all be 0; got a sum of 0\.7\. Divide"),
    ],
)
def test_weights_must_be_those_of_one_text(weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShadedText("a b", [(0, 1), (2, 3)], torch.tensor(weights))


@pytest.mark.parametrize(
    ("sentences", "message"),
    [([0], "each of the 2 spans; got 1"), ([1, 0], "never go back; got 0 after 1 at position 1")],
)
def test_sentences_must_be_numbered_in_order(sentences: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shaded("a b", [0.5, 0.5], sentences)


def test_what_has_the_wrong_type_is_refused() -> None:
    with pytest.raises(TypeError):
        ShadedText(b"a", [(0, 1)], torch.ones(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ShadedText("a", [(0.0, 1.0)], torch.ones(1))  # type: ignore[list-item]
    with pytest.raises(TypeError):
        ShadedText("a", [(0, 1)], torch.ones(1), [0.5])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"floating-point tensor; got torch\.int64"):
        ShadedText("a", [(0, 1)], torch.ones(1, dtype=torch.int64))
