"""The command: what it prints, and that a mistake is one line and exit code 2."""

import json
from pathlib import Path

import pytest

from regard.cli.main import COMMANDS, main
from regard.recipes.translate import train_translator
from regard.training.run_directory import RunDirectory
from tests.recipes.toy import tiny_settings, write_pairs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("toy")
    settings = tiny_settings(write_pairs(folder / "pairs.tsv"))
    train_translator(settings, RunDirectory(folder / "run"), report=lambda line: None)
    return str(folder / "run")


@pytest.mark.parametrize("command", [command.words for command in COMMANDS])
def test_help_teaches_by_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0
    assert f"regard {command}" in capsys.readouterr().out


def test_translate_prints_a_line_and_where_it_looked(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["translate", run, "--beam", "2", "--alignment", "eins zwei"]) == 0
    printed = capsys.readouterr().out
    assert "eins zwei" in printed
    assert len(printed.splitlines()) > 3


def test_translate_writes_json_and_pictures(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    assert main(["translate", run, "eins zwei", "--json", "--png", str(picture)]) == 0
    [best] = json.loads(capsys.readouterr().out)["translations"]
    assert len(best["alignment"]) == len(best["target_tokens"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_translate_keeps_empty_lines_of_a_file(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines").write_text("eins\n\nzwei\n", "utf-8")
    assert main(["translate", run, "--file", str(tmp_path / "lines")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1] == ""


def test_evaluate_inspect_catalogue_and_data_run(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["evaluate", run, "--split", "validation", "--json"]) == 0
    assert "bleu_signature" in capsys.readouterr().out
    assert main(["inspect", run]) == 0
    assert "model.hidden_dim" in capsys.readouterr().out
    assert main(["inspect", run, "eins", "--html", str(page)]) == 0
    assert page.read_text("utf-8").startswith("<!")
    assert main(["catalogue", "additive"]) == 0
    assert "Bahdanau" in capsys.readouterr().out
    assert main(["data"]) == 0
    assert "multi30k" in capsys.readouterr().out


def mistakes(run: str, folder: Path) -> dict[str, list[str]]:
    """What people type, by what the answer must say."""
    (folder / "empty.tsv").write_text("")
    (folder / "bad.tsv").write_bytes(b"eins\tone\nzwei\t\xff\xfe\n")
    (folder / "a.de").write_text("eins\nzwei\n")
    (folder / "a.en").write_text("one\n")
    (folder / "typo.yaml").write_text("model:\n  hiden_dim: 3\n")
    train = ["train", "translate", "--run", str(folder / "new"), "--data.train"]
    return {
        "did you mean translate": ["translat"],
        "did you mean --model.hidden_dim": ["train", "translate", "--model.hiden_dim", "3"],
        "did you mean model.hidden_dim": [
            *["train", "translate", "--config", str(folder / "typo.yaml")]
        ],
        "unknown recipe": ["train", "translate", "--recipe", "nope"],
        "no such file": [*train, str(folder / "none.tsv")],
        "empty.tsv": [*train, str(folder / "empty.tsv")],
        "bad.tsv": [*train, str(folder / "bad.tsv")],
        "a.en": [*train, str(folder / "a"), "--data.source", "de", "--data.target", "en"],
        "there is no run directory": ["translate", str(folder / "nowhere"), "x"],
        "has finished": ["train", "translate", "--run", run, "--resume"],
        "exists already": [
            *["train", "translate", "--run", run, "--data.train"],
            str(write_pairs(folder / "pairs.tsv")),
        ],
        "--png writes": ["translate", run, "x", "--png", "x.gif"],
        "not both": ["translate", run, "x", "--file", str(folder / "a.de")],
        "--num_best": ["translate", run, "x", "--num_best", "9"],
        "model.dropout": [*train, str(folder / "pairs.tsv"), "--model.dropout", "2"],
        "no mechanism": ["catalogue", "aditive"],
        "unknown data set": ["data", "multi30"],
    }


def test_a_mistake_is_one_line_and_leaves_nothing(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for answer, words in mistakes(run, tmp_path).items():
        assert main(words) == 2, words
        printed = capsys.readouterr().err
        assert printed.startswith("regard: "), printed
        assert printed.count("\n") == 1, printed
        assert answer in printed, printed
    assert not (tmp_path / "new").exists()


def test_an_interrupt_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("regard.cli.catalogue.run", interrupted)
    assert main(["catalogue"]) == 130
    assert "interrupted" in capsys.readouterr().err
