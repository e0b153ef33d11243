import math
from pathlib import Path

import pytest

from regard.data import DataError, Grades

FIVE = Grades(1.0, 5.0)


def test_there_is_one_output() -> None:
    assert FIVE.num_outputs == 1


@pytest.mark.parametrize(
    ("label", "share"), [("1", 0.0), ("5", 1.0), ("3", 0.5), ("3.7", 0.675), (" 2e0 ", 0.25)]
)
def test_a_target_is_the_share_of_the_way(label: str, share: float) -> None:
    assert FIVE.target(label) == pytest.approx([share])


def test_grades_may_be_below_zero() -> None:
    assert Grades(-1.0, 1.0).target("-0.5") == [0.25]
    assert Grades(-1.0, 1.0).grade(0.25) == -0.5


@pytest.mark.parametrize(("share", "grade"), [(0.0, 1.0), (1.0, 5.0), (0.25, 2.0)])
def test_a_grade_is_read_off_the_share(share: float, grade: float) -> None:
    assert FIVE.grade(share) == grade


@pytest.mark.parametrize("label", ["7", "0.99", "-inf", "nan", "1e999"])
def test_a_label_outside_is_named(label: str) -> None:
    with pytest.raises(DataError, match=rf"^label '{label}' lies outside the grades 1…5$"):
        FIVE.target(label)


@pytest.mark.parametrize("label", ["good", "", "3,7", "🍎", "四"])
def test_a_label_that_is_no_number_is_named(label: str) -> None:
    with pytest.raises(DataError, match=rf"^label '{label}' is no number; the grades are 1…5$"):
        FIVE.target(label)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1.0, 1.0),
        (5.0, 1.0),
        (math.nan, 1.0),
        (1.0, math.nan),
        (-math.inf, 1.0),
        (1.0, math.inf),
        (-1e308, 1e308),
    ],
)
def test_ends_that_are_none_are_refused(low: float, high: float) -> None:
    with pytest.raises(DataError, match="grades must be from a number to a greater one, got"):
        Grades(low, high)


@pytest.mark.parametrize("grades", [FIVE, Grades(-0.1, 1 / 3), Grades(0.0, 100.0)])
def test_grades_are_saved_and_loaded(tmp_path: Path, grades: Grades) -> None:
    grades.save(tmp_path / "grades.json")
    assert Grades.load(tmp_path / "grades.json") == grades
    assert [file.name for file in tmp_path.iterdir()] == ["grades.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"low": 1}',
        '{"low": "1", "high": 5}',
        '{"low": true, "high": 5}',
        '{"low": 5, "high": 1}',
        '{"low": NaN, "high": 1}',
        '{"low": null, "high": 1}',
        f'{{"low": 0, "high": 1{"0" * 400}}}',
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "grades.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"grades\.json: damaged or not a file of grades"):
        Grades.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json: no such file$"):
        Grades.load(tmp_path / "gone.json")
