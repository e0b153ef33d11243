import math

import pytest
from sacrebleu import corpus_bleu

from regard.training.translation_metrics import exact_match, score_translations, tokenised_bleu

TEXTS = ["A man, in a hat.", "Two dogs run over the green grass!", "it's a small red house"]
OTHERS = ["a man with a hat.", "two dogs are running over green grass!", "it is a red house"]


def test_identical_texts_score_everything() -> None:
    scores = score_translations(TEXTS, TEXTS)
    figures = [scores[name] for name in ("bleu", "tokenised_bleu", "exact")]
    assert figures == pytest.approx([100, 100, 100], abs=1e-9)


def test_texts_without_a_word_in_common_score_next_to_nothing() -> None:
    scores = score_translations(["a b c d e f"], ["u v w x y z"])
    assert scores["tokenised_bleu"] < 10
    assert scores["exact"] == 0


def test_bleu_of_a_wrong_word_is_the_mean_of_its_precisions() -> None:
    # Four of five words, three of four pairs, two of three triples, one of two quadruples.
    expected = 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    assert tokenised_bleu(["a b c d x"], ["a b c d e"]) == pytest.approx(expected, abs=1e-9)


def test_bleu_of_a_text_cut_short_is_its_brevity_penalty() -> None:
    expected = 100 * math.exp(1 - 6 / 4)
    assert tokenised_bleu(["a b c d"], ["a b c d e f"]) == pytest.approx(expected, abs=1e-9)


def test_tokenised_bleu_ignores_case_and_takes_punctuation_marks_alone() -> None:
    split = [
        "a man , in a hat .",
        "two dogs run over the green grass !",
        "it ' s a small red house",
    ]
    others = [
        "a man with a hat .",
        "two dogs are running over green grass !",
        "it is a red house",
    ]
    expected = corpus_bleu(split, [others], tokenize="none", force=True).score
    assert tokenised_bleu(TEXTS, OTHERS) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("lowercase", "case"), [(False, "mixed"), (True, "lc")])
def test_bleu_is_sacrebleu_and_signed(lowercase: bool, case: str) -> None:
    scores = score_translations(TEXTS, OTHERS, lowercase=lowercase)
    expected = corpus_bleu(TEXTS, [OTHERS], lowercase=lowercase).score
    assert scores["bleu"] == pytest.approx(expected, abs=1e-9)
    parts = scores["bleu_signature"].split("|")
    assert {"nrefs:1", f"case:{case}", "tok:13a"} <= set(parts)
    assert parts[-1].startswith("version:")


def test_exact_is_the_share_of_equal_texts() -> None:
    assert exact_match(["a", "b", "c", "D"], ["a", "b", "c", "d"]) == 75
    assert exact_match([], []) == 0


def test_as_many_references_as_hypotheses_are_wanted() -> None:
    with pytest.raises(ValueError, match=r"one reference per hypothesis; got 1 and 2$"):
        score_translations(["a", "b"], ["a"])
