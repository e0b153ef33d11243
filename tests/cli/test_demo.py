"""`regard demo`, with a model and dates so few that it is trained in a second."""

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from regard.cli.main import main
from regard.recipes import demo
from regard.recipes.translate.watcher import ValidationTranslator
from regard.training.run_directory import RunDirectory
from tests.cli.programs import interrupt
from tests.cli.reader import shrink_recipes
from tests.conftest import ToyRun

LEGEND = "0 ···░░░░░▒▒▒▒▒▓▓▓▓▓███ 1"
RUN = Path("runs/demo")
PICTURES = ["alignment-1.png", "alignment-2.png", "alignment-3.png"]

Show = Callable[[], str]


@pytest.fixture(autouse=True)
def small_recipes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shrink_recipes(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    """Return what runs the demo and returns what it prints."""

    def run_demo() -> str:
        capsys.readouterr()
        assert main(["demo"]) == 0
        return capsys.readouterr().out

    return run_demo


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo in a new folder, once; return the folder and what was printed."""
    folder = tmp_path_factory.mktemp("demo")
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(printed):
        shrink_recipes(patched)
        patched.chdir(folder)
        assert main(["demo"]) == 0
    return folder, printed.getvalue()


@pytest.fixture
def shown(first: tuple[Path, str], tmp_path: Path) -> str:
    """Stand where the demo has just been run; return what was printed."""
    folder, printed = first
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return printed


def after_training(printed: str) -> str:
    """Return what the demo printed from the figures on."""
    return printed[printed.index("┏") :]


def exact(run: Path) -> str:
    return f"{RunDirectory(run).metrics()['test']['exact']:.2f} %"


def test_the_demo_trains_scores_shows_and_draws(shown: str) -> None:
    assert "300 pairs to learn from, 30 to choose by, 60 to judge by" in shown
    assert "epoch 1/1" in shown
    assert f"Of dates it never saw it reads {exact(RUN)} exactly right." in shown
    assert re.search(rf"exactly right .*{re.escape(exact(RUN))}", shown)
    assert shown.count(LEGEND) == 3
    assert re.findall(r"^(\w+): .+  →  .*$", shown, re.MULTILINE) == ["de", "ja", "ru"]
    assert sorted(path.name for path in RUN.glob("*.png")) == PICTURES
    for name in PICTURES:
        assert (RUN / name).read_bytes().startswith(b"\x89PNG")


class Page(HTMLParser):
    """What a page shows, and what it makes a browser fetch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text = path.read_text("utf-8")
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"action", "data", "href", "poster", "src", "srcset"}:
                self.fetched.append(value or "")


def test_the_page_shows_the_same_and_needs_nothing_else(shown: str) -> None:
    page = Page(RUN / "report.html")
    assert f"The same as a page: {RUN}/report.html" in shown
    assert page.tags.count("table") == 3
    assert exact(RUN) in page.text
    assert [link for link in page.fetched if not link.startswith(("#", "data:"))] == []
    assert {"link", "iframe", "img"}.isdisjoint(page.tags)
    assert re.findall(r"url\((?!['\"]?data:)|@import|https?://(?!www\.w3\.org/)", page.text) == []


def test_what_the_demo_says_to_try_next_works(
    shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, suggested = shown.partition("Try next:\n")
    commands = [shlex.split(line) for line in suggested.splitlines()]
    assert [words[:2] for words in commands] == [
        ["regard", "translate"],
        ["regard", "catalogue"],
        ["regard", "train"],
    ]
    *tried, asking = commands
    for _, *words in tried:
        assert main(words) == 0
    with pytest.raises(SystemExit) as left:
        main(asking[1:])
    assert left.value.code == 0
    assert LEGEND in capsys.readouterr().out


def test_a_finished_demo_shows_its_readings_again(
    shown: str, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_again(*_: object, **__: object) -> None:
        raise AssertionError("a finished demo was trained again")

    monkeypatch.setattr(demo, "train_translator", train_again)
    for name in (*PICTURES, "report.html"):
        (RUN / name).unlink()
    again = show()
    assert f"{RUN} holds a trained date reader; remove it to train again" in again
    assert after_training(again) == after_training(shown)
    assert {*PICTURES, "report.html"} <= {path.name for path in RUN.iterdir()}


def test_an_interrupted_demo_goes_on_where_it_was(
    first: tuple[Path, str],
    show: Show,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ValidationTranslator, "on_train_epoch_end", stop)
        assert main(["demo"]) == 130
    assert capsys.readouterr().err == "regard: interrupted\n"
    assert not RunDirectory(RUN).finished
    assert show().count(LEGEND) == 3
    resumed, whole = (RunDirectory(run).metrics() for run in (RUN, first[0] / RUN))
    times = {"minutes": 0, "step_ms": 0}
    assert resumed | times == whole | times


@pytest.mark.usefixtures("shown")
def test_a_demo_that_was_stopped_at_its_end_is_not_trained_again(show: Show) -> None:
    weights = (RUN / "model.safetensors").read_bytes()
    interrupt(RUN)
    assert "epoch 1/1" not in show()
    assert (RUN / "model.safetensors").read_bytes() == weights


def test_another_run_is_left_alone(toy_run: ToyRun, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in toy_run.path.rglob("*")}
    assert main(["demo", "--run", str(toy_run.path)]) == 2
    printed = capsys.readouterr()
    assert printed.err == (
        f"regard: {toy_run.path} is another run; choose a --run of its own for the demo\n"
    )
    assert printed.out == ""
    assert {path: path.stat().st_mtime_ns for path in toy_run.path.rglob("*")} == before
