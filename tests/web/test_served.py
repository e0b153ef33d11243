"""Runs under their names: what tells them apart, what is shown of them, what is refused."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from regard.data.files import DataError
from regard.recipes.translate.settings import RECIPES
from regard.training.run_directory import RunError
from regard.web.examples import examples_for, read_examples
from regard.web.limits import Limits
from regard.web.served import ServedRun, names_of, open_runs, warm_up


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a"], ["a"]),
        (["x/a", "x/b"], ["a", "b"]),
        (["x/a", "y/a"], ["x/a", "y/a"]),
        (["z/x/a", "z/y/a", "b"], ["x/a", "y/a", "b"]),
        (["1/x/a", "2/x/a"], ["1/x/a", "2/x/a"]),
        (["a", "a/a"], None),
    ],
)
def test_names_are_those_of_the_folders_as_far_as_they_differ(
    tmp_path: Path, paths: list[str], names: list[str] | None
) -> None:
    found = names_of([tmp_path / path for path in paths])
    assert len(set(found)) == len(paths)
    if names is not None:
        assert found == names


def test_a_folder_is_named_even_where_one_stands_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert names_of([Path()]) == ["here"]


def test_names_hold_nothing_that_acts(tmp_path: Path) -> None:
    assert names_of([tmp_path / "a\x1b[31m\udcff"]) == [r"a\x1b[31m\udcff"]


@pytest.mark.parametrize("again", ["a", "./a", "b/../a"])
def test_a_run_given_twice_is_refused(tmp_path: Path, again: str) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(ValueError, match="is given twice; give each run once"):
        names_of([tmp_path / "a", tmp_path / again])


def test_runs_of_one_name_are_served_under_two(folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(folders["classifier"], tmp_path / name / "run")
    runs = open_runs([tmp_path / "one/run", tmp_path / "two/run"], Limits())
    assert list(runs) == ["one/run", "two/run"]


@pytest.mark.parametrize("lost", ["model.safetensors", "config.json"])
def test_a_run_that_is_half_there_is_refused(
    folders: dict[str, Path], tmp_path: Path, lost: str
) -> None:
    shutil.copytree(folders["translator"], tmp_path / "run")
    (tmp_path / "run" / lost).unlink()
    with pytest.raises(RunError, match=r"has no weights yet|is not a whole run directory"):
        open_runs([tmp_path / "run"], Limits())


def test_no_file_that_a_run_names_is_opened(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["translator"], tmp_path / "run")
    secret = tmp_path / "secret.tsv"
    secret.write_text("source\ttarget\nsecret\tsecret\n", "utf-8")
    path = tmp_path / "run/config.json"
    config = json.loads(path.read_text("utf-8"))
    for name in ("train", "validation", "test"):
        config["settings"]["data"][name] = str(secret)
    path.write_text(json.dumps(config), "utf-8")
    runs = open_runs([tmp_path / "run"], Limits())
    assert runs["run"].examples == []


def test_examples_fit_the_run_and_its_data() -> None:
    dates = examples_for("translate", RECIPES["dates"].data)
    assert re.fullmatch(r"de: \w+, 5\. Mai 1998", dates[0][0])
    given = [["one"], ["left", "right"], ["two"]]
    assert examples_for("translate", RECIPES["dates"].data, given) == [["one"], ["two"]]
    assert examples_for("match", RECIPES["dates"].data, given) == [["left", "right"]]
    assert examples_for("classify", None) == []


def test_examples_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "examples.tsv"
    path.write_text("one\n\nleft\tright\n", "utf-8")
    assert read_examples(path) == [["one"], ["left", "right"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a\tb\tc\n", "line 1: expected a text, or two with a tab between"),
        ("\n\n", "holds no text"),
    ],
)
def test_a_file_that_holds_no_examples_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "examples.tsv"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=says):
        read_examples(path)


@pytest.mark.parametrize(
    ("name", "value"), [("beam", 0), ("waiting", -1), ("seconds", 0.0), ("body", 0)]
)
def test_limits_that_let_nothing_pass_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"limits.{name} must be"):
        Limits(**{name: value})


def test_every_run_is_asked_once_and_at_once_before_it_is_served(
    runs: dict[str, ServedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: dict[str, list[int]] = {name: [] for name in runs}

    def counting(name: str, whole: Any) -> Any:
        def predict(asked: Any, options: Any) -> Any:
            sizes[name].append(len(asked))
            return whole(asked, options)

        return predict

    for name, run in runs.items():
        monkeypatch.setattr(run.system, "predict", counting(name, run.system.predict))
    warm_up(runs.values(), Limits(together=4))
    assert sizes == {name: [1] if name == "writer" else [1, 4] for name in runs}
