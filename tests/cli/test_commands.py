"""The command: what it prints, and what it writes where."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import regard
from regard.cli.main import COMMANDS, main
from regard.recipes.translate import train as translate_training
from regard.recipes.translate.settings import RECIPES, TranslateSettings
from regard.training.run_directory import RunDirectory
from tests.cli.reader import shrink_recipes
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, write_config, write_pairs

TypeIn = Callable[[bytes], None]


@pytest.mark.parametrize("command", [command.words for command in COMMANDS])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert " ".join(printed.split()).startswith(f"usage: regard {command} ")
    assert printed.count(f"regard {command}") >= 2, "no example"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_without_a_command_all_are_listed(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    printed = capsys.readouterr().out
    for command in COMMANDS:
        assert f"  regard {command.words} " in printed
        assert command.summary in printed


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"regard {regard.__version__}\n"


@pytest.mark.parametrize("words", [["ein haus"], ["--beam", "2", "ein haus"], ["--", "ein haus"]])
def test_translate_prints_a_line_a_sentence(
    run: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", run, *words]) == 0
    assert capsys.readouterr().out == "a house\n"


def test_translate_shows_where_it_looked(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", run, "ein haus", "--alignment"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a house"
    assert lines[1].split() == ["ein", "haus"]
    assert [line.split()[0] for line in lines[2:]] == ["a", "house", "0"]


def test_translate_prints_several_with_their_scores(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", run, "ein rot haus", "--num_best", "3"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0][1] == "a red house"
    scores = [float(score) for score, _ in lines]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_translate_prints_an_object_a_sentence(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", run, "ein haus", "", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["source"] == "ein haus"
    [best] = first["translations"]
    assert best["text"] == "a house"
    assert best["target_tokens"] == ["a", "house"]
    assert [len(row) for row in best["alignment"]] == [2, 2]
    assert [best["text"] for best in second["translations"]] == [""]


@pytest.mark.parametrize(
    ("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_translate_draws(
    run: str, tmp_path: Path, name: str, begins: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", run, "ein haus", "--png", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert capsys.readouterr().out == "a house\n"


def test_translate_numbers_the_pictures_of_several_sentences(run: str, tmp_path: Path) -> None:
    picture = str(tmp_path / "a.png")
    assert main(["translate", run, "ein haus", "", "ein hund", "--png", picture]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1.png", "a-3.png"]


LINES = b"\xef\xbb\xbfein haus\r\n\n \nein hund\n\n"
TRANSLATED = "a house\n\n\na dog\n\n"


def test_translate_gives_a_line_for_a_line_of_a_file(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines").write_bytes(LINES)
    assert main(["translate", run, "--file", str(tmp_path / "lines")]) == 0
    assert capsys.readouterr().out == TRANSLATED


def test_translate_gives_a_line_for_a_line_of_standard_input(
    run: str, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(LINES)
    assert main(["translate", run]) == 0
    assert capsys.readouterr().out == TRANSLATED


def test_nothing_is_translated_to_nothing(
    run: str, tmp_path: Path, type_in: TypeIn, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(b"")
    assert main(["translate", run]) == 0
    (tmp_path / "empty").touch()
    assert main(["translate", run, "--file", str(tmp_path / "empty")]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("way", "extra"),
    [
        ("argument", []),
        ("standard input", []),
        ("file", []),
        ("file", ["--json"]),
        ("file", ["--alignment"]),
    ],
)
def test_a_very_long_line_is_cut_with_a_warning(
    run: str,
    tmp_path: Path,
    way: str,
    extra: list[str],
    type_in: TypeIn,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = "ein haus " * 11_112
    assert len(line) > 100_000
    content = f"ein hund\n{line}\nein baum\n"
    (tmp_path / "lines").write_text(content, "utf-8")
    type_in(content.encode())
    words = {
        "file": ["--file", str(tmp_path / "lines")],
        "standard input": [],
        "argument": ["ein hund", line, "ein baum"],
    }
    assert main(["translate", run, "--beam", "1", *words[way], *extra]) == 0
    printed = capsys.readouterr()
    assert printed.err == "regard: line 2: the last 22204 tokens were not read\n"
    assert "a dog" in printed.out
    assert "a tree" in printed.out


def test_evaluate_scores_the_runs_own_data_as_training_did(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = RunDirectory(run).metrics()
    for split in ("test", "validation"):
        assert main(["evaluate", run, "--split", split, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {split: metrics[split]}


def test_evaluate_scores_other_pairs(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_pairs(tmp_path / "other.tsv", make_pairs(20, seed=3))
    assert main(["evaluate", run, "--pairs", str(other), "--beam", "2"]) == 0
    printed = capsys.readouterr().out
    assert "sacreBLEU nrefs:1|" in printed
    assert "perplexity, teacher-forced" in printed


def test_evaluate_takes_pairs_of_any_length(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pairs(tmp_path / "long.tsv", make_pairs(5))
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{'ein haus ' * 12_000}\ta house\n\t\nnichts\t\n")
    assert main(["evaluate", run, "--pairs", str(path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)[str(path)]
    assert figures["left_out"] == 1
    assert figures["perplexity"] > 1


def test_inspect_shows_settings_and_figures(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", run]) == 0
    printed = capsys.readouterr().out
    for group in dataclasses.fields(TranslateSettings):
        assert f" {group.name}." in printed
    assert "sacreBLEU" in printed


def test_inspect_says_of_an_unfinished_run_how_to_go_on(
    tmp_path: Path, toy_run: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (toy_run.path / "config.json").read_text("utf-8")
    (tmp_path / "config.json").write_text(config, "utf-8")
    assert main(["inspect", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"not finished; go on with --run {tmp_path} --resume" in printed


def test_inspect_shows_and_writes_where_a_sentence_looks(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["inspect", run, "ein haus", "--html", str(page)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("a house\n")
    assert "looked most at" in printed
    assert "coverage" in printed
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_catalogue_lists_all_and_explains_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue"]) == 0
    printed = capsys.readouterr().out
    for shelf in ("scores", "normalizers", "masks", "biases", "rotary", "nn", "models"):
        assert f"regard.{shelf}" in printed
    for words in ("additive", "regard.scores.additive"):
        assert main(["catalogue", words]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith("regard.scores.additive(")
        assert "Bahdanau" in printed


def test_data_lists_all_and_looks_into_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("dates", "multi30k", "tatoeba"))
    for stem, num_lines in (("train", 3), ("val", 2), ("test_2016_flickr", 1)):
        for language in ("de", "en"):
            (tmp_path / f"{stem}.{language}").write_text(f"{language}\n" * num_lines)
    (tmp_path / "val.en").write_text("en\n\n")
    assert main(["data", "multi30k", "--folder", str(tmp_path)]) == 0
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["train", "3", "0", "de", "en"],
        ["validation", "1", "1", "de", "en"],
        ["test", "1", "0", "de", "en"],
    ]


def test_train_leaves_out_and_counts_what_cannot_be_learnt_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [(pair.source, pair.target) for pair in make_pairs(60)]
    rows = [*pairs, ("", "nothing"), ("nichts", " "), ("", ""), ("ein haus " * 12_000, "a house")]
    train = tmp_path / "train.tsv"
    train.write_text("".join(f"{source}\t{target}\n" for source, target in rows), "utf-8")
    validation = write_pairs(tmp_path / "validation.tsv", make_pairs(5, seed=1))
    config = write_config(
        tmp_path / "config.yaml",
        data={"train": train, "validation": validation},
        training={"epochs": 1},
    )
    run = tmp_path / "run"
    assert main(["train", "translate", "--config", str(config), "--run", str(run)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "60 pairs to learn from (3 with an empty side left out)" in printed
    assert "(1 longer than 20 tokens left out), 5 to choose by" in printed
    assert f"regard translate {run} --alignment" in printed


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Note what would be trained, and train nothing."""
    noted: list[tuple[Any, ...]] = []

    def note(settings: TranslateSettings, run: RunDirectory, *, resume: bool) -> dict[str, Any]:
        noted.append((settings, run.path, resume))
        return {}

    monkeypatch.setattr(translate_training, "train_translator", note)
    return noted


@pytest.mark.parametrize("recipe", RECIPES)
def test_settings_start_at_the_recipe(recipe: str, resolved: list[tuple[Any, ...]]) -> None:
    assert main(["train", "translate", "--recipe", recipe]) == 0
    assert resolved == [(RECIPES[recipe], Path("runs") / recipe, False)]


def test_flags_come_before_the_file_and_the_file_before_the_recipe(
    tmp_path: Path, resolved: list[tuple[Any, ...]]
) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("model:\n  hidden_dim: 7\n  embed_dim: 9\n", "utf-8")
    words = ["--recipe", "words", "--config", str(config), "--model.embed_dim", "11"]
    assert main(["train", "translate", *words, "--run", "here"]) == 0
    model = dataclasses.replace(RECIPES["words"].model, hidden_dim=7, embed_dim=11)
    settings = dataclasses.replace(RECIPES["words"], model=model)
    assert resolved == [(settings, Path("here"), False)]


def test_the_printed_configuration_can_be_given_back(
    tmp_path: Path,
    resolved: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["train", "translate", "--recipe", "words", "--model.cell", "lstm"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--print_config"])
    assert left.value.code == 0
    config = tmp_path / "mine.yaml"
    config.write_text(capsys.readouterr().out, "utf-8")
    assert main(["train", "translate", "--config", str(config)]) == 0
    assert main(words) == 0
    assert resolved[0] == resolved[1]


def test_an_interrupt_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("regard.cli.catalogue.run", interrupted)
    assert main(["catalogue"]) == 130
    assert capsys.readouterr() == ("", "regard: interrupted\n")


def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.setattr("regard.cli.catalogue.run", missing)
    assert main(["catalogue"]) == 2
    assert capsys.readouterr().err == (
        "regard: this needs matplotlib: pip install 'regard[train,plot]'\n"
    )


@pytest.mark.parametrize("command", [command.words for command in COMMANDS])
def test_help_shows_its_examples_a_line_each(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"  regard {command}") for line in lines)


# 2


def test_what_is_printed_to_be_typed_is_one_line_however_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink_recipes(monkeypatch)
    run = tmp_path / ("long" * 25)
    assert main(["demo", "--run", str(run)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert f'  regard translate {run} "fr: mardi 5 mai 1998" --alignment' in printed


# 3


def test_inspect_says_that_a_line_was_cut(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", run, "ein haus " * 20]) == 0
    assert "20 tokens were not read" in capsys.readouterr().err


# 11


def test_a_sentence_may_begin_with_a_dash(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", run, "- ein haus", "--beam", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("a house")
