"""Every file that a command is asked to draw to is written, or the command says at once why not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from regard.cli.main import main
from tests.conftest import ToyRun

Refusal = Callable[[list[str]], str]
BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def commands(toy_run: ToyRun, toy_matcher: ToyRun, toy_writer: ToyRun) -> dict[str, list[str]]:
    return {
        "curves": ["curves", str(toy_run.path)],
        "generate": ["generate", str(toy_writer.path), "the", "--length", "3"],
        "inspect": ["inspect", str(toy_run.path), "ein haus"],
        "match": ["match", str(toy_matcher.path), "who is it ?", "it is me ."],
        "mechanism": ["mechanism"],
        "translate": ["translate", str(toy_run.path), "ein haus"],
    }


DRAWING = ("curves", "generate", "inspect", "match", "mechanism", "translate")


@pytest.mark.parametrize("command", DRAWING)
def test_each_file_is_written(
    command: str, commands: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = [word for kind in BEGINNINGS for word in (f"--{kind}", f"a.{kind}")]
    assert main([*commands[command], *flags]) == 0
    written = {path.suffix[1:]: path.read_bytes()[:5] for path in tmp_path.iterdir()}
    assert written.keys() == BEGINNINGS.keys()
    assert all(written[kind].startswith(begins) for kind, begins in BEGINNINGS.items())


def test_each_of_several_texts_is_drawn_to_a_file_of_each_kind(
    commands: dict[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*commands["inspect"], "ein hund"]
    files = ["--png", str(tmp_path / "a.png"), "--svg", str(tmp_path / "b.svg")]
    assert main([*words, *files]) == 0
    names = ["a-1.png", "a-2.png", "b-1.svg", "b-2.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wrote")]
    assert said == [f"wrote {tmp_path / name}" for name in names]


def test_a_file_that_cannot_hold_a_text_leaves_the_other_unwritten(
    toy_classifier: ToyRun, refusal: Refusal
) -> None:
    words = ["inspect", str(toy_classifier.path), "a dull film", "--svg", "a.svg"]
    said = refusal([*words, "--png", "a.png"])
    assert said == "the shades of a text are drawn to .svg or --html; got a.png"


@pytest.mark.parametrize("command", DRAWING)
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--png", "a.gif"], "--png writes .png, .svg or .pdf; got a.gif"),
        (["--svg", "a.png"], "--svg writes .svg; got a.png"),
        (["--pdf", "a"], "--pdf writes .pdf; got a"),
        (
            ["--svg", "a.svg", "--png", "b/../a.svg"],
            "--png and --svg must name different files; got a.svg",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_before_anything_is_done(
    command: str,
    flags: list[str],
    said: str,
    commands: dict[str, list[str]],
    refusal: Refusal,
) -> None:
    words = commands[command]
    # There is no such run, which is found out later.
    gone = [words[0], *(["gone"] if len(words) > 1 else []), *words[2:]]
    assert refusal([*gone, *flags]) == said


@pytest.mark.parametrize("command", ["classify", "inspect", "match", "mechanism"])
def test_a_page_of_another_kind_is_refused_before_anything_is_done(
    command: str, commands: dict[str, list[str]], refusal: Refusal
) -> None:
    words = {**commands, "classify": ["classify", "gone", "a"]}[command]
    gone = [words[0], *(["gone"] if len(words) > 1 else []), *words[2:]]
    assert refusal([*gone, "--html", "a.png"]) == "--html writes .html or .htm; got a.png"


@pytest.mark.parametrize("flag", ["--png", "--html"])
def test_what_cannot_be_written_is_named_as_it_was_typed(flag: str, refusal: Refusal) -> None:
    path = f"{'x' * 300}.{flag[2:]}"
    assert refusal(["mechanism", flag, path]) == f"cannot write {path}: File name too long"
