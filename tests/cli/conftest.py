"""What tests of the command share: a run to use it on, and how it refuses what it cannot use."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ToyRun


@pytest.fixture
def run(toy_run: ToyRun) -> str:
    """Name a finished run as one would type it."""
    return str(toy_run.path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder of one's own, so that names are short and everything written is seen."""
    # Imported here: nothing of the package may be imported before its type checks are installed.
    from tests.toy_language import make_pairs, write_pairs

    monkeypatch.chdir(tmp_path)
    write_pairs(Path("pairs.tsv"), make_pairs(30))
    return tmp_path


@pytest.fixture
def refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Sequence[str]], str]:
    """Return what types a command that must be refused, and gives the one line it says.

    The command must end with 2 and leave everything in the folder as it was.
    """
    from regard.cli.main import main

    def refused(words: Sequence[str]) -> str:
        before = written(folder)
        capsys.readouterr()
        assert main(words) == 2, words
        printed = capsys.readouterr()
        assert printed.err.startswith("regard: ")
        assert printed.err.endswith("\n")
        assert printed.err.count("\n") == 1, printed.err
        assert "Traceback" not in printed.out
        assert written(folder) == before
        return printed.err.removeprefix("regard: ").removesuffix("\n")

    return refused


def written(folder: Path) -> dict[str, bytes | None]:
    """Return what stands in a folder, hidden files too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def type_in(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[bytes], None]]:
    """Return what puts bytes on standard input."""
    path: Path = tmp_path_factory.mktemp("typed") / "typed"
    with ExitStack() as opened:

        def put(content: bytes) -> None:
            path.write_bytes(content)
            monkeypatch.setattr(sys, "stdin", opened.enter_context(path.open(encoding="utf-8")))

        yield put
