"""`regard train classify` and what is done with its runs: what is printed and written where."""

import dataclasses
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from regard.cli.main import main
from regard.recipes.classify import train as training
from regard.recipes.classify.settings import RECIPES, ClassifySettings
from regard.recipes.classify.train import train_classifier
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_reviews import make_reviews, make_topics, tiny, write_config, write_reviews

TypeIn = Callable[[bytes], None]
GOOD, BAD = "The story was wonderful.", "A dull film."


@pytest.fixture
def reviewer(toy_classifier: ToyRun) -> str:
    """Name a finished run of the n-gram reader as one would type it."""
    return str(toy_classifier.path)


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train a reader that knows sentences."""
    folder = tmp_path_factory.mktemp("hierarchy")
    train = write_reviews(folder / "train.csv", make_reviews(120))
    settings = tiny("hierarchical", data={"train": train})
    train_classifier(settings, RunDirectory(folder / "run"), report=lambda line: None)
    return str(folder / "run")


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train a reader of texts that may have several labels."""
    folder = tmp_path_factory.mktemp("topics")
    train = write_reviews(folder / "train.jsonl", make_topics(160))
    settings = tiny("ngram", data={"train": train}, training={"select": "macro_f1"})
    train_classifier(settings, RunDirectory(folder / "run"), report=lambda line: None)
    return str(folder / "run")


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_a_training_says_what_it_scores_and_what_to_try_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = make_reviews(60)
    train = write_reviews(tmp_path / "train.csv", rows)
    test = write_reviews(tmp_path / "test.csv", rows[:10])
    for file in (train, test):
        with file.open("a", encoding="utf-8") as more:
            more.write("a film,\n ,good\n\n,\n")
    config = write_config(tmp_path / "config.yaml", "ngram", data={"train": train, "test": test})
    run = tmp_path / "run"
    assert main(["train", "classify", "--config", str(config), "--run", str(run)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "texts to learn from, " in printed
    assert "10 to judge by (8 rows without text or label left out)" in printed
    assert "2 classes; vocabulary of " in printed
    assert "F1, mean over the classes" in printed
    assert "expected calibration error" in printed
    assert f'regard classify {run} "what a wonderful film" --show' in printed
    assert main(["classify", str(run), "what a wonderful film", "--show"]) == 0


def test_classify_prints_a_line_a_text(reviewer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", reviewer, GOOD, BAD]) == 0
    (good, sure), (bad, other) = lines(capsys)
    assert (good, bad) == ("good", "bad")
    assert 0.5 <= float(sure) <= 1
    assert 0.5 <= float(other) <= 1
    assert len(sure) == len("0.1234")


def test_a_label_does_not_break_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row._replace(labels=(f"very\t{row.labels[0]}\nfilm",)) for row in make_reviews(60)]
    train = write_reviews(tmp_path / "train.jsonl", rows)
    run = RunDirectory(tmp_path / "run")
    train_classifier(tiny("ngram", data={"train": train}), run, report=lambda line: None)
    assert main(["classify", str(run.path), GOOD]) == 0
    [[label, _]] = lines(capsys)
    assert label == "very good film"
    assert main(["classify", str(run.path), GOOD, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == ["very\tgood\nfilm"]


def test_classify_gives_a_line_for_a_line_of_a_file_and_of_standard_input(
    reviewer: str, tmp_path: Path, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    content = f"\ufeff{GOOD}\r\n\n{BAD}\n".encode()
    (tmp_path / "lines").write_bytes(content)
    assert main(["classify", reviewer, "--file", str(tmp_path / "lines")]) == 0
    of_file = capsys.readouterr()
    type_in(content)
    assert main(["classify", reviewer]) == 0
    assert capsys.readouterr() == of_file
    assert [line.split("\t")[0] for line in of_file.out.splitlines()][::2] == ["good", "bad"]
    assert of_file.out.count("\n") == 3
    assert of_file.err == "regard: text 2 is empty; its label is what is likely without reading\n"


def test_nothing_is_classified_to_nothing(
    reviewer: str, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(b"")
    assert main(["classify", reviewer]) == 0
    assert capsys.readouterr() == ("", "")


def test_classify_prints_an_object_a_text(
    reviewer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classify", reviewer, GOOD, "", "--json"]) == 0
    good, empty = map(json.loads, capsys.readouterr().out.splitlines())
    assert good["labels"] == ["good"]
    assert list(good["probabilities"]) == ["bad", "good"]
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert good["num_read"] == 5
    assert empty["num_read"] == 0


def test_classify_prints_every_label_of_several(
    topics: str, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["a wonderful and boring film", "a wonderful film"]
    assert main(["classify", topics, *texts]) == 0
    both, one = capsys.readouterr().out.splitlines()
    assert {both.split("\t")[0], both.split("\t")[2]} == {"good", "bad"}
    assert one.startswith("good\t")
    assert both.count("\t") == 3
    assert main(["classify", topics, *texts, "--show"]) == 0
    assert "wonderful" in capsys.readouterr().out


def test_classify_shades_the_words(reviewer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", reviewer, GOOD, "", "--show"]) == 0
    printed = capsys.readouterr()
    assert "good " in printed.out
    assert "wonderful" in printed.out
    assert printed.err.startswith("regard: text 2 is empty;")


def test_classify_shades_sentences_too(hierarchy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", hierarchy, f"{GOOD} The film was long.", "--show"]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if "%" in line]
    assert any("wonderful" in line for line in shown)
    assert any("long" in line for line in shown)


def test_classify_writes_a_page(
    hierarchy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["classify", hierarchy, GOOD, "<b> & dull", "", "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"wrote {page}\n"
    written = page.read_text("utf-8")
    assert written.startswith("<!doctype html>")
    assert "wonderful" in written
    assert "<b>" not in written
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Note what would be trained, and train nothing."""
    seen: list[Any] = []

    def note(settings: ClassifySettings, run: RunDirectory, *, resume: bool) -> dict[str, Any]:
        seen.append((settings, run.path, resume))
        return {}

    monkeypatch.setattr(training, "train_classifier", note)
    return seen


@pytest.mark.parametrize("recipe", RECIPES)
def test_settings_start_at_the_recipe(recipe: str, noted: list[Any]) -> None:
    assert main(["train", "classify", "--recipe", recipe]) == 0
    assert noted == [(RECIPES[recipe], Path("runs") / recipe, False)]


def test_the_first_recipe_is_that_of_ngrams(noted: list[Any]) -> None:
    assert main(["train", "classify"]) == 0
    assert noted == [(RECIPES["ngram"], Path("runs/ngram"), False)]


def test_a_file_of_settings_chooses_the_reader(tmp_path: Path, noted: list[Any]) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("recipe: recurrent\nmodel:\n  hidden_dim: 7\n  pooling: max\n", "utf-8")
    words = ["train", "classify", "--config", str(config), "--model.embed_dim", "11"]
    assert main(words) == 0
    [(settings, run, _)] = noted
    chosen = {"hidden_dim": 7, "pooling": "max", "embed_dim": 11}
    assert settings.model == dataclasses.replace(RECIPES["recurrent"].model, **chosen)
    assert run == Path("runs/recurrent")


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_printed_configuration_can_be_given_back(
    recipe: str, tmp_path: Path, noted: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "classify", "--recipe", recipe, "--model.dropout", "0.4"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--print_config"])
    assert left.value.code == 0
    config = tmp_path / "mine.yaml"
    config.write_text(capsys.readouterr().out, "utf-8")
    assert main(["train", "classify", "--config", str(config)]) == 0
    assert main(words) == 0
    assert noted[0] == noted[1]
    assert noted[0][0].model.dropout == 0.4


@pytest.mark.parametrize("recipe", RECIPES)
def test_help_names_the_flags_of_the_recipe(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "classify", "--recipe", recipe, "--help"])
    printed = capsys.readouterr().out
    for name in vars(RECIPES[recipe].model):
        assert f"--model.{name} " in printed


def test_evaluate_scores_the_runs_own_data_as_training_did(
    reviewer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = RunDirectory(reviewer).metrics()
    for split in ("test", "validation"):
        assert main(["evaluate", reviewer, "--split", split, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {split: metrics[split]}


def test_evaluate_scores_other_texts_and_shows_what_is_confused(
    reviewer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_reviews(tmp_path / "other.csv", make_reviews(31, seed=9))
    assert main(["evaluate", reviewer, "--texts", str(other), "--json"]) == 0
    [scores] = json.loads(capsys.readouterr().out).values()
    assert scores["texts"] == 31
    assert main(["evaluate", reviewer, "--texts", str(other)]) == 0
    printed = capsys.readouterr().out
    assert "taken for" in printed
    rows = [line.split("│")[1:-1] for line in printed.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert ["bad", *map(str, scores["confusion"][0])] in cells
    assert ["good", *map(str, scores["confusion"][1])] in cells
    assert ["accuracy", f"{scores['accuracy']:.2f} %"] in cells


def test_evaluate_scores_several_labels(topics: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", topics, "--split", "validation"]) == 0
    printed = capsys.readouterr().out
    assert "F1 over all labels" in printed
    assert "taken for" not in printed


def test_inspect_shows_settings_figures_and_texts(
    reviewer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", reviewer]) == 0
    printed = capsys.readouterr().out
    assert " model.longest" in printed
    assert "expected calibration error" in printed
    page = tmp_path / "page.html"
    assert main(["inspect", reviewer, GOOD, "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert "wonderful" in printed
    assert printed.count("entropy ") == 1
    assert "words alike of 5" in printed
    assert page.read_text("utf-8").startswith("<!doctype html>")


def peak_memory() -> int:
    """Return the most memory that this process has held, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(("reader", "way"), [("reviewer", "show"), ("hierarchy", "json")])
def test_a_very_long_text_is_classified_in_seconds_and_little_memory(
    reader: str,
    way: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, long = request.getfixturevalue(reader), tmp_path / "long.txt"
    long.write_text("The story was wonderful, and long. " * 150_000, "utf-8")
    assert long.stat().st_size > 5_000_000
    before, began = peak_memory(), time.process_time()
    assert main(["classify", run, "--file", str(long), f"--{way}"]) == 0
    printed = capsys.readouterr().out
    assert "good" in printed
    # What was not read is not drawn either.
    assert len(printed) < 100_000
    assert time.process_time() - began < 25
    assert peak_memory() - before < 1_500_000_000
