"""The table of a comparison: which figures there are, which of them is best, and what is kept."""

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from regard.inspection.figures import trade_offs
from regard.recipes.translate.comparison import (
    Outcome,
    as_rows,
    columns_of,
    from_rows,
    notes_on,
    with_kept,
)
from regard.recipes.translate.comparison_files import read_comparison, write_comparison

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


def test_how_far_times_can_be_compared_is_said() -> None:
    assert any("vary by about a tenth where several processes" in note for note in notes_on(ROWS))


def judged(found: Outcome) -> Outcome:
    figures = {**found.metrics["validation"], "alignment_error_rate": 27.2}
    return found._replace(metrics={**found.metrics, "validation": figures})


@pytest.mark.parametrize("found", [*ROWS[:2], outcome("a", 0.0, math.nan, test={"loss": math.inf})])
def test_what_was_judged_of_a_training_is_taken_over(found: Outcome) -> None:
    [kept] = from_rows(json.loads(json.dumps(as_rows([judged(found)]))))
    assert as_rows([with_kept(found, kept)]) == as_rows([judged(found)])


def test_what_was_judged_of_an_earlier_training_is_not() -> None:
    again = outcome("a", 30.0, 8.0, step_ms=200.5, parameters=12_345)
    assert with_kept(again, judged(ROWS[0])) == again
    assert with_kept(ROWS[2], judged(ROWS[0])) == ROWS[2]


def finish(folder: Path, found: Outcome) -> None:
    """Make what a comparison looks for in the run directory of a trained variant."""
    (folder / found.name).mkdir()
    (folder / found.name / "model.safetensors").touch()


def test_processes_that_share_a_folder_write_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ROWS[:2]
    drawing, written = threading.Event(), threading.Event()

    def draw(*_: object) -> None:
        if not drawing.is_set():
            drawing.set()
            assert not written.wait(0.5), "the other one must wait until the table is written too"

    def write(found: Outcome, done: threading.Event) -> None:
        write_comparison(tmp_path, [found])
        done.set()

    monkeypatch.setattr(trade_offs, "save", draw)
    for found in (first, second):
        finish(tmp_path, found)
    slow = threading.Thread(target=write, args=(first, threading.Event()))
    slow.start()
    assert drawing.wait(10)
    write(second, written)
    slow.join()
    assert [found.name for found in read_comparison(tmp_path)] == ["a", "b"]
    table = (tmp_path / "comparison.md").read_text("utf-8")
    assert "| a |" in table
    assert "| b |" in table
    assert {path.name for path in tmp_path.iterdir()} == {
        *("a", "b", "comparison.json", "comparison.md")
    }
