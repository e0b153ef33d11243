import json
from pathlib import Path

import pytest

from regard.data import DataError, Labels

TWO = Labels(("neg", "pos"))
TOPICS = Labels(("corn", "oil", "wheat"), several=True)


def test_names_are_sorted() -> None:
    assert Labels.learn([("pos",), ("neg",), ("pos",)]) == TWO


def test_numbers_are_in_their_order() -> None:
    labels = Labels.learn([("10",), ("9",), ("-1",), ("2.5",)])
    assert labels.names == ("-1", "2.5", "9", "10")
    assert Labels.learn([("10",), ("9",), ("nan",)]).names == ("10", "9", "nan")


def test_more_than_one_label_makes_several() -> None:
    assert Labels.learn([("oil",), ("wheat", "corn")]) == TOPICS
    assert Labels.learn([("oil",), ("wheat",), ("corn",)], several=True) == TOPICS


def test_of_two_classes_there_is_one_output() -> None:
    assert TWO.num_outputs == 1
    assert Labels(("a", "b", "c")).num_outputs == 3
    assert TOPICS.num_outputs == 3
    assert Labels(("a", "b"), several=True).num_outputs == 2


def test_a_target_is_the_number_of_the_class() -> None:
    assert [TWO.target((name,)) for name in ("neg", "pos")] == [0, 1]
    assert TWO.index("pos") == 1


def test_a_target_of_several_is_0_or_1_for_each_class() -> None:
    assert TOPICS.target(("wheat", "corn")) == [1.0, 0.0, 1.0]
    assert TOPICS.target(()) == [0.0, 0.0, 0.0]


def test_an_unseen_label_is_named_with_the_known_ones() -> None:
    message = "label 'fair' does not stand in the training text; known are neg, pos$"
    with pytest.raises(DataError, match=message):
        TWO.target(("fair",))


def test_not_all_of_many_known_ones_are_listed() -> None:
    many = Labels(tuple(f"class {number}" for number in range(100)))
    with pytest.raises(DataError, match=r"class 0, class 1, .+, class 19 and 80 more$"):
        many.index("fair")


@pytest.mark.parametrize("found", [(), ("neg", "pos")])
def test_one_label_a_text_is_needed_where_there_is_one(found: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="expected one label a text, as in the training text, got"):
        TWO.target(found)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([("pos",), ("pos",)], "one class only, 'pos'; a classifier needs at least two$"),
        ([], "no classes; a classifier needs at least two$"),
    ],
)
def test_one_class_is_refused(found: list[tuple[str, ...]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Labels.learn(found)


def test_a_class_that_stands_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"a class stands twice among a, b, a$"):
        Labels(("a", "b", "a"))


@pytest.mark.parametrize("labels", [TWO, TOPICS, Labels(("größer", "猫"))])
def test_labels_are_saved_and_loaded(tmp_path: Path, labels: Labels) -> None:
    labels.save(tmp_path / "labels.json")
    assert Labels.load(tmp_path / "labels.json") == labels
    assert [file.name for file in tmp_path.iterdir()] == ["labels.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "3",
        "{",
        '{"names": ["a", "b"]}',
        '{"names": "ab", "several": false}',
        '{"names": ["a", 3], "several": false}',
        '{"names": ["a", "b"], "several": 1}',
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"labels\.json: damaged or not a file of labels"):
        Labels.load(path)


def test_a_file_of_one_class_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"names": ["a"], "several": False}))
    with pytest.raises(DataError, match="one class only, 'a'"):
        Labels.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json: no such file$"):
        Labels.load(tmp_path / "gone.json")
