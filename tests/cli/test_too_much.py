"""What is too much is refused in one line, and what is long is shown in part."""

from collections.abc import Callable
from pathlib import Path

import pytest

from regard.cli.main import main
from tests.conftest import ToyRun

Refusal = Callable[[list[str]], str]


@pytest.mark.parametrize("command", ["inspect", "translate"])
@pytest.mark.parametrize("beam", ["0", "1001", "9999999999"])
def test_a_beam_that_would_fill_the_memory_is_refused(
    command: str, beam: str, run: str, refusal: Refusal
) -> None:
    said = refusal([command, run, "ein", "--beam", beam])
    assert said == f"--beam must be from 1 to 1000; got {beam}"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    ],
)
def test_a_lack_of_memory_is_one_line(
    error: Exception, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: list[str]) -> int:
        raise error

    monkeypatch.setattr("regard.cli.catalogue.run", run)
    assert refusal(["catalogue"]).startswith("there is not enough memory for that; ask for less")


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: list[str]) -> int:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("regard.cli.catalogue.run", run)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        main(["catalogue"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("inspect RUN a the\u00a0dog", "text 2 has 7 tokens; where they look is shown of up to 6"),
        ("generate RUN the --length 4 --attention", "text 1 has 7 tokens, 4 of them to follow; "),
        ("generate RUN the --svg a.svg", "text 1 has 203 tokens, 200 of them to follow; where "),
    ],
)
def test_a_text_too_long_to_see_where_it_looks_is_refused(
    words: str,
    said: str,
    toy_writer: ToyRun,
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("regard.cli.limits.LONGEST", 6)
    typed = [
        str(toy_writer.path) if word == "RUN" else word.replace("\u00a0", " ")
        for word in words.split(" ")
    ]
    assert refusal(typed).startswith(said)


def test_a_long_text_is_shown_in_part_and_drawn_whole(
    toy_writer: ToyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, page = "the dog " * 25, tmp_path / "page.html"
    words = ["inspect", str(toy_writer.path), text.strip(), "--html", str(page)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    both = "the first 128 of 200 source tokens, the first 128 of 200 target tokens; a page has all"
    assert both in " ".join(printed.split())
    assert "the first 128 of 200 tokens" in printed
    assert len([line for line in printed.splitlines() if line.startswith("│")]) == 128
    assert page.stat().st_size > 100_000


@pytest.mark.parametrize("kind", ["toy_run", "toy_classifier"])
def test_a_text_of_a_megabyte_is_answered(
    kind: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    system: ToyRun = request.getfixturevalue(kind)
    assert main(["inspect", str(system.path), "ein mann und " * 80_000]) == 0
    assert 0 < len(capsys.readouterr().out) < 60_000


def test_two_texts_of_a_megabyte_are_answered(
    toy_matcher: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(toy_matcher.path), "the cat " * 125_000, "a dog " * 160_000]) == 0
    assert 0 < len(capsys.readouterr().out) < 60_000
