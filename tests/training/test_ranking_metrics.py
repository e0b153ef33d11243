"""Rankings are scored as trec_eval does: by hand, against the definition, and at the edges."""

import random

import pytest
import torch

from regard.training.ranking_metrics import score_ranking


def ranked(*questions: tuple[list[float], list[int]]) -> dict[str, float]:
    scores = torch.tensor([score for some, _ in questions for score in some])
    relevant = torch.tensor([bool(each) for _, some in questions for each in some])
    groups = [f"q{number}" for number, (some, _) in enumerate(questions) for _ in some]
    return score_ranking(scores, relevant, groups)


def test_a_ranking_by_hand() -> None:
    # In the order of scores: no, yes, no, yes; and yes, no.
    found = ranked(([0.1, 0.9, 0.8, 0.3], [1, 0, 1, 0]), ([2.0, -1.0], [1, 0]))
    assert found["map"] == pytest.approx(100 * ((1 / 2 + 2 / 4) / 2 + 1) / 2)
    assert found["mrr"] == pytest.approx(100 * (1 / 2 + 1) / 2)
    assert found["precision_at_1"] == pytest.approx(100 * (0 + 1) / 2)
    assert (found["questions"], found["unanswerable"]) == (2, 0)


def test_average_precision_is_the_mean_precision_at_each_answer() -> None:
    drawn = random.Random(1)
    for size in (2, 7, 40):
        relevant = [1, *(int(drawn.random() < 0.3) for _ in range(size - 1))]
        scores = drawn.sample(range(1000), size)  # no two alike
        precisions = []
        for score, is_answer in zip(scores, relevant, strict=True):
            if is_answer:
                upwards = [each for at, each in enumerate(relevant) if scores[at] >= score]
                precisions.append(sum(upwards) / len(upwards))
        found = ranked(([float(score) for score in scores], relevant))
        assert found["map"] == pytest.approx(100 * sum(precisions) / len(precisions), abs=1e-3)


def test_questions_without_an_answer_are_left_out() -> None:
    answered = ([0.1, 0.9], [1, 0])
    with_others = ranked(answered, ([0.5, 0.2], [0, 0]), ([0.3], [0]))
    assert with_others == ranked(answered) | {"unanswerable": 2}


def test_questions_of_which_everything_is_an_answer_count() -> None:
    found = ranked(([0.1, 0.9], [1, 0]), ([0.5, 0.2], [1, 1]))
    assert found["map"] == pytest.approx(100 * (1 / 2 + 1) / 2)


def test_nothing_is_gained_by_scoring_alike() -> None:
    for relevant in ([1, 0, 0, 0], [0, 0, 0, 1]):
        assert ranked(([0.5] * 4, relevant))["mrr"] == pytest.approx(100 / 4)


def test_rows_of_a_question_need_not_stand_together() -> None:
    scores, relevant = torch.tensor([0.1, 0.7, 0.9, 0.2]), torch.tensor([True, False, False, True])
    found = score_ranking(scores, relevant, ["a", "b", "a", "b"])
    assert found["mrr"] == pytest.approx(100 / 2)


def test_without_any_answer_there_is_nothing_to_score() -> None:
    found = ranked(([0.5, 0.2], [0, 0]))
    assert (found["map"], found["questions"], found["unanswerable"]) == (0.0, 0, 1)
