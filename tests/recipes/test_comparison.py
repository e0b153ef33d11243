"""The table of a comparison: which figures there are, and which of them is best."""

from typing import Any

from regard.recipes.translate.comparison import Outcome, as_rows, columns_of, from_rows, notes_on

SIGNATURE = "nrefs:1|case:lc"


def outcome(name: str, bleu: float, perplexity: float, **metrics: Any) -> Outcome:
    scores = {"tokenised_bleu": bleu, "perplexity": perplexity, "bleu_signature": SIGNATURE}
    return Outcome(name, {}, {"validation": scores, **metrics})


ROWS = [
    outcome("a", 30.0, 8.0, step_ms=200.4, parameters=12_345),
    outcome("b", 35.0, 9.0, step_ms=100.0, parameters=23_456, test={"tokenised_bleu": 36.0}),
    Outcome("c", {}, {}, diverged="the loss is nan"),
]


def test_figures_stand_under_their_split_in_one_order() -> None:
    columns = columns_of(ROWS)
    assert [(column.split, column.heading, column.cells) for column in columns] == [
        ("validation", "BLEU", ["30.00", "35.00", "–"]),
        ("validation", "perplexity", ["8.00", "9.00", "–"]),
        ("test", "BLEU", ["–", "36.00", "–"]),
        ("", "ms a step", ["200", "100", "–"]),
        ("", "parameters", ["12,345", "23,456", "–"]),
    ]


def test_the_best_is_high_or_low_and_never_of_the_test_set() -> None:
    best = {(column.split, column.heading): column.best for column in columns_of(ROWS)}
    assert best == {
        ("validation", "BLEU"): [False, True, False],
        ("validation", "perplexity"): [True, False, False],
        ("test", "BLEU"): [False, False, False],
        ("", "ms a step"): [False, True, False],
        ("", "parameters"): [False, False, False],
    }


def test_equals_are_both_best() -> None:
    [bleu, *_] = columns_of([outcome("a", 30.0, 8.0), outcome("b", 30.0, 9.0)])
    assert bleu.best == [True, True]


def test_what_is_no_number_is_no_figure() -> None:
    worst = outcome("a", float("nan"), float("inf"), step_ms=None)
    assert columns_of([worst]) == []


def test_what_diverged_is_said() -> None:
    assert [row.title for row in ROWS] == ["a", "b", "c (diverged)"]
    assert "c: the loss is nan" in notes_on(ROWS)
    assert as_rows(ROWS)["c"] == {"changes": {}, "diverged": "the loss is nan"}


def test_a_signature_is_said_once() -> None:
    assert [note for note in notes_on(ROWS) if "sacreBLEU" in note] == [f"sacreBLEU {SIGNATURE}."]


def test_what_is_kept_is_read_as_it_was() -> None:
    assert from_rows(as_rows(ROWS)) == ROWS
