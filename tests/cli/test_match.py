"""`regard train match` and what is done with its runs: what is printed and written where."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from regard.cli.main import main
from regard.recipes.match.system import MatchingSystem
from regard.recipes.match.train import train_matcher
from regard.recipes.measures import matcher_faithfulness
from regard.recipes.run import load_as
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_pairs import graded, make_questions, tiny, write_config, write_pairs

TypeIn = Callable[[bytes], None]
Refusal = Callable[[list[str]], str]
ASKED, FITTING, OTHER = "question 7 : the cat ?", "the cat , forest .", "the dog , forest ."


@pytest.fixture(scope="module")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train an ABCNN-3 a little."""
    folder = tmp_path_factory.mktemp("matcher")
    train = write_pairs(folder / "train.csv", make_questions(60))
    settings = tiny("abcnn3", data={"train": train, "test": train, "group": "question"})
    train_matcher(settings, RunDirectory(folder / "run"), report=lambda line: None)
    return str(folder / "run")


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_a_training_says_what_it_scores_and_what_to_try_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write_pairs(tmp_path / "train.csv", make_questions(30))
    with train.open("a", encoding="utf-8") as file:
        file.write("a,b,,c\n,,yes,c\n")
    data = {"train": train, "test": train, "group": "question"}
    config = write_config(tmp_path / "config.yaml", "bcnn", data=data, training={"epochs": 1})
    run = str(tmp_path / "run")
    assert main(["train", "match", "--config", str(config), "--run", run]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "120 to judge by (4 rows without text or label left out); 2 classes, '" in printed
    for figure in ("mean average precision (MAP)", "mean reciprocal rank (MRR)", "F1 of the sec"):
        assert figure in printed
    assert f'regard match {run} "how old is it ?" "it is ten years old ." --show' in printed
    assert main(["match", run, "how old is it ?", "it is ten years old .", "--show"]) == 0


def test_a_pair_has_a_line(matcher: str, capsys: pytest.CaptureFixture[str]) -> None:
    scores = []
    for answer in (FITTING, OTHER):
        assert main(["match", matcher, ASKED, answer]) == 0
        [[label, score]] = lines(capsys)
        assert label in ("yes", "no")
        scores.append(float(score))
    assert scores[0] > scores[1]


def test_pairs_come_from_a_file_or_from_standard_input(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], type_in: TypeIn
) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text(f"right\tleft\n{FITTING}\t{ASKED}\n{OTHER}\t{ASKED}\n", "utf-8")
    assert main(["match", matcher, "--file", str(table)]) == 0
    of_table = lines(capsys)
    bare = tmp_path / "bare.tsv"
    bare.write_text(f"{ASKED}\t{FITTING}\n{ASKED}\t{OTHER}\n", "utf-8")
    assert main(["match", matcher, "--file", str(bare)]) == 0
    assert lines(capsys) == of_table
    type_in(bare.read_bytes())
    assert main(["match", matcher, "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [[each["label"], f"{each['score']:.6g}"] for each in printed] == of_table
    assert [sorted(each["probabilities"]) for each in printed] == [["no", "yes"]] * 2


def test_it_is_shown_where_they_match(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "match.svg"
    words = ["match", matcher, ASKED, FITTING, "--show", "--html", str(page), "--png", str(picture)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    for word in (*ASKED.split(), *FITTING.split()):
        assert word in printed
    assert f"wrote {page}" in printed
    assert ASKED in page.read_text("utf-8")
    assert "forest" in picture.read_text("utf-8")


def test_an_empty_text_is_warned_of(matcher: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", matcher, ASKED, " ", "--show"]) == 0
    assert capsys.readouterr().err == "regard: pair 1: the right text is empty\n"


def test_an_empty_text_has_no_picture(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text(f"{ASKED}\t \n{ASKED}\t{FITTING}\n", "utf-8")
    words = ["match", matcher, "--file", str(table), "--png", str(tmp_path / "match.png")]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 2
    assert "regard: pair 1: there is nothing to draw\n" in printed.err
    assert [path.name for path in tmp_path.glob("*.png")] == ["match-2.png"]


def test_measures_say_whether_matches_depend_on_what_is_shown(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text(f"{ASKED}\t{FITTING}\n{ASKED}\t{OTHER}\n", "utf-8")
    assert main(["match", matcher, "--file", str(table), "--measures"]) == 0
    written = capsys.readouterr().out
    assert [len(line.split("\t")) for line in written.splitlines()[:2]] == [2, 2]
    printed = " ".join(written.split())
    system = load_as(MatchingSystem, matcher)
    for number, right in enumerate((FITTING, OTHER), start=1):
        assert f"left text of pair {number}" in printed
        assert f"right text of pair {number}" in printed
        assert matcher_faithfulness(system, ASKED, right, "right").verdict in printed
    assert main(["match", matcher, ASKED, FITTING]) == 0
    assert "comprehensiveness" not in capsys.readouterr().out


def test_grades_are_not_measured(tmp_path: Path, refusal: Refusal) -> None:
    train = write_pairs(tmp_path / "train.csv", graded(make_questions(20)))
    data = {"train": train, "grades": (1.0, 5.0)}
    run = RunDirectory(tmp_path.parent / f"{tmp_path.name}-graded")
    settings = tiny("bcnn", data=data, training={"epochs": 1})
    train_matcher(settings, run, report=lambda line: None)
    said = refusal(["match", str(run.path), "a", "b", "--measures"])
    assert said == f"{run.path} gives grades, and --measures is of the probability of a class"


def test_texts_of_any_kind_are_matched(matcher: str, capsys: pytest.CaptureFixture[str]) -> None:
    for left, right in (("中文 是", "🙂🙂"), ("cat", "cat"), ("cat " * 2_000, "dog " * 2_000)):
        assert main(["match", matcher, left, right, "--show"]) == 0
        assert capsys.readouterr().err == ""


def test_a_run_is_evaluated_and_inspected(
    matcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", matcher, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["test"] == RunDirectory(matcher).metrics()["test"]
    other = write_pairs(tmp_path / "other.csv", make_questions(5, seed=3))
    assert main(["evaluate", matcher, "--pairs", str(other)]) == 0
    assert "questions that are ranked" in capsys.readouterr().out
    words = ["evaluate", matcher, "--pairs", str(other), "--group", "label", "--json"]
    assert main(words) == 0
    [figures] = json.loads(capsys.readouterr().out).values()
    assert (figures["questions"], figures["unanswerable"]) == (1, 1)
    assert main(["inspect", matcher]) == 0
    assert "data.group" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("match RUN a", "a match is of two texts; got 1"),
        ("match RUN a b c", "a match is of two texts; got 3"),
        ("match RUN a b --file x.csv", "give two texts or --file, not both"),
        ("match RUN a b --json --show", "--json prints probabilities; leave out --show"),
        (
            "match RUN a b --json --measures --png a.png --pdf a.pdf",
            "--json prints probabilities; leave out --measures, --png and --pdf",
        ),
        ("match RUN a b --html a.png", "--html writes .html or .htm; got a.png"),
        ("match RUN a b --png a.gif", "--png writes .png, .svg or .pdf; got a.gif"),
        ("match RUN --file gone.csv", "gone.csv: no such file"),
        ("match RUN --file pairs.csv", "pairs.csv: no column 'left'; the nearest is "),
        ("match RUN --file three.tsv", "three.tsv: no column 'left'; the nearest is "),
        ("inspect RUN a --heads a.png", "RUN matches two texts; to see where: regard match RUN L"),
        ("match TRANSLATOR a b", "TRANSLATOR holds a system to translate with: regard translate"),
        ("classify RUN a", "RUN holds a system to match with: regard match RUN"),
        ("inspect RUN a", "RUN matches two texts; got 1"),
        ("inspect RUN a b --beam 3", "RUN holds a matcher, which --beam is not for"),
        ("evaluate RUN --texts a.csv", "RUN holds a matcher, which --texts is not for"),
        ("evaluate RUN --beam 3", "RUN holds a matcher, which --beam is not for"),
        ("evaluate RUN --group a", "--group is a column of --pairs; give these too"),
        ("train match --run RUN", "RUN exists already: continue it with --resume, or choose"),
        ("train match --data.name wikiq", "unknown data set 'wikiq'; the nearest of wikiqa"),
        ("train match --data.folder gone", "gone: no such folder"),
        ("train match --data.group a", "data.left, data.right, data.label, data.group and data.gr"),
        ("train match --data.train gone.csv", "gone.csv: no such file"),
        ("train match --data.train pairs.csv", "pairs.csv: no column 'left'; the nearest is "),
        ("train match --data.grades [5,1]", "data.grades are the least grade and a greater; got 5"),
        ("train match --vocabulary.tuned false", "vocabulary.tuned false keeps vocabulary.vectors"),
        ("train match --recipe bcnn --model.score dot", "model.score goes with model.kind abcnn1 "),
        ("train match --recipe abcn", "unknown recipe abcn; there are abcnn3, abcnn2, abcnn1, "),
    ],
)
def test_what_cannot_be_done_is_refused(
    words: str, answer: str, matcher: str, run: str, refusal: Refusal
) -> None:
    Path("pairs.csv").write_text("lift,right,label\na,b,c\n", "utf-8")
    Path("three.tsv").write_text("1\tthe cat\tthe dog\n", "utf-8")
    names = {"RUN": matcher, "TRANSLATOR": run}
    typed = [names.get(word, word) for word in words.split()]
    for name, path in names.items():
        answer = answer.replace(name, path)
    assert refusal(typed).startswith(answer)


@pytest.mark.parametrize(
    ("label", "message"),
    [("6", "label '6' lies outside the grades 1…5"), ("good", "label 'good'")],
)
def test_grades_that_are_none_are_named(label: str, message: str, refusal: Refusal) -> None:
    rows = "".join(f"a{at},b,{at % 5 + 1}\n" for at in range(20))
    Path("graded.csv").write_text(f"left,right,label\n{rows}c,d,{label}\n", "utf-8")
    words = ["train", "match", "--data.train", "graded.csv", "--data.grades", "[1,5]"]
    assert message in refusal(words)


def test_lines_that_are_no_pairs_are_named(matcher: str, type_in: TypeIn, refusal: Refusal) -> None:
    type_in(b"a\tb\nno tab\n")
    said = refusal(["match", matcher])
    assert said == "standard input, line 2: expected two texts with a tab between"


def test_a_classifier_is_no_matcher(toy_classifier: ToyRun, refusal: Refusal) -> None:
    said = refusal(["match", str(toy_classifier.path), "a", "b"])
    assert "holds a system to classify with: regard classify" in said
